"""The phrases that coders marked in the training documents, and which codes each named.

Axes: D documents, P phrases, E entries (a phrase and a code that it was marked for), L codes.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain

import numpy as np

from isd_pipeline.shapes import Int
from isd_pipeline.text.mentions import Mentions

Words = Sequence[str]
Phrase = tuple[str, ...]


@cache
def folded(word: str) -> str:
    """A word in small letters without its accents: "lesión" and "lesion" are one.

    There is no space in it, for phrases are kept as words with a space between them; a few letters
    are a space and a mark by their decomposition.
    """
    parts = unicodedata.normalize("NFKD", word.lower())
    kept = (c for c in parts if not unicodedata.combining(c) and not c.isspace())
    return "".join(kept)


@dataclass(frozen=True)
class Phrases:
    """Phrases, sorted, and their entries, sorted by phrase and code.

    phrase, code: of each entry, [E].
    """

    phrases: tuple[Phrase, ...]
    phrase: Int[np.ndarray, " E"]
    code: Int[np.ndarray, " E"]

    def entries_of(self, phrase: int) -> slice:
        """The entries of one phrase."""
        return slice(*np.searchsorted(self.phrase, (phrase, phrase + 1)))


def collect_phrases(
    words: Sequence[Words],
    mentions: Mentions,
    spell: Callable[[str], str],
    *,
    parts: bool,
    longest: int,
) -> Phrases:
    """All marked phrases of the training documents, spelled by `spell`.

    A mention in several parts ("dolor ... renal") is the phrase of all its words and, with `parts`,
    also each part of it. A phrase of more than `longest` words is left out.
    """
    entries: set[tuple[Phrase, int]] = set()
    for document, code, spans in _mentions(mentions):
        spelled = [[spell(word) for word in words[document][a:b]] for a, b in spans]
        found = {tuple(chain.from_iterable(spelled))} | (
            {tuple(one) for one in spelled} if parts else set()
        )
        for phrase in found:
            if len(phrase) <= longest:
                entries.add((phrase, code))
    phrases = sorted({phrase for phrase, _ in entries})
    number = {phrase: n for n, phrase in enumerate(phrases)}
    rows = [(number[phrase], code) for phrase, code in sorted(entries)]
    numbers, codes = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    return Phrases(tuple(phrases), numbers, codes)


def _mentions(mentions: Mentions) -> list[tuple[int, int, list[tuple[int, int]]]]:
    """Document, code and parts of each mention."""
    spans: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for document, code, mention, first, last in mentions.columns.T.tolist():
        spans.setdefault((document, code, mention), []).append((first, last))
    return [(document, code, parts) for (document, code, _), parts in spans.items()]
