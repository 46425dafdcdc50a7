"""Reading a CSV file of any size by an explicit schema: all columns are text.

No type is ever inferred, because a code that was once a number has lost its zeros. Column names
match without case; `.csv` and `.csv.gz` are read alike, with LF or CRLF ends. A message names
file, row (the header is row 1; a row may span many lines) and column, never what a cell holds.
"""

import codecs
import csv
import io
import logging
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from isd_pipeline.data.io.files import sha256

LOG = logging.getLogger(__name__)
BLOCK = 2 << 20  # bytes; pyarrow reads some dozens ahead. A row must fit into one
PIECE = 1 << 18
END = "\x04end of file\x04"  # appended as a last row; see _with_end_row


def find_csv(folder: Path, name: str) -> Path:
    """The file of a table, plain or gzipped, its name in either case."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the one that holds {name}.csv")
    tried = [f"{name}.csv", f"{name}.csv.gz"]
    found = {path.name.lower(): path for path in sorted(folder.iterdir(), reverse=True)}
    for wanted in tried:
        if wanted.lower() in found:
            return found[wanted.lower()]
    raise FileNotFoundError(
        f"{folder}: holds neither {tried[0]} nor {tried[1]}; docs/data.md says how to get it"
    )


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
    names = [found[name] for name in columns]
    rows = _File(_with_end_row(path, len(header), separator, encoding))
    row, ended = 2, False
    for batch in _batches(path, rows, names, separator):
        numbers = pa.array(np.arange(row, row + batch.num_rows))
        row += batch.num_rows
        if batch.num_rows and batch.column(0)[-1].as_py() == END:
            batch, numbers, ended = batch.slice(0, batch.num_rows - 1), numbers[:-1], True
        yield pa.record_batch([*batch.columns, numbers], [*columns, "row"])
    if not ended:
        raise ValueError(
            f"{path}, row {row - 1}: the file ends inside a quoted cell, so it is cut off; "
            "copy or download it again"
        )


def read_header(path: Path, *, separator: str = ",", encoding: str | None = None) -> list[str]:
    """The column names as the file writes them."""
    try:
        with pa.input_stream(str(path), buffer_size=1 << 16) as stream:
            first = stream.read(1 << 16)
    except (OSError, EOFError) as error:
        raise _refusal(path, error) from None
    if encoding is not None:
        first = codecs.getincrementaldecoder(encoding)("replace").decode(first).encode()
    line = re.split(rb"\r?\n", first, maxsplit=1)[0].removeprefix(b"\xef\xbb\xbf")
    try:
        header = next(csv.reader([line.decode("utf-8")], delimiter=separator), [])
    except (UnicodeDecodeError, csv.Error):
        raise ValueError(f"{path}, row 1: not a CSV header in UTF-8") from None
    if not header:
        raise ValueError(f"{path}: the file is empty, not even a header; copy it again")
    return header


def check_sum(path: Path) -> None:
    """Compare a file with SHA256SUMS.txt beside it, where there is one that names it."""
    path = Path(path)
    sums = path.with_name("SHA256SUMS.txt")
    lines = sums.read_text("utf-8").splitlines() if sums.exists() else []
    pairs = (line.split(maxsplit=1) for line in lines)
    known = {pair[1].strip().lstrip("*./"): pair[0] for pair in pairs if len(pair) == 2}
    if path.name in known and (digest := sha256(path)) != known[path.name].lower():
        raise ValueError(
            f"{path}: its SHA-256 begins {digest[:8]}, {sums.name} says {known[path.name][:8]}: "
            "the file is cut off or changed; download it again"
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
            near = get_close_matches(name.lower(), list(spelled), n=1)
            hint = f"; is it '{spelled[near[0]]}'?" if near else ""
            raise ValueError(f"{path}, row 1: no column {name} among {', '.join(header)}{hint}")
    return {name: spelled[name.lower()] for name in wanted}


def _batches(
    path: Path, rows: io.RawIOBase, names: list[str], separator: str
) -> Iterator[pa.RecordBatch]:
    """What pyarrow reads, its errors made one line without a word of the row."""

    def refuse(row: pa.csv.InvalidRow) -> str:
        return "error"  # with its text in the message, which _refusal leaves out

    try:
        with pa.csv.open_csv(
            io.BufferedReader(rows, PIECE),
            read_options=pa.csv.ReadOptions(block_size=BLOCK, use_threads=False),
            parse_options=pa.csv.ParseOptions(
                delimiter=separator, newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=pa.csv.ConvertOptions(
                include_columns=names,
                column_types={name: pa.string() for name in names},
                null_values=[""],
                strings_can_be_null=True,
            ),
        ) as reader:
            yield from reader
    except (pa.ArrowInvalid, OSError, EOFError) as error:
        raise _refusal(path, error) from None


def _refusal(path: Path, error: Exception) -> Exception:
    """What pyarrow found, told again: its own message quotes the row."""
    if isinstance(error, FileNotFoundError):
        return FileNotFoundError(f"{path}: no such file")
    place = re.search(r"Row #(\d+)", str(error))
    at = f", row {place[1]}" if place else ""
    for pattern, what in _FAULTS.items():
        if found := re.search(pattern, str(error)):
            return ValueError(f"{path}{at}: {found.expand(what)}")
    return type(error)(f"{path}{at}: cannot be read as CSV ({type(error).__name__})")


_FAULTS = {  # of pyarrow's messages
    r"Expected (\d+) columns, got (\d+)": r"\2 cells where the header has \1; copy the file again",
    "UTF8": "bytes that are not UTF-8; convert the file first, e.g. `iconv -f latin1 -t utf8`",
    "straddl": f"a row longer than {BLOCK >> 20} MiB: a quotation mark is missing",
    "Truncated": "the compressed file is cut off; download it again",
    "inflate|CRC": "the compressed data are damaged; download the file again",
}


def _with_end_row(path: Path, width: int, separator: str, encoding: str | None) -> Iterator[bytes]:
    """The bytes of a file, unpacked, then one more row that marks the end.

    pyarrow takes a file that stops inside a quoted cell for whole. There the added row is
    swallowed by the open cell, so a reader that does not meet it knows that the file is cut.
    With an `encoding` the bytes are made UTF-8 on the way.
    """
    piece = b""
    pieces = _pieces(path)
    for piece in pieces if encoding is None else _as_utf8(pieces, path, encoding):
        yield piece
    if not piece.endswith(b"\n"):
        LOG.warning("%s: no line end after the last row; the file may be cut off", path)
    yield ("\n" + separator.join([END] * width) + "\n").encode()


def _pieces(path: Path) -> Iterator[bytes]:
    with pa.input_stream(str(path), compression="detect") as file:
        while data := file.read(PIECE):
            yield data


def _as_utf8(pieces: Iterator[bytes], path: Path, encoding: str) -> Iterator[bytes]:
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


class _File(io.RawIOBase):
    """Pieces of bytes as a file that can be read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._waiting = pieces, memoryview(b"")

    def readable(self) -> bool:
        """Always: what io asks before it reads."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as one piece goes; 0 at the end."""
        if not self._waiting:
            self._waiting = memoryview(next(self._pieces, b""))
        size = min(len(buffer), len(self._waiting))
        buffer[:size], self._waiting = self._waiting[:size], self._waiting[size:]
        return size
