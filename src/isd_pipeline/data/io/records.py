"""Bytes of a CSV file cut where rows end, so that each part can be parsed by itself.

A line end within a quoted cell ends no row. A quotation mark opens a cell only where the cell
begins, as the parser has it; in the midst of one it is a letter.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_QUOTE, _END = 0x22, 0x0A


class NoRowEndError(Exception):
    """A row is longer than a block may be; `rows` whole ones stand before it."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows


class Block(NamedTuple):
    """Bytes that begin with a row, and how many rows end in them.

    `is_open`: they end within a quoted cell, as the last block of a file that is cut off may.
    """

    data: bytes
    rows: int
    is_open: bool = False


def whole_rows(pieces: Iterator[bytes], separator: str, size: int) -> Iterator[Block]:
    """The same bytes in blocks of about `size`, each of whole rows; at last what has no row end.

    Raises NoRowEndError for a row that is longer than `size`.
    """
    waiting, rows = b"", 0
    for piece in pieces:
        waiting += piece
        if len(waiting) < size:
            continue
        ends = row_ends(waiting, separator)
        if not len(ends):
            raise NoRowEndError(rows)
        cut = int(ends[-1]) + 1
        yield Block(waiting[:cut], len(ends))
        waiting, rows = waiting[cut:], rows + len(ends)
    if waiting:
        yield Block(waiting, len(row_ends(waiting, separator)), is_open(waiting, separator))


def lines_of(pieces: Iterator[bytes], longest: int | None = None) -> Iterator[bytes]:
    """The lines of a file with their line feeds, the last perhaps without.

    One that is longer than `longest` comes in a part that is longer than that, and nothing after.
    """
    waiting = b""
    for piece in pieces:
        *lines, waiting = (waiting + piece).split(b"\n")
        yield from (line + b"\n" for line in lines)
        if longest is not None and len(waiting) > longest:
            yield waiting
            return
    if waiting:
        yield waiting


def row_ends(block: bytes, separator: str) -> np.ndarray:
    """Where rows end in a block that begins with one: the places of their line feeds, int64."""
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == _END)
    inside = np.searchsorted(_edges(block, separator), ends) % 2
    return ends[inside == 0]


def is_open(block: bytes, separator: str) -> bool:
    """Whether a block that begins with a row ends within a quoted cell."""
    return len(_edges(block, separator)) % 2 == 1


def _edges(block: bytes, separator: str) -> np.ndarray:
    """The quotation marks that begin and end quoted cells, in turn.

    Of a mark written twice the first ends the cell and the second begins it again, which comes to
    the same.
    """
    quotes = np.flatnonzero(np.frombuffer(block, np.uint8) == _QUOTE)
    before = np.frombuffer(b"\n" + block, np.uint8)[quotes[::2]]
    begins = np.frombuffer(f'\r\n"{separator}'.encode(), np.uint8)
    if np.isin(before, begins).all():
        return quotes
    return np.array(_edges_one_by_one(block, begins.tobytes().replace(b'"', b"")), dtype=np.int64)


def _edges_one_by_one(block: bytes, begins: bytes) -> list[int]:
    """The same where some marks are letters of a cell."""
    edges: list[int] = []
    at = block.find(b'"')
    while at >= 0:
        if len(edges) % 2 == 0:
            if at == 0 or block[at - 1] in begins:
                edges.append(at)
        elif block[at + 1 : at + 2] == b'"':
            at += 1
        else:
            edges.append(at)
        at = block.find(b'"', at + 1)
    return edges
