"""Tables that may be larger than memory: streams of record batches, their files, their sorting."""

import os
import tempfile
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from isd_pipeline.data.io.files import naming_full_disk, replacing


def _texts(*names: str) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


NOTES = _texts("document_id", "patient_id", "note_id", "text")
CODES = _texts("document_id", "patient_id", "system", "code")
TITLES = _texts("code", "system", "title")
# `of` is the code whose title a code has that has none of its own, null where the title is its own.
LENDER = pa.field("of", pa.string())
# Of a system of the user's own, and what stands above its codes: `parent` is empty at the top, and
# null for a code of ICD, whose tree is known.
OWN_TITLES = _texts("code", "system", "title", "parent")
SPLITS = _texts("document_id", "split")
# A row is a stretch of a note, in code points, that was marked as naming a code in its dotted form.
# The parts of one mention, as of "dolor ... renal", have the same number `mention`.
MENTIONS = pa.schema(
    [
        *_texts("document_id", "note_id", "system", "code"),
        ("begin", pa.int32()),
        ("end", pa.int32()),
        ("mention", pa.int32()),
    ]
)
LABELS = pa.schema([("document_id", pa.string()), ("labels", pa.list_(pa.string()))])
SORTING = "sorting the rows on disk (TMPDIR says where)"
ROWS = 512  # rows of notes or token lists that are held at once: some megabytes


@dataclass(frozen=True)
class RecordStream:
    """A table as batches of rows, which can be read again and again.

    Iterating over the stream starts a new pass each time; the stream itself holds no row.
    `rows` is how many rows its file keeps together, and `columns` reads a few columns only,
    where the source can do so without touching the others. `path` is its file, where it is whole
    in one, which others can read too.
    """

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]
    rows: int = ROWS
    columns: Callable[[Sequence[str]], "RecordStream"] | None = None
    path: Path | None = None

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return self.batches()

    def select(self, names: Sequence[str]) -> "RecordStream":
        """The same rows with fewer columns."""
        if self.columns is not None:
            return self.columns(names)
        schema = pa.schema([self.schema.field(name) for name in names])
        return RecordStream(schema, lambda: (batch.select(names) for batch in self), self.rows)

    def read(self) -> pa.Table:
        """All rows at once, for a table that is known to be small."""
        return pa.Table.from_batches(list(self), schema=self.schema)


@dataclass(frozen=True)
class Extraction:
    """What a source of data gives: its tables, and what was counted while reading.

    `splits` is there where the corpus itself comes split, `mentions` (of every split) where people
    marked what names a code.
    """

    notes: RecordStream
    codes: RecordStream
    titles: RecordStream
    counts: dict[str, int]
    splits: pa.Table | None = None
    mentions: pa.Table | None = None


def table_of(rows: Iterable[Sequence[Any]], schema: pa.Schema) -> pa.Table:
    """Rows of cells as a table, of none an empty one."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def stream_table(table: pa.Table, rows: int = 65_536) -> RecordStream:
    """A table in memory as a stream."""
    return RecordStream(table.schema, lambda: iter(table.to_batches(max_chunksize=rows)), rows)


def write_parquet(stream: RecordStream, path: Path) -> int:
    """Write a stream to a Parquet file, whole or not at all, and return the number of rows.

    The bytes depend on the rows alone, not on how the stream cut them into batches.
    """
    written = 0
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(
            temporary,
            stream.schema,
            write_statistics=False,  # nobody looks for a word or an offset by its size
            **_encodings(stream.schema),
        ) as writer,
    ):
        for table in rebatch(stream, stream.rows):
            writer.write_table(table.combine_chunks(), row_group_size=stream.rows)
            written += table.num_rows
    return written


def open_parquet(path: Path, columns: Sequence[str] | None = None) -> RecordStream:
    """A Parquet file as a stream; memory holds one group of rows of the columns asked for."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; the stage that makes it has not run")
    try:
        schema = pq.read_schema(path)
        rows = pq.read_metadata(path)
    except pa.ArrowInvalid:
        raise ValueError(f"{path}: not a whole Parquet file; run the stage that makes it") from None
    names = schema.names if columns is None else list(columns)
    group = rows.row_group(0).num_rows if rows.num_row_groups else ROWS

    def batches() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            for number in range(file.num_row_groups):  # a group has its own numbers for words
                yield from file.iter_batches(group, [number], names, use_threads=False)

    kept = pa.schema([schema.field(name) for name in names])
    narrow = partial(open_parquet, path)
    return RecordStream(kept, batches, max(group, ROWS), narrow, path.absolute())


def rebatch(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of exactly `rows` rows, the last one shorter."""
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        while count + batch.num_rows >= rows:
            head = batch.slice(0, rows - count)
            yield pa.Table.from_batches([*waiting, head])
            batch, waiting, count = batch.slice(head.num_rows), [], 0
        if batch.num_rows:
            waiting.append(batch)
            count += batch.num_rows
    if waiting:
        yield pa.Table.from_batches(waiting)


class SortedSpill:
    """Rows sorted by a tuple of integers, stably: these in memory, the rows themselves on disk.

    The file has no name, so a killed process leaves nothing of the notes behind.
    """

    def __init__(self, schema: pa.Schema, keys: Sequence[str], folder: Path | None = None) -> None:
        self.schema = schema
        self._names = list(keys)
        self._folder = Path(folder or tempfile.gettempdir())
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 (lives as long as the rows)
        self._starts, self._keys = array("q", [0]), [np.empty((len(keys), 0), dtype=np.int64)]

    def add(self, batch: pa.RecordBatch) -> None:
        """Take some more rows; they come after all earlier rows of the same key."""
        with naming_full_disk(self._folder, SORTING):
            for row in range(batch.num_rows):
                size = self._file.write(batch.slice(row, 1).serialize())
                self._starts.append(self._starts[-1] + size)
        self._keys.append(np.stack([batch[name].to_numpy() for name in self._names]))

    def read(self) -> Iterator[pa.RecordBatch]:
        """All rows in order. The rows may be read again; add none in between."""
        with naming_full_disk(self._folder, SORTING):
            self._file.flush()
        order = np.lexsort(np.concatenate(self._keys, axis=1)[::-1])
        for start in range(0, len(order), ROWS):
            yield pa.concat_batches([self._row(n) for n in order[start : start + ROWS]])

    def stream(self, schema: pa.Schema) -> RecordStream:
        """The sorted rows, less the columns that they were sorted by."""
        return RecordStream(schema, lambda: (batch.select(schema.names) for batch in self.read()))

    def _row(self, number: int) -> pa.RecordBatch:
        start, end = self._starts[number], self._starts[number + 1]
        data = os.pread(self._file.fileno(), end - start, start)
        return pa.ipc.read_record_batch(pa.py_buffer(data), self.schema)


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Words repeat; offsets ascend, and once packed cannot be compressed; texts do neither.

    LZ4 makes files half as large again as zstd would, and costs a third of its time.
    """
    leaves = {_leaf(field): field for field in schema}
    numbers = {name: "DELTA_BINARY_PACKED" for name, field in leaves.items() if _is_number(field)}
    return {
        "use_dictionary": [name for name in leaves if name not in numbers and name != "text"],
        "column_encoding": numbers,
        "compression": {name: "NONE" if name in numbers else "LZ4" for name in leaves},
    }


def _leaf(field: pa.Field) -> str:
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def _is_number(field: pa.Field) -> bool:
    inner = field.type.value_type if pa.types.is_list(field.type) else field.type
    return bool(pa.types.is_integer(inner))
