"""Many notes in many files, or in one Parquet file, as parts that are read one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from isd_pipeline.coding.coder import Note
from isd_pipeline.coding.notes import distinct, note_of, read_notes
from isd_pipeline.data.io.addresses import at_path, is_remote, list_files, name_of, opened
from isd_pipeline.data.io.parts import Engine, divided

PARQUET = ".parquet"
FILES = (".csv", ".csv.gz", ".jsonl")
ENDINGS = (PARQUET, *FILES)
AT_ONCE = 256  # notes of a Parquet file in memory


@dataclass(frozen=True)
class NotePart:
    """The notes from `begin` to `end` of a file, counted from 0; None: to its end.

    `known` is the digest of notes whose answers are there already.
    """

    address: str
    begin: int = 0
    end: int | None = None
    known: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is all of its file."""
        return self.begin == 0 and self.end is None

    def __str__(self) -> str:
        """Rows are counted as in the messages of `read_notes`: a header is the first."""
        first = 2 if name_of(self.address).lower().endswith((".csv", ".csv.gz")) else 1
        if self.is_whole:
            return self.address
        begin, end = self.begin + first, (self.end or 0) + first - 1
        rows = f"row {begin}" if begin == end else f"rows {begin} to {end}"
        return f"{self.address}, {rows}"

    def halves(self) -> list[NotePart]:
        """The first notes and the last; empty where there is one note, or they cannot be read."""
        try:
            end = sum(1 for _ in self.read()) if self.end is None else self.end
        except (ValueError, OSError):
            return []  # the reader has named the row
        return [replace(self, begin=a, end=b) for a, b in divided(self.begin, end)]

    def read(self, languages: Sequence[str] = ()) -> Iterator[Note]:
        """Its notes, few of them in memory; raises what `read_notes` raises, by its own address."""
        if name_of(self.address).lower().endswith(PARQUET):
            yield from distinct(_of_parquet(self, languages))
            return
        with at_path(self.address) as path:
            yield from islice(read_notes(path, languages), self.begin, self.end)


def is_many(notes: str, engine: Engine) -> bool:
    """Whether notes are to be coded in parts: an address, a folder of tables.

    One Parquet file has parts as well, but a loop has no need of them.
    """
    if is_remote(notes) or (notes.lower().endswith(PARQUET) and engine.name != "loop"):
        return True
    path = Path(notes)
    return path.is_dir() and any(_is_table(one.name) for one in path.iterdir())


def note_parts(notes: str, engine: Engine) -> tuple[list[NotePart], int]:
    """The parts in their order, and how many files and folders beside them are passed over.

    A Parquet file is divided between its groups of rows, about `engine.rows` rows a part; any other
    file is one part, since it is read from its beginning.
    """
    files, folders = list_files(notes)
    tables = [file for file in files if _is_table(name_of(file))]
    if not tables:
        raise ValueError(f"{notes}: no file of notes there that ends in {', '.join(ENDINGS)}")
    if any(name_of(file).lower().endswith(".txt") for file in files):
        raise ValueError(f"{notes}: holds tables of notes and .txt files; put one kind elsewhere")
    parts = [part for file in tables for part in _parts_of(file, engine)]
    return parts, folders + len(files) - len(tables)


def _is_table(name: str) -> bool:
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


def _parts_of(file: str, engine: Engine) -> list[NotePart]:
    if not name_of(file).lower().endswith(PARQUET):
        return [NotePart(file)]
    with opened(file) as source:
        meta = _parquet(source, file).metadata
        sizes = [meta.row_group(n).num_rows for n in range(meta.num_row_groups)]
    borders, row = [0], 0
    if not sum(sizes):
        return [NotePart(file, 0, 0)]
    for size in sizes:
        row += size
        if row - borders[-1] >= engine.rows:
            borders.append(row)
    if row > borders[-1]:
        borders.append(row)
    return [NotePart(file, a, b) for a, b in pairwise(borders)]


def _of_parquet(part: NotePart, languages: Sequence[str]) -> Iterator[tuple[str, Note]]:
    with opened(part.address) as source:
        file = _parquet(source, part.address)
        columns = _columns(file.schema_arrow, part.address, languages)
        row = 0
        for number in range(file.num_row_groups):
            size = file.metadata.row_group(number).num_rows
            if row + size > part.begin and (part.end is None or row < part.end):
                yield from _of_group(file, number, columns, part, row, languages)
            row += size


def _of_group(
    file: pq.ParquetFile,
    number: int,
    columns: list[str],
    part: NotePart,
    row: int,
    languages: Sequence[str],
) -> Iterator[tuple[str, Note]]:
    """The notes of one group of rows, of which `row` is the first, that are of the part."""
    for batch in file.iter_batches(AT_ONCE, [number], columns, use_threads=False):
        begin = max(part.begin - row, 0)
        end = batch.num_rows if part.end is None else min(part.end - row, batch.num_rows)
        for n in range(begin, end):
            place = f"{part.address}, row {row + n + 1}"
            try:
                cells = {name: batch[name][n].as_py() for name in columns}
            except UnicodeDecodeError:
                raise ValueError(f"{place}: bytes that are not UTF-8; write it anew") from None
            yield f"{place}, column id", note_of(cells, languages, place)
        row += batch.num_rows


def _parquet(source: object, address: str) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(source)
    except (pa.ArrowInvalid, OSError):
        raise ValueError(f"{address}: not a whole Parquet file; copy it again") from None


def _columns(schema: pa.Schema, address: str, languages: Sequence[str]) -> list[str]:
    for name in ("id", "text"):
        if name not in schema.names:
            raise ValueError(f"{address}: no column {name}; it has {', '.join(schema.names)}")
    return ["id", "text", *(["language"] if languages and "language" in schema.names else [])]
