"""Rows of a Parquet file as parts: what one worker reads of a stream that a file holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from isd_pipeline.data.io.parts import LOOP, Engine, divided, map_parts, ranges
from isd_pipeline.data.io.tables import ROWS, RecordStream

R = TypeVar("R")


@dataclass(frozen=True)
class Rows:
    """The rows from `begin` to `end` of a Parquet file, counted from 0; a message counts from 1."""

    path: Path
    begin: int
    end: int

    def __str__(self) -> str:
        if self.end - self.begin == 1:
            return f"{self.path}, row {self.end}"
        return f"{self.path}, rows {self.begin + 1} to {self.end}"

    def halves(self) -> list[Rows]:
        """The first rows and the last."""
        return [replace(self, begin=a, end=b) for a, b in divided(self.begin, self.end)]

    def read(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """What the part holds of each group of rows, one after the other."""
        with pq.ParquetFile(self.path) as file:
            sizes = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
            start = 0
            for number, size in enumerate(sizes):
                begin, end = max(self.begin - start, 0), min(self.end - start, size)
                if begin < end:
                    for batch in file.iter_batches(size, [number], columns, use_threads=False):
                        yield batch.slice(begin, end - begin)
                start += size

    def stream(self, columns: Sequence[str]) -> RecordStream:
        """The same as a stream."""
        schema = pq.read_schema(self.path)
        kept = pa.schema([schema.field(name) for name in columns])
        return RecordStream(kept, lambda: self.read(columns))


def row_parts(stream: RecordStream, engine: Engine) -> list[Rows]:
    """A stream in parts that no group of rows is cut by; empty where this process reads it all."""
    if engine.name == "loop" or stream.path is None:
        return []
    size = _whole_groups(engine.rows, stream.rows)
    return [Rows(stream.path, *rows) for rows in ranges(_count(stream.path), size)]


def document_parts(notes: RecordStream, engine: Engine) -> list[Rows]:
    """Notes in parts of whole documents, so many at a time that a file written of them is the same.

    Only the ids are read for it. Notes of one document stand together.
    """
    if engine.name == "loop" or notes.path is None:
        return []
    starts: list[np.ndarray] = []
    last, row = None, 0
    for batch in notes.select(["document_id"]):
        ids = batch["document_id"].to_pylist()
        before = [last, *ids[:-1]]
        new = [row + n for n, (a, b) in enumerate(zip(before, ids, strict=True)) if a != b]
        starts.append(np.array(new, dtype=np.int64))
        last, row = ids[-1] if ids else last, row + len(ids)
    firsts = np.concatenate([*starts, np.empty(0, np.int64)])[
        :: _whole_groups(engine.rows)
    ].tolist()
    borders = [*firsts, row]
    return [Rows(notes.path, a, b) for a, b in pairwise(borders)]


def map_batches(
    function: Callable[..., R],
    stream: RecordStream,
    columns: Sequence[str],
    engine: Engine = LOOP,
    *,
    common: Sequence[Any] = (),
    what: str = "parts",
) -> Iterator[R]:
    """`function(batch, *common)` of each batch of some columns of a stream, in its order."""
    parts = row_parts(stream, engine)
    if not parts:
        for batch in stream.select(columns):
            yield function(batch, *common)
    given = [function, tuple(columns), *common]
    for results in map_parts(_of_batches, parts, engine, common=given, what=what):
        yield from results


def _of_batches(
    part: Rows, function: Callable[..., R], columns: Sequence[str], *common: Any
) -> list[R]:
    return [function(batch, *common) for batch in part.read(columns)]


def _whole_groups(rows: int, group: int = ROWS) -> int:
    """Rows of a part, a multiple of what a file keeps together."""
    return max(1, rows // group) * group


def _count(path: Path) -> int:
    return int(pq.read_metadata(path).num_rows)
