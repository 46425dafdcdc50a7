"""What the code book says of the codes suggested for a note.

A rule drops no code and touches no score. Of a code alone it says whether the book has it and
whether it may be billed; between codes, what the book's notes say of those above the threshold. Of
a code whose system has no book in the bundle nothing is said: its rules are None.

Axes: L codes of the bundle.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from typing_extensions import TypedDict  # pydantic describes no other before Python 3.12

from isd_pipeline.data.codes.book import Book, NoteKind, unpack
from isd_pipeline.data.codes.coding_systems import kind_of
from isd_pipeline.data.codes.icd import undot
from isd_pipeline.data.codes.note_codes import CodeRange, codes_named
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.shapes import Float

if TYPE_CHECKING:
    from isd_pipeline.coding.coder import Suggestion

LEAVES = 10  # billable codes that are named of one that is not
InstructionKind = Literal["code_first", "use_additional_code"]
INSTRUCTIONS: tuple[InstructionKind, ...] = get_args(InstructionKind)


class Leaf(TypedDict):
    """A billable code."""

    code: str
    title: str


class Unknown(TypedDict):
    """The book of this year lacks the code; `nearest` is its longest beginning that it has."""

    kind: Literal["unknown"]
    book: str
    nearest: str | None


class NotBillable(TypedDict):
    """Codes stand below it, `leaf_count` that may be billed; `leaves` are the likeliest."""

    kind: Literal["not_billable"]
    leaves: list[Leaf]
    leaf_count: int


# A note under `source` says that the code and another, "with", are not to be coded together. As a
# word of Python "with" cannot be written in a class.
Excludes1 = TypedDict(
    "Excludes1", {"kind": Literal["excludes1"], "with": str, "source": str, "note": str}
)


class Instruction(TypedDict):
    """A note under `source` names what goes with the code; `suggested` are those of it that are."""

    kind: InstructionKind
    source: str
    note: str
    suggested: list[str]


Rule = Unknown | NotBillable | Excludes1 | Instruction


class Rules:
    """The books of a bundle, which are read when they are first asked, and the bundle's codes."""

    def __init__(self, books: Mapping[str, bytes], codes: CodeIndex) -> None:
        self._packed, self._codes = books, codes

    @cached_property
    def books(self) -> dict[str, Book]:
        """The book of each kind of codes; a kind that is not here has none."""
        return {kind_of(system): unpack(content) for system, content in self._packed.items()}

    @property
    def editions(self) -> dict[str, str]:
        """The names of the books, each with its year."""
        return {kind: book.edition for kind, book in self.books.items()}

    def judge(
        self, suggested: Sequence[Suggestion], scores: Float[np.ndarray, " L"]
    ) -> tuple[Suggestion, ...]:
        """The same suggestions in their order, each with its rules."""
        above = [one for one in suggested if one.above_threshold]
        among = {
            kind: Among(book, (one.code for one in above if one.system == kind))
            for kind, book in self.books.items()
        }
        return tuple(
            replace(one, rules=(*self._alone(one, scores), *among[one.system].rules(one.code)))
            if one.system in among
            else one
            for one in suggested
        )

    def _alone(
        self, one: Suggestion, scores: Float[np.ndarray, " L"]
    ) -> Iterator[Unknown | NotBillable]:
        code, book, places = code_of(one.code), self.books[one.system], self._places[one.system]
        if code not in book:
            yield {"kind": "unknown", "book": book.edition, "nearest": book.nearest(code)}
        elif leaves := book.leaves(code):
            known = [leaf for leaf in leaves if leaf in places]
            known.sort(key=lambda leaf: -scores[places[leaf]])
            first = list(dict.fromkeys([*known, *leaves]))[:LEAVES]
            titled: list[Leaf] = [{"code": leaf, "title": book.entry(leaf).title} for leaf in first]
            yield {"kind": "not_billable", "leaves": titled, "leaf_count": len(leaves)}

    @cached_property
    def _places(self) -> dict[str, dict[str, int]]:
        """Which column of the scores a code of each kind has."""
        places: dict[str, dict[str, int]] = {kind: {} for kind in self.books}
        pairs = zip(self._codes.codes, self._codes.systems, strict=True)
        for place, (label, kind) in enumerate(pairs):
            if kind in places:
                places[kind][code_of(label)] = place
        return places


class Among:
    """The codes above the threshold of a note, of one kind, and what the book's notes say of them.

    Which comes first changes nothing.
    """

    def __init__(self, book: Book, labels: Iterable[str]) -> None:
        self._book = book
        self._labels = {undot(label): label for label in labels}
        self._bare = sorted(self._labels)
        self._excluded: dict[str, dict[tuple[str, str], str]] = {one: {} for one in self._bare}
        for one in self._bare:
            for source, note in self._notes(self._labels[one], "excludes1"):
                for other in self._named(note, one, source):
                    for which, of in ((one, other), (other, one)):
                        self._excluded[which].setdefault((self._labels[of], source), note)

    def rules(self, label: str) -> Iterator[Excludes1 | Instruction]:
        """Of a code: the codes that exclude it or that it excludes, then what goes with it."""
        for (other, source), note in sorted(self._excluded.get(undot(label), {}).items()):
            yield {"kind": "excludes1", "with": other, "source": source, "note": note}
        for kind in INSTRUCTIONS:
            for source, note in self._notes(label, kind):
                suggested = sorted(self._labels[one] for one in self._named(note, undot(label)))
                yield {"kind": kind, "source": source, "note": note, "suggested": suggested}

    def _notes(self, label: str, kind: NoteKind) -> Iterator[tuple[str, str]]:
        code = code_of(label)
        return self._book.notes(code, kind) if code in self._book else iter(())

    def _named(self, note: str, but: str, source: str | None = None) -> list[str]:
        """The codes that a note names, undotted, but one, and those that stand below its source.

        A note that excludes what it stands above itself ("any type in A15" under A15-A19) cannot
        mean it.
        """
        ranges = (found for line in note.split("\n") for found in codes_named(line))
        found = {one for codes in ranges for one in self._within(codes)} - {but}
        return [one for one in sorted(found) if not self._is_below(one, source)]

    def _within(self, codes: CodeRange) -> Iterator[str]:
        first = bisect_left(self._bare, codes.first)
        last = bisect_right(self._bare, f"{codes.last}~")
        return (one for one in self._bare[first:last] if one in codes)

    def _is_below(self, one: str, source: str | None) -> bool:
        code = code_of(self._labels[one])
        return source is not None and code in self._book and self._book.is_within(code, source)


def code_of(label: str) -> str:
    """A label as a book writes it: Edin et al. have `I10.` for I10."""
    return label.removesuffix(".")


def in_a_line(rules: Iterable[Rule]) -> str:
    """Rules as a cell of a table has them: kinds, each with the codes that it names.

    >>> in_a_line([{"kind": "excludes1", "with": "E11.9", "source": "E10", "note": ""}])
    'excludes1 E11.9'
    """
    cells = (" ".join([rule["kind"], *_codes_of(rule)]) for rule in rules)
    return "; ".join(dict.fromkeys(cells))


def _codes_of(rule: Rule) -> list[str]:
    match rule["kind"]:
        case "unknown":
            return [f"in {rule['book']}"]
        case "not_billable":
            return [leaf["code"] for leaf in rule["leaves"]]
        case "excludes1":
            return [rule["with"]]
        case _:
            return rule["suggested"]
