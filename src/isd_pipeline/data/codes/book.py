"""A code book: every code of a coding system, what stands above it, its terms and its notes.

A book is a table with a row a code, in the book's own order: what stands below a code follows it.
It is made where the packages that hold the official books are installed (`book_sources`) and then
carried as bytes, so that where notes are coded neither these packages nor their two seconds of
reading are needed.

Axes: M rows of the book.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pyarrow as pa

from isd_pipeline.data.codes import icd
from isd_pipeline.shapes import Int

NoteKind = Literal["excludes1", "code_first", "use_additional_code"]
NOTES: tuple[NoteKind, ...] = get_args(NoteKind)
NO_PARENT = -1
_TEXTS = pa.list_(pa.string())
TABLE = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("code", "title")),
        pa.field("parent", pa.int32()),
        *(pa.field(name, _TEXTS) for name in ("terms", *NOTES)),
    ]
)


@dataclass(frozen=True)
class Entry:
    """A code of a book, or a block or chapter of it.

    `terms` are conditions that are coded so. `billable`: nothing stands below it.
    """

    code: str
    title: str
    terms: tuple[str, ...]
    billable: bool


@dataclass(frozen=True, eq=False)
class Book:
    """`table` is of the schema `TABLE`; `edition` is the book's name with its year.

    `system` is one of `coding_systems.OFFICIAL`. A block of one category is one row with it.
    """

    system: str
    edition: str
    table: pa.Table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __contains__(self, code: str) -> bool:
        return code in self._rows

    def entry(self, code: str) -> Entry:
        """KeyError for a code that the book lacks, as of all that are asked by a code."""
        return self.entry_at(self._rows[code])

    def entry_at(self, row: int) -> Entry:
        """What stands in a row, from 0."""
        title, terms = (self.table[name][row].as_py() for name in ("title", "terms"))
        return Entry(self.codes[row], title, tuple(terms or ()), self._is_leaf(row))

    def ancestors(self, code: str) -> list[Entry]:
        """What stands above a code, nearest first, up to its chapter."""
        return [self.entry_at(row) for row in self._above(self._rows[code])]

    def is_within(self, code: str, upper: str) -> bool:
        """Whether a code is another, or stands below it."""
        return self._rows[upper] in (self._rows[code], *self._above(self._rows[code]))

    def children(self, code: str) -> list[Entry]:
        """What stands right below a code, in the book's order."""
        row = self._rows[code]
        return [self.entry_at(int(child)) for child in np.flatnonzero(self.parents == row)]

    def chapters(self) -> list[Entry]:
        """What stands below nothing."""
        return [self.entry_at(int(row)) for row in np.flatnonzero(self.parents == NO_PARENT)]

    def leaves(self, code: str) -> list[str]:
        """The billable codes below a code, in the book's order; none of one that is billable."""
        row = self._rows[code]
        return [self.codes[one] for one in range(row + 1, self._end(row)) if self._is_leaf(one)]

    def nearest(self, code: str) -> str | None:
        """The longest beginning of a code that the book has; None where it has none."""
        return next((known for known in icd.parents(code) if known in self._rows), None)

    def notes(self, code: str, kind: NoteKind) -> Iterator[tuple[str, str]]:
        """The notes that hold for a code, with the code under which each stands.

        Its own come first, then those of what stands above it, nearest first: a note holds for all
        that stands below it.
        """
        row = self._rows[code]
        for source in (row, *self._above(row)):
            for text in self.table[kind][source].as_py() or ():
                yield self.codes[source], text

    @cached_property
    def codes(self) -> list[str]:
        """Of every row [M]."""
        return list(self.table["code"].to_pylist())

    @cached_property
    def parents(self) -> Int[np.ndarray, " M"]:
        """The row of what stands above each row, -1 of a chapter."""
        return np.asarray(self.table["parent"].to_numpy())

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {code: row for row, code in enumerate(self.codes)}

    def _above(self, row: int) -> Iterator[int]:
        while (row := int(self.parents[row])) != NO_PARENT:
            yield row

    def _is_leaf(self, row: int) -> bool:
        return row + 1 == len(self) or int(self.parents[row + 1]) != row

    def _end(self, row: int) -> int:
        """The first row behind all that stands below a row."""
        further = self.parents[row + 1 :] < row
        return row + 1 + int(further.argmax()) if further.any() else len(self)


def make_book(system: str, edition: str, rows: Iterable[dict[str, object]]) -> Book:
    """A book of rows as `TABLE` has them, `parent` by its code; None for what is empty.

    Raises:
        ValueError: a code comes twice, or what follows a code does not stand below it.
    """
    found, places = [], dict[str, int]()
    for number, row in enumerate(rows):
        code, above = str(row["code"]), row["parent"]
        if code in places or (above is not None and above not in places):
            raise ValueError(f"{edition}: {code} stands twice, or before what stands above it")
        places[code] = number
        parent = NO_PARENT if above is None else places[str(above)]
        found.append({**row, "parent": parent} | {n: row.get(n) or None for n in ("terms", *NOTES)})
    book = Book(system, edition, pa.Table.from_pylist(found, TABLE))
    _refuse_scattered(book)
    return book


def _refuse_scattered(book: Book) -> None:
    """Each row's parent is the row before it or stands above that one."""
    path: list[int] = []
    for row, parent in enumerate(book.parents.tolist()):
        while path and path[-1] != parent:
            path.pop()
        if not path and parent != NO_PARENT:
            raise ValueError(f"{book.edition}: {book.codes[row]} does not follow what it is below")
        path.append(row)


def pack(book: Book) -> bytes:
    """A book as the bytes of a compressed Arrow file: the same book gives the same bytes."""
    named = book.table.replace_schema_metadata({"system": book.system, "edition": book.edition})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, named.schema, options=options) as writer:
        writer.write_table(named.combine_chunks())
    return bytes(sink.getvalue())


def unpack(content: bytes) -> Book:
    """The opposite of `pack`; a ValueError (pa.ArrowInvalid is one) for what is no book."""
    table = pa.ipc.open_file(pa.py_buffer(content)).read_all()
    said = {name.decode(): value.decode() for name, value in (table.schema.metadata or {}).items()}
    if not table.schema.remove_metadata().equals(TABLE) or not {"system", "edition"} <= {*said}:
        raise ValueError("a book of codes in another layout")
    return Book(said["system"], said["edition"], table)
