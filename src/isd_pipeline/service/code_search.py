"""Codes by their beginnings and by the words of their titles.

Searched are the codes of a bundle. `search_codes` is all that the service calls.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from isd_pipeline.data.codes.icd import parents, undot
from isd_pipeline.data.cohorts import CodeIndex


@dataclass(frozen=True)
class Found:
    """A code; `above` are the codes above it, nearest first, down to its category."""

    code: str
    title: str
    system: str
    above: tuple[str, ...]


@dataclass(frozen=True)
class FoundCodes:
    """What a query may mean, the likeliest first."""

    codes: list[Found]


def search_codes(codes: CodeIndex, query: str, limit: int) -> list[Found]:
    """The codes that a query may mean, at most `limit`: the code itself, those that it begins, and
    those whose title has a word that begins as each of its words; neither case, dots of a code nor
    accents matter.
    """
    words = _folded(query).split()
    start = undot(query.strip()).casefold()
    if not words:
        return []
    found = []
    for n, (code, title) in enumerate(zip(codes.codes, codes.titles, strict=True)):
        bare = undot(code).casefold()
        if bare.startswith(start):
            found.append((int(bare != start), n))
        elif all(f" {word}" in _folded(title) for word in words):
            found.append((2, n))
    return [_shown(codes, n) for _, n in sorted(found)[:limit]]


def _shown(codes: CodeIndex, n: int) -> Found:
    code = codes.codes[n]
    return Found(code, codes.titles[n], codes.systems[n], tuple(parents(code)))


@lru_cache(maxsize=200_000)
def _folded(text: str) -> str:
    """Words in lower case without accents, a space before each."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = (letter for letter in plain if not unicodedata.combining(letter))
    return " " + " ".join("".join(c if c.isalnum() else " " for c in kept).split())
