"""Finding marked phrases word for word, the longest first.

How far a phrase is to be believed is counted in the training documents: of those in which it is
found, how many have the code.

Axes: P phrases, E entries (a phrase and a code that it was marked for), L codes, N words.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.mentions.phrases import Phrases, Words
from isd_pipeline.shapes import Float, Int

FEATURES = 5
SMOOTHING = 0.5  # documents without the code, added to those in which a phrase is found


class Found(NamedTuple):
    """A phrase in a note: its number, first word, and the word behind its last."""

    phrase: int
    first: int
    last: int


@dataclass(frozen=True)
class ExactMatch:
    """found_in: training documents in which a phrase is found, [P].  coded_in: of these, those
    that have the entry's code, [E].
    """

    phrases: Phrases
    spell: Callable[[str], str]
    found_in: Int[np.ndarray, " P"]
    coded_in: Int[np.ndarray, " E"]

    @classmethod
    def of_training(
        cls,
        phrases: Phrases,
        words: Sequence[Words],
        gold: sparse.csr_matrix,
        spell: Callable[[str], str],
    ) -> "ExactMatch":
        """Count each phrase in the training documents, whose codes are `gold` [D, L]."""
        found_in = np.zeros(len(phrases.phrases), dtype=np.int64)
        coded_in = np.zeros(len(phrases.code), dtype=np.int64)
        made = cls(phrases, spell, found_in, coded_in)
        for n, document in enumerate(words):
            own = set(gold[n].indices.tolist())
            for phrase in {one.phrase for one in made.find(document)}:
                entries = phrases.entries_of(phrase)
                found_in[phrase] += 1
                coded_in[entries] += [code in own for code in phrases.code[entries].tolist()]
        return made

    def find(self, words: Words) -> list[Found]:
        """The phrases of a note from left to right, at each word the longest that begins there."""
        spelled, found, at = [self.spell(word) for word in words], [], 0
        while at < len(spelled):
            one = self._longest_at(spelled, at) if spelled[at] in self._longest_from else None
            if one is not None:
                found.append(one)
            at = at + 1 if one is None else one.last
        return found

    def features(self, words: Words, n_codes: int) -> Float[np.ndarray, "L 5"]:
        """Of each code; -1 where none of its phrases is found.

        The share of documents that have the code, among those with the phrase, of the best phrase;
        the log of how many these are; its words; the noisy-or of the shares of all its phrases
        (Pearl, 1988); how often they stand in the note.
        """
        x = np.full((n_codes, FEATURES), -1.0)
        for phrase, often in Counter(one.phrase for one in self.find(words)).items():
            entries = self.phrases.entries_of(phrase)
            known = np.log1p(self.found_in[phrase]), len(self.phrases.phrases[phrase])
            for code, share in zip(self.phrases.code[entries], self.shares[entries], strict=True):
                _add(x[code], share, *known, often)
        return x

    def evidence(self, found: Sequence[Found], code: int, n_words: int) -> Float[np.ndarray, " N"]:
        """The words of the code's phrases, by the share of each phrase; 0 where there is none."""
        row = np.zeros(n_words)
        for one in found:
            entries = self.phrases.entries_of(one.phrase)
            share = self.shares[entries][self.phrases.code[entries] == code].sum()
            row[one.first : one.last] += share / (one.last - one.first)
        return row

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the phrases themselves, to be kept."""
        return {
            "phrase": self.phrases.phrase,
            "code": self.phrases.code,
            "found_in": self.found_in,
            "coded_in": self.coded_in,
        }

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        phrases: Sequence[str],
        spell: Callable[[str], str],
    ) -> "ExactMatch":
        """The opposite of `arrays`; raises a ValueError where phrases and counts do not fit."""
        if len(phrases) != len(arrays["found_in"]):
            raise ValueError(f"{len(phrases)} phrases, but counts of {len(arrays['found_in'])}")
        split = tuple(tuple(phrase.split(" ")) for phrase in phrases)
        kept = Phrases(split, arrays["phrase"], arrays["code"])
        return cls(kept, spell, arrays["found_in"], arrays["coded_in"])

    @cached_property
    def shares(self) -> Float[np.ndarray, " E"]:
        """Of the documents with an entry's phrase the share that has its code, smoothed.

        A phrase that is found nowhere, for a longer one always stands there, has 0.5.
        """
        found = self.found_in[self.phrases.phrase]
        return np.where(found > 0, self.coded_in / (found + SMOOTHING), 0.5)

    def _longest_at(self, spelled: Sequence[str], at: int) -> Found | None:
        longest = at + self._longest_from[spelled[at]]
        for last in range(min(len(spelled), longest), at, -1):
            phrase = self._numbers.get(tuple(spelled[at:last]))
            if phrase is not None:
                return Found(phrase, at, last)
        return None

    @cached_property
    def _numbers(self) -> dict[tuple[str, ...], int]:
        return {phrase: n for n, phrase in enumerate(self.phrases.phrases)}

    @cached_property
    def _longest_from(self) -> dict[str, int]:
        """The words of the longest phrase that begins with a word."""
        longest: dict[str, int] = {}
        for phrase in self.phrases.phrases:
            longest[phrase[0]] = max(len(phrase), longest.get(phrase[0], 0))
        return longest


def _add(row: np.ndarray, share: float, seen: float, length: int, often: int) -> None:
    """Take a phrase into the features of its code."""
    is_first = row[0] < 0
    not_so_far = 1.0 if is_first else 1 - row[3]
    times = often + (0 if is_first else row[4])
    if is_first or share > row[0]:
        row[:3] = share, seen, length
    row[3:] = 1 - not_so_far * (1 - min(share, 0.99)), times
