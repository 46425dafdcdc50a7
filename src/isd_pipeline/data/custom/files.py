"""A user's files, CSV, JSONL or Parquet, as batches of text under our column names, block by block.

A number where a code should be is refused whatever the format; an id may be a whole number. What
is wrong with a row goes to `Findings`; what is wrong with a file raises at once. No message holds
a cell.
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from isd_pipeline.data.custom.layout import FORMATS, FileForm
from isd_pipeline.data.io.check_sums import check_sum
from isd_pipeline.data.io.content import is_parquet, refuse_no_text, unpacked
from isd_pipeline.data.io.delimited import as_utf8, read_csv, read_header
from isd_pipeline.data.io.missing import without_missing
from isd_pipeline.data.io.records import lines_of
from isd_pipeline.data.io.tables import ROWS
from isd_pipeline.data.quality.findings import Finding, Findings

SEPARATORS = (",", ";", "\t", "|")
CODE_COLUMNS = ("code", "codes")
KINDS = {
    **dict.fromkeys((".csv", ".tsv", ".txt"), "csv"),
    **dict.fromkeys((".jsonl", ".ndjson"), "jsonl"),
    ".parquet": "parquet",
}
OTHER_KINDS = {  # and what to do with them
    **dict.fromkeys((".xlsx", ".xls"), "save it as CSV (UTF-8), the codes as text"),
    ".json": "one object a line is read: `jq -c '.[]' FILE.json > FILE.jsonl`",
}
DOUBLED = 'a quotation mark in a cell is doubled (""), not written \\"'
NUMBERS = "numbers, where zeros are lost (0389 becomes 389)"
AS_TEXT = "write codes as text"
_SURROGATE = re.compile("[\ud800-\udfff]")


def column_names(path: Path, form: FileForm) -> list[str]:
    """The columns of a file; of JSONL, those of its first 100 rows."""
    kind = _format(path)
    if kind == "csv":
        _refuse_strange_bytes(path, form)
        return read_header(path, separator=_separator(path, form), encoding=form.encoding)
    if kind == "parquet":
        return list(_parquet_schema(path).names)
    rows = islice(_json_objects(path, form), 100)
    return list(dict.fromkeys(key for _, row in rows for key in row))


def read_rows(
    path: Path, columns: Mapping[str, tuple[str, ...]], form: FileForm, findings: Findings
) -> Iterator[pa.RecordBatch]:
    """Batches of the columns by our names, and `row`: strings, or lists where codes are listed."""
    names, kind = _theirs(columns), _format(path)
    if kind == "csv":
        separator = _separator(path, form)
        batches = _told(read_csv(path, names, separator=separator, encoding=form.encoding), form)
    elif kind == "parquet":
        check_sum(path)
        batches = _parquet_rows(path, path, names)
    else:
        batches = _json_rows(path, columns, form, findings)
    yield from _by_our_names(batches, columns, path)


def read_groups(
    file: IO[bytes], place: str, columns: Mapping[str, tuple[str, ...]], begin: int, end: int
) -> Iterator[pa.RecordBatch]:
    """As `read_rows`, of the rows from `begin` to `end` of a Parquet file, which are whole groups.

    `row` counts those before them too. The file itself has been looked at by who knows its groups.
    """
    batches = _parquet_rows(file, place, _theirs(columns), begin, end)
    yield from _by_our_names(batches, columns, place)


def group_sizes(file: IO[bytes]) -> list[int]:
    """The rows of each group of a Parquet file; none of a file of another kind."""
    try:
        meta = pq.read_metadata(file)
    except (pa.ArrowInvalid, OSError):
        return []
    return [meta.row_group(n).num_rows for n in range(meta.num_row_groups)]


def _theirs(columns: Mapping[str, tuple[str, ...]]) -> list[str]:
    return list(dict.fromkeys(name for theirs in columns.values() for name in theirs))


def _by_our_names(
    batches: Iterable[pa.RecordBatch], columns: Mapping[str, tuple[str, ...]], path: Path | str
) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if not batch.num_rows:
            continue
        parts = {
            ours: [_as_text(batch[name], ours, name, path) for name in theirs]
            for ours, theirs in columns.items()
        }
        arrays = [part[0] if len(part) == 1 else _side_by_side(part) for part in parts.values()]
        if "text" in parts:  # a text that is a word for a missing one is no text
            at = list(parts).index("text")
            arrays[at] = without_missing(arrays[at])
        yield pa.record_batch([*arrays, batch["row"]], [*parts, "row"])


def _format(path: Path) -> str:
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    if ending in KINDS:
        if is_parquet(path):  # whatever its ending
            return "parquet"
        if KINDS[ending] == "parquet":
            raise ValueError(
                f"{path}: not a whole Parquet file; copy it again, or correct its name"
            )
        return KINDS[ending]
    remedy = OTHER_KINDS.get(ending, f"give one of {', '.join(FORMATS)}")
    raise ValueError(f"{path}: a file of this kind is not read; {remedy}")


def _separator(path: Path, form: FileForm) -> str:
    if form.separator != "auto":
        return "\t" if form.separator == "tab" else form.separator
    cells = {s: read_header(path, separator=s, encoding=form.encoding) for s in SEPARATORS}
    return max(SEPARATORS, key=lambda separator: len(cells[separator]))


def _told(batches: Iterator[pa.RecordBatch], form: FileForm) -> Iterator[pa.RecordBatch]:
    """The batches; bytes of another encoding are told with the remedy for them."""
    try:
        yield from batches
    except ValueError as error:
        remedy = form.other_encoding if "bytes that are not" in str(error) else ""
        remedy = DOUBLED if "cells where the header has" in str(error) else remedy
        raise ValueError(f"{error}; {remedy}" if remedy else str(error)) from None


def _refuse_strange_bytes(path: Path, form: FileForm) -> None:
    """What would be read as a header of one strange name: UTF-16, and the line ends of old Macs."""
    first = refuse_no_text(path, form.encoding, f"set {form.name('encoding')}: utf-16")
    if b"\r" in first and b"\n" not in first:
        raise ValueError(f"{path}, row 1: line ends are CR alone; save it with LF or CRLF")
    if first.lstrip().startswith(b"{"):
        raise ValueError(
            f"{path}, row 1: JSON instead of a table; is it JSON Lines? Name it .jsonl"
        )


def _parquet_schema(path: Path) -> pa.Schema:
    try:
        return pq.read_schema(path)
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except (pa.ArrowInvalid, OSError):
        raise ValueError(f"{path}: not a whole Parquet file; copy it again") from None


def _parquet_rows(
    source: Path | IO[bytes],
    path: Path | str,
    names: list[str],
    begin: int = 0,
    end: int | None = None,
) -> Iterator[pa.RecordBatch]:
    """Of all groups of rows, or of those that lie within `begin` and `end`."""
    row = begin + 1
    try:
        with pq.ParquetFile(source) as file:
            for batch in _batches(file, names, begin, end):
                numbers = pa.array(np.arange(row, row + batch.num_rows))
                _refuse_other_bytes(batch, row, path)
                row += batch.num_rows
                yield batch.append_column("row", numbers)
    except (pa.ArrowInvalid, OSError):
        raise ValueError(f"{path}, row {row}: damaged from here on; copy the file again") from None


def _batches(
    file: pq.ParquetFile, names: list[str], begin: int, end: int | None
) -> Iterator[pa.RecordBatch]:
    """Group by group, so that it is known which one is damaged."""
    row = 0
    for number in range(file.num_row_groups):
        if row >= begin and (end is None or row < end):
            yield from file.iter_batches(ROWS, [number], names, use_threads=False)
        row += file.metadata.row_group(number).num_rows


def _refuse_other_bytes(batch: pa.RecordBatch, row: int, path: Path | str) -> None:
    """Parquet says that a column is text; whoever wrote the file may not have looked."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            bad = (n for n in range(len(column)) if not _is_text(column.slice(n, 1)))
            what = "bytes that are not UTF-8; write the file anew"
            raise ValueError(f"{path}, row {row + next(bad, 0)}, column {name}: {what}") from None


def _is_text(cell: pa.Array) -> bool:
    try:
        cell.to_pylist()
    except UnicodeDecodeError:
        return False
    return True


def _json_objects(path: Path, form: FileForm) -> Iterator[tuple[int, dict[str, Any]]]:
    check_sum(path)
    refuse_no_text(path, form.encoding, f"set {form.name('encoding')}: utf-16")
    number, ended = 0, True
    try:
        for number, line in enumerate(lines_in_utf8(path, form.encoding), start=1):
            ended = line.endswith(b"\n")
            if line.strip():
                yield number, _json_object(line.decode().removeprefix("\ufeff"))
    except UnicodeDecodeError:
        what = f"bytes that are not UTF-8; {form.other_encoding}"
        raise ValueError(f"{path}, row {number}: {what}") from None
    except _NoObjectError:  # whose own message would quote the line
        remedy = "JSONL has one object a line" if ended else "the file is cut off; copy it again"
        raise ValueError(f"{path}, row {number}: not a JSON object; {remedy}") from None


def lines_in_utf8(path: Path, encoding: str, longest: int | None = None) -> Iterator[bytes]:
    """The lines of a file, made UTF-8 where they are of another encoding; see `lines_of`."""
    pieces = unpacked(path)
    if codecs.lookup(encoding).name != "utf-8":
        pieces = as_utf8(pieces, path, encoding)
    return lines_of(pieces, longest)


class _NoObjectError(ValueError):
    """A line that holds no JSON object."""


def _json_object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise _NoObjectError from None
    if not isinstance(row, dict):
        raise _NoObjectError
    return row


def _json_rows(
    path: Path, columns: Mapping[str, tuple[str, ...]], form: FileForm, findings: Findings
) -> Iterator[pa.RecordBatch]:
    """Columns named as the file has them: text, or lists of text where codes are listed."""
    of = {name: ours for ours, theirs in columns.items() for name in theirs}
    rows = _json_objects(path, form)
    while some := list(islice(rows, ROWS)):
        arrays = []
        for name, ours in of.items():
            place = Finding("error", str(path), "", column=name)
            cells = [
                _json_cell(row.get(name), ours, replace(place, row=n), findings) for n, row in some
            ]
            listed = any(isinstance(cell, list) for cell in cells)
            if listed:  # a lone code beside lists is a list of one
                cells = [[cell] if isinstance(cell, str) else cell for cell in cells]
            arrays.append(pa.array(cells, pa.list_(pa.string()) if listed else pa.string()))
        numbers = pa.array([number for number, _ in some], pa.int64())
        yield pa.record_batch([*arrays, numbers], [*of, "row"])


def _json_cell(value: Any, ours: str, place: Finding, findings: Findings) -> Any:
    """Text as it is, a whole number of an id as text; anything else is told of and becomes null."""
    if value is None or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, str):
        return _whole(value, place, findings)
    if isinstance(value, list) and ours == "codes":
        cells = [_json_cell(one, "code", place, findings) for one in value]
        return [cell for cell in cells if cell is not None]
    what, remedy = f"no text but {type(value).__name__}", "write it as text"
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if is_whole and ours not in ("text", *CODE_COLUMNS):
        return str(value)
    if ours in CODE_COLUMNS and isinstance(value, int | float):
        what, remedy = NUMBERS, AS_TEXT
    findings.add(replace(place, what=what, remedy=remedy))
    return None


def _whole(text: str, place: Finding, findings: Findings) -> str:
    """Half a pair of UTF-16 is no character: one U+FFFD for each, so that offsets stay."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    what = "lone surrogates, read as U+FFFD"
    findings.add(replace(place, level="warning", what=what, remedy="repair the export"))
    return _SURROGATE.sub("\ufffd", text)


def _as_text(column: pa.Array, ours: str, theirs: str, path: Path | str) -> pa.Array:
    """A column as strings, or as lists of strings where codes are listed."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return _as_text(column.cast(kind.value_type), ours, theirs, path)
    is_text = (pa.types.is_string, pa.types.is_null, pa.types.is_large_string)
    if any(of(kind) for of in (*is_text, pa.types.is_string_view)):
        return column.cast(pa.string())
    if ours == "codes" and (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        inner = _as_text(column.flatten(), ours, theirs, path)
        lengths = column.value_lengths().fill_null(0).to_numpy()
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        return pa.ListArray.from_arrays(offsets, inner)
    if pa.types.is_integer(kind) and ours not in ("text", *CODE_COLUMNS):
        return column.cast(pa.string())
    if ours == "date" and (pa.types.is_date(kind) or pa.types.is_timestamp(kind)):
        moments = column.cast(pa.timestamp("us"), safe=False).to_pylist()
        return pa.array([None if m is None else m.isoformat() for m in moments], pa.string())
    what = f"no text but {kind}; write it as text"
    if ours in CODE_COLUMNS and (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        what = f"{NUMBERS}; {AS_TEXT}"
    raise ValueError(f"{path}, column {theirs}: {what}")


def _side_by_side(columns: list[pa.Array]) -> pa.Array:
    """Several columns of a code each, as lists."""
    rows = zip(*(column.to_pylist() for column in columns), strict=True)
    lists = [[code for code in row if code is not None] for row in rows]
    return pa.array(lists, pa.list_(pa.string()))
