"""What stands above the codes of a user's own system, as the user's own table has it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

TOP = ""  # the parent of a code that has none


def ancestors(code: str, parents: Mapping[str, str]) -> list[str]:
    """What stands above a code, nearest first; where parents run round, until one comes again."""
    found: dict[str, None] = {}
    while (code := parents.get(code, TOP)) not in (TOP, *found):
        found[code] = None
    return list(found)


@dataclass(frozen=True)
class CustomTree:
    """Rows (code, parent, title), sorted: a cohort's codes of the system, and all above them.

    The parent of a code at the top is "". A title may be empty.
    """

    rows: tuple[tuple[str, str, str], ...]

    @classmethod
    def over(cls, codes: Iterable[str], rows: Iterable[tuple[str, str, str]]) -> Self:
        """The part of a table of rows that these codes need."""
        by_code = {row[0]: row for row in rows}
        needed: dict[str, tuple[str, str, str]] = {}
        for code in codes:
            while code in by_code and code not in needed:
                needed[code] = by_code[code]
                code = by_code[code][1]
        return cls(tuple(sorted(needed.values())))

    def __contains__(self, code: str) -> bool:
        return code in self._parents

    @cached_property
    def _parents(self) -> dict[str, str]:
        return {code: parent for code, parent, _ in self.rows}

    @cached_property
    def _titles(self) -> dict[str, str]:
        return {code: title for code, _, title in self.rows}

    @cached_property
    def uppers(self) -> frozenset[str]:
        """The codes that stand above another."""
        return frozenset(parent for _, parent, _ in self.rows) - {TOP}

    def above(self, code: str) -> list[str]:
        """What stands above a code, nearest first; nothing is said twice where parents run round.

        >>> CustomTree((("k", "", "Heart"), ("k1", "k", "Infarct"))).above("k1")
        ['k']
        """
        return [one for one in ancestors(code, self._parents) if one != code]

    def category(self, code: str) -> str:
        """The group of a code: itself where it stands above others, else its parent if it has one.

        As ICD's category is the group of itself and of all that begin with it.
        """
        return code if code in self.uppers else self._parents.get(code) or code

    def chapter(self, code: str) -> str | None:
        """Code and title of the topmost above a code; None for one that is alone."""
        top = [code, *self.above(code)][-1]
        if top == code and code not in self.uppers:
            return None
        return f"{top} {self._titles.get(top, '')}".strip()
