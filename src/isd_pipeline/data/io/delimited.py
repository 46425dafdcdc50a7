"""Reading a CSV file of any size by an explicit schema: all columns are text.

No type is ever inferred, because a code that was once a number has lost its zeros. Column names
match without case; `.csv` and `.csv.gz` are read alike, with LF or CRLF ends. A message names
file, row (the header is row 1; a row may span many lines) and column, never what a cell holds.

The file is cut into blocks of whole rows here, and each block is parsed from memory. No thread of
the parser ever holds a Python object: one that did could meet the end of the interpreter, which
aborts the process, and a core dump of it would hold notes.
"""

import codecs
import csv
import logging
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from isd_pipeline.data.io.check_sums import check_sum
from isd_pipeline.data.io.content import refuse_no_text, unpacked
from isd_pipeline.data.io.records import Block, NoRowEndError, row_ends, whole_rows

LOG = logging.getLogger(__name__)
BLOCK = 2 << 20  # bytes that are parsed at once. A row must fit into one
MARK = b"\xef\xbb\xbf"  # of the byte order
LONGEST_NAME = 60
_CELL = re.compile(r"\s*[0-9][-0-9.:/ T]*")  # a number or a date
_SEP = re.compile(rb"sep=.", re.IGNORECASE)  # the line that Excel writes above the header


def find_csv(folder: Path, name: str) -> Path:
    """The file of a table, plain or gzipped, its name in either case.

    Raises FileNotFoundError where there is none, ValueError where there are two: one may be a part
    of the other, and nothing here can tell which is meant.
    """
    tried = [f"{name}.csv", f"{name}.csv.gz"]
    found = find_one(folder, tried)
    if found is None:
        raise FileNotFoundError(
            f"{folder}: holds neither {tried[0]} nor {tried[1]}; docs/data.md says how to get it"
        )
    return found


def find_one(folder: Path, names: Sequence[str]) -> Path | None:
    """The one file of a folder that is called by one of `names`, in any case; None for none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the one that holds {names[0]}")
    wanted = {name.lower() for name in names}
    found = [path for path in sorted(folder.iterdir()) if path.name.lower() in wanted]
    if len(found) > 1:
        told = " and ".join(path.name for path in found)
        raise ValueError(
            f"{folder}: holds {told}, and one may be a part of the other; keep the whole one and "
            "move the rest away"
        )
    return found[0] if found else None


def read_csv(
    path: Path, columns: Sequence[str], *, separator: str = ",", encoding: str | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of `columns` (in that order, named as asked, type string, empty cells null).

    The added column `row` (int64) is the row's number in the file. One block of the file is in
    memory at a time, so a caller that filters each batch never holds the rows it drops. Where an
    `encoding` is given, bytes that are not of it are refused with their line.
    """
    path = Path(path)
    check_sum(path)
    header = read_header(path, separator=separator, encoding=encoding)
    found = _match_columns(path, header, columns)
    places = [header.index(found[name]) for name in columns]
    row = 2
    try:
        for block in _without_header(_blocks(path, separator, encoding), separator):
            batch = _parsed(block, len(header), places, separator, path, row)
            numbers = pa.array(np.arange(row, row + batch.num_rows))
            row += batch.num_rows
            yield pa.record_batch([*batch.columns, numbers], [*columns, "row"])
    except NoRowEndError as error:
        what = f"a row longer than {BLOCK >> 20} MiB: a quotation mark is missing"
        raise ValueError(f"{path}, row {error.rows + 1}: {what}") from None


def read_header(path: Path, *, separator: str = ",", encoding: str | None = None) -> list[str]:
    """The column names as the file writes them."""
    path = Path(path)
    first = refuse_no_text(path, encoding)
    if encoding is not None:
        first = codecs.getincrementaldecoder(encoding)("replace").decode(first).encode()
    first = first.removeprefix(MARK).lstrip(b"\r\n")
    line = re.split(rb"\r?\n", first, maxsplit=1)[0]
    if _SEP.fullmatch(line):
        raise ValueError(f"{path}, row 1: says `sep=` instead of columns; remove this line")
    try:
        header = next(csv.reader([line.decode("utf-8")], delimiter=separator), [])
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path}, row 1: not a CSV header in UTF-8") from None
    if not header:
        raise ValueError(f"{path}: the file is empty, not even a header; copy it again")
    return header


def refuse_data(path: Path, header: Sequence[str]) -> None:
    """A file without a header has a note in its place, which no message may repeat."""
    if any(len(name) > LONGEST_NAME or "\n" in name or _CELL.fullmatch(name) for name in header):
        raise ValueError(
            f"{path}, row 1: holds no names of columns but what looks like data; add a header"
        )


def _match_columns(path: Path, header: list[str], wanted: Sequence[str]) -> dict[str, str]:
    """Wanted name -> name in the file, without regard to case."""
    spelled: dict[str, str] = {}
    asked = {name.lower() for name in wanted}
    for name in header:
        if name.lower() in spelled and name.lower() in asked:
            raise ValueError(f"{path}, row 1: two columns are named {name.upper()}")
        spelled[name.lower()] = name
    for name in wanted:
        if name.lower() not in spelled:
            refuse_data(path, header)
            near = get_close_matches(name.lower(), list(spelled), n=1)
            hint = f"; is it '{spelled[near[0]]}'?" if near else ""
            raise ValueError(f"{path}, row 1: no column {name} among {', '.join(header)}{hint}")
    return {name: spelled[name.lower()] for name in wanted}


def _blocks(path: Path, separator: str, encoding: str | None) -> Iterator[bytes]:
    """The file as UTF-8 in blocks of whole rows; the last may lack its row end, or its quote."""
    pieces = unpacked(path)
    if encoding is not None:
        pieces = as_utf8(pieces, path, encoding)
    rows, block = 0, Block(b"\n", 0)
    for block in whole_rows(pieces, separator, BLOCK):
        rows += block.rows
        if block.is_open:
            raise ValueError(
                f"{path}, row {rows + 1}: the file ends inside a quoted cell, so it is cut off; "
                "copy or download it again"
            )
        yield block.data
    if not block.data.endswith(b"\n"):
        LOG.warning("%s: no line end after the last row; the file may be cut off", path)


def _without_header(blocks: Iterator[bytes], separator: str) -> Iterator[bytes]:
    """The blocks behind the first row, which has the column names."""
    first = next(blocks, b"").removeprefix(MARK).lstrip(b"\r\n")
    ends = row_ends(first, separator)
    yield from chain([first[ends[0] + 1 :] if len(ends) else b""], blocks)


def _parsed(
    block: bytes, width: int, places: Sequence[int], separator: str, path: Path, row: int
) -> pa.RecordBatch:
    """The columns at these places of a block that begins at this row, its errors made one line."""
    names = [str(place) for place in places]
    schema = pa.schema([(name, pa.string()) for name in names])
    if not block.strip(b"\r\n"):
        return pa.RecordBatch.from_pylist([], schema=schema)
    # The parser takes a mark of the byte order away, which within the file is a letter.
    data = MARK + block if block.startswith(MARK) else block
    try:
        table = pa.csv.read_csv(
            pa.BufferReader(data),
            read_options=pa.csv.ReadOptions(
                block_size=len(data) + 1,
                use_threads=False,
                column_names=[str(place) for place in range(width)],
            ),
            parse_options=pa.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
            convert_options=pa.csv.ConvertOptions(
                include_columns=names,
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid as error:
        told = str(error)
    else:
        return table.combine_chunks().to_batches()[0]
    raise _refusal(path, told, row)  # here, where no frame of the parser's is kept alive


def _refusal(path: Path, told: str, row: int) -> ValueError:
    """What the parser found, told again: its own message quotes the row."""
    place = re.search(r"Row #(\d+)", told)
    at = f", row {int(place[1]) + row - 1}" if place else ""
    for pattern, what in _FAULTS.items():
        if found := re.search(pattern, told):
            return ValueError(f"{path}{at}: {found.expand(what)}")
    return ValueError(f"{path}{at}: cannot be read as CSV")


_FAULTS = {  # of the parser's messages
    r"Expected (\d+) columns, got (\d+)": r"\2 cells where the header has \1; copy the file again",
    "UTF8": "bytes that are not UTF-8; convert the file first: `iconv -f cp1252 -t utf-8` if it "
    "comes from Windows",
}


def as_utf8(pieces: Iterator[bytes], path: Path, encoding: str) -> Iterator[bytes]:
    """Bytes of another encoding as UTF-8; a byte that is none of it has its line."""
    decoder, lines = codecs.getincrementaldecoder(encoding)(), 1
    for data in chain(pieces, [b""]):
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            line = lines + error.object[: error.start].count(b"\n")
            what = f"bytes that are not {encoding.upper()}"
            raise ValueError(f"{path}, line {line}: {what}") from None
        lines += text.count("\n")
        if text:
            yield text.encode()
