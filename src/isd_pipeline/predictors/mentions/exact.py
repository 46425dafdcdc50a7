"""Finding marked phrases word for word, the longest first.

How far a phrase is to be believed is counted in the training documents: of those in which it is
found, how many have the code. A document that was itself counted is scored as if it had not been
(`own`), since its own marks name its own codes too well.

Axes: P phrases, E entries (a phrase and a code that it was marked for), L codes, N words.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
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


class Own(NamedTuple):
    """A training document: its number, and the columns of its gold codes."""

    document: int
    gold: frozenset[int]


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

    def find(self, words: Words, left_out: Collection[int] = ()) -> list[Found]:
        """The phrases of a note from left to right, at each word the longest that begins there."""
        spelled, found, at = [self.spell(word) for word in words], [], 0
        while at < len(spelled):
            one = self._longest_at(spelled, at, left_out)
            if one is not None:
                found.append(one)
            at = at + 1 if one is None else one.last
        return found

    def features(self, words: Words, n_codes: int, own: Own | None = None) -> np.ndarray:
        """Of each code, [L, 5]; -1 where none of its phrases is found.

        The share of documents that have the code, among those with the phrase, of the best phrase;
        the log of how many these are; its words; the noisy-or of the shares of all its phrases
        (Pearl, 1988); how often they stand in the note.
        """
        x = np.full((n_codes, FEATURES), -1.0)
        times = Counter(one.phrase for one in self.find(words, self._left_out(own)))
        counted = {} if own is None else Counter(one.phrase for one in self.find(words))
        for phrase, often in times.items():
            length, seen = len(self.phrases.phrases[phrase]), phrase in counted
            for entry in range(*self.phrases.entries_of(phrase).indices(len(self.phrases.code))):
                if own is None or self.phrases.alone[entry] != own.document:
                    _add(x[self.phrases.code[entry]], *self._share(entry, own, seen), length, often)
        return x

    def evidence(self, found: Sequence[Found], code: int, n_words: int) -> Float[np.ndarray, " N"]:
        """The words of the code's phrases, by the share of each phrase; 0 where there is none."""
        row = np.zeros(n_words)
        for one in found:
            entries = self.phrases.entries_of(one.phrase)
            for entry in np.flatnonzero(self.phrases.code[entries] == code) + entries.start:
                share, _ = self._share(int(entry), None, False)
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
        alone = np.full(len(arrays["code"]), -1)
        kept = Phrases(split, arrays["phrase"], arrays["code"], alone)
        return cls(kept, spell, arrays["found_in"], arrays["coded_in"])

    def _longest_at(
        self, spelled: Sequence[str], at: int, left_out: Collection[int]
    ) -> Found | None:
        for last in range(min(len(spelled), at + self._longest), at, -1):
            phrase = self._numbers.get(tuple(spelled[at:last]))
            if phrase is not None and phrase not in left_out:
                return Found(phrase, at, last)
        return None

    def _left_out(self, own: Own | None) -> set[int]:
        """Phrases that a training document alone has marked."""
        if own is None:
            return set()
        mine = self.phrases.alone == own.document
        return set(self.phrases.phrase[mine].tolist()) - set(self.phrases.phrase[~mine].tolist())

    def _share(self, entry: int, own: Own | None, seen: bool) -> tuple[float, int]:
        """Of the documents with the phrase those with the code, smoothed; and how many these are.

        `seen`: the document itself is among them.
        """
        documents = int(self.found_in[self.phrases.phrase[entry]])
        coded = int(self.coded_in[entry])
        if own is not None and seen:
            documents, coded = documents - 1, coded - (self.phrases.code[entry] in own.gold)
        if not documents:
            return SMOOTHING, 0
        return coded / (documents + SMOOTHING), documents

    @cached_property
    def _numbers(self) -> dict[tuple[str, ...], int]:
        return {phrase: n for n, phrase in enumerate(self.phrases.phrases)}

    @cached_property
    def _longest(self) -> int:
        return max((len(phrase) for phrase in self.phrases.phrases), default=0)


def _add(row: np.ndarray, share: float, documents: int, length: int, often: int) -> None:
    """Take a phrase into the features of its code."""
    is_first = row[0] < 0
    not_so_far = 1.0 if is_first else 1 - row[3]
    times = often + (0 if is_first else row[4])
    if is_first or share > row[0]:
        row[:3] = share, np.log1p(documents), length
    row[3:] = 1 - not_so_far * (1 - min(share, 0.99)), times
