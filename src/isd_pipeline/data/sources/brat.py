"""Marks in brat's standoff format: which characters of a text were marked, and as what.

A file has a line `T1<TAB>KIND 3 8;12 20<TAB>words` a mention, places in code points, and a line
`#1<TAB>AnnotatorNotes T1<TAB>code` that gives it its code.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_PLACES = re.compile(r"[0-9]+ [0-9]+(;[0-9]+ [0-9]+)*")


@dataclass(frozen=True)
class Mark:
    """One mention: `parts` are [begin, end) of the text, `note` what was written beside it.

    `where` names file and row of the mention, `where_note` those of the note.
    """

    parts: tuple[tuple[int, int], ...]
    words: str
    note: str
    where: str
    where_note: str


def parts_of(places: str, length: int, where: str) -> tuple[tuple[int, int], ...]:
    """Parse "3 8;12 20", places in a text of `length` code points; ValueError for what is not."""
    if not _PLACES.fullmatch(places):
        raise ValueError(f"{where}: not a list of places such as 3 8;12 20")
    numbers = [int(number) for number in re.split("[ ;]", places)]
    if max(numbers) > length:
        raise ValueError(f"{where}: a place beyond the {length} characters of the text")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def read_marks(rows: Iterable[tuple[str, list[str]]], length: int, kind: str) -> Iterator[Mark]:
    """The mentions of `kind` in a file's rows of three cells, each with its note, in file order.

    Raises ValueError, with the row, for a mention without a note or with two, a note of no mention,
    a place outside the text, and what is neither.
    """
    marked: dict[str, tuple[str, str, str]] = {}
    notes: dict[str, tuple[str, str]] = {}
    for where, (name, what, last) in rows:
        word, _, rest = what.partition(" ")
        if name.startswith("T") and word == kind:
            _refuse_second(name, marked, where)
            marked[name] = where, rest, last
        elif name.startswith("#") and word == "AnnotatorNotes":
            _refuse_second(rest, notes, where)
            notes[rest] = where, last
        else:
            raise ValueError(f"{where}: neither a {kind} nor the note of one")
    for name, (where, _) in notes.items():
        if name not in marked:
            raise ValueError(f"{where}, column 2: a note of no mention")
    for name, (where, places, words) in marked.items():
        if name not in notes:
            raise ValueError(f"{where}: no note gives this mention its code")
        parts = parts_of(places, length, f"{where}, column 2")
        if any(begin >= end for begin, end in parts):
            raise ValueError(f"{where}, column 2: a place without a character")
        yield Mark(parts, words, notes[name][1], where, notes[name][0])


def _refuse_second(name: str, known: Iterable[str], where: str) -> None:
    if name in known:
        raise ValueError(f"{where}: the second row of its kind for one mention")
