"""How like the marked phrases the words of a note are, by their runs of letters.

    s_p = max over spans  <v(span), v(p)> / (|v(span)| |v(p)|)

v counts the runs of three to five letters of each word, spaces at its ends among them, weighed by
how few phrases have them. A phrase that is written otherwise ("nódulos pulmonares", "nodulo
pulmonar") is so found again. v of a span is the sum over its words, so that all spans are compared
by running sums.

Axes: P phrases, E entries (a phrase and a code), G runs of letters, N words, L codes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.mentions.phrases import Words, folded
from isd_pipeline.predictors.sparse_arrays import from_arrays, to_arrays
from isd_pipeline.shapes import Float, Int

SHORTEST, LONGEST = 3, 5  # letters of a run
PHRASES_AT_ONCE = 64  # few enough that the sums of a long note stay near the processor
ROUNDING = 1e-6  # by which spans that are equally similar may differ


class Best(NamedTuple):
    """Of each phrase its most similar span, [P]: how similar, its first word, and how many."""

    similarity: np.ndarray
    first: np.ndarray
    length: np.ndarray


@dataclass(frozen=True)
class SimilarMatch:
    """runs: of letters, [G].  rarity: the weight of each, [G].  phrases: v of each phrase, of
    length 1, [G, P].  span: the most words of a span.
    """

    runs: tuple[str, ...]
    rarity: Float[np.ndarray, " G"] = field(repr=False)
    phrases: sparse.csr_matrix = field(repr=False)
    span: int

    @classmethod
    def of_phrases(cls, phrases: Sequence[Words], span: int) -> "SimilarMatch":
        """Weigh the runs of letters of phrases."""
        counts = [_runs_of(phrase) for phrase in phrases]
        held = Counter(run for one in counts for run in one)
        runs = tuple(sorted(held))
        rarity = 1 + np.log((1 + len(phrases)) / (1 + np.array([held[run] for run in runs])))
        made = cls(runs, rarity, sparse.csr_matrix((len(runs), 0)), span)
        vectors = made._vectors(counts)
        norms = np.sqrt(vectors.multiply(vectors).sum(axis=1)).A1
        unit = sparse.diags(1 / norms) @ vectors
        return cls(runs, rarity, unit.T.tocsr().astype(np.float32), span)

    def best(self, words: Words) -> Best:
        """Compare every span of a note with every phrase."""
        number = {word: n for n, word in enumerate(dict.fromkeys(words))}
        each = np.array([number[word] for word in words], dtype=np.int64)
        vectors = self._vectors([_runs_of([word]) for word in number]).astype(np.float32)
        norms = _span_norms(vectors[each], self.span)
        parts = [
            _best(
                (vectors @ self._by_phrase[:, at : at + PHRASES_AT_ONCE]).toarray().T[:, each],
                norms,
            )
            for at in range(0, self.phrases.shape[1], PHRASES_AT_ONCE)
        ]
        nothing = Best(np.zeros(0), np.zeros(0, dtype=int), np.zeros(0, dtype=int))
        return Best(*(np.concatenate(part) for part in zip(nothing, *parts, strict=True)))

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the runs of letters, to be kept."""
        return {"rarity": self.rarity, **to_arrays("phrases", self.phrases)}

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, np.ndarray], runs: Sequence[str], span: int
    ) -> "SimilarMatch":
        """The opposite of `arrays`; raises a ValueError where runs and weights do not fit."""
        phrases = from_arrays("phrases", arrays)
        if not len(runs) == phrases.shape[0] == len(arrays["rarity"]):
            raise ValueError(f"{len(runs)} runs of letters, but weights of {phrases.shape[0]}")
        return cls(tuple(runs), arrays["rarity"], phrases, span)

    def _vectors(self, counts: Sequence[Mapping[str, int]]) -> sparse.csr_matrix:
        """v of each, [.., G]; runs that no phrase has are passed over."""
        cells = [
            (row, self._numbers[run], times)
            for row, one in enumerate(counts)
            for run, times in one.items()
            if run in self._numbers
        ]
        rows, columns, times = np.array(cells, dtype=np.int64).reshape(-1, 3).T
        shape = (len(counts), len(self.runs))
        return sparse.csr_matrix((times * self.rarity[columns], (rows, columns)), shape)

    @cached_property
    def _by_phrase(self) -> sparse.csc_matrix:
        return self.phrases.tocsc()

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {run: number for number, run in enumerate(self.runs)}


def best_of_codes(
    similarity: Float[np.ndarray, " E"], code: Int[np.ndarray, " E"], n_codes: int
) -> Float[np.ndarray, " L"]:
    """The best of each code's entries; -1 of a code without one."""
    best = np.full(n_codes, -1.0)
    np.maximum.at(best, code, similarity)
    return best


def _runs_of(words: Words) -> Counter[str]:
    return Counter(run for word in words for run in _runs(f" {folded(word)} "))


def _runs(word: str) -> Iterator[str]:
    for length in range(SHORTEST, LONGEST + 1):
        for at in range(max(1, len(word) - length + 1)):
            yield word[at : at + length]
        if length >= len(word):
            return  # a short word is one run, once


def _span_norms(vectors: sparse.csr_matrix, span: int) -> list[np.ndarray]:
    """|v| of the spans of 1, 2, ... words, by their first word."""
    n = vectors.shape[0]
    beside = [  # <v(word), v(word + k)>
        vectors[: n - k].multiply(vectors[k:]).sum(axis=1).A1 for k in range(min(span, n))
    ]
    squares, norms = np.zeros(n), []
    for length in range(1, min(span, n) + 1):
        first = np.arange(n - length + 1)
        last = first + length - 1
        more = beside[0][last] + 2 * sum(beside[k][last - k] for k in range(1, length))
        squares = squares[: len(first)] + more
        norms.append(np.sqrt(squares))
    return norms


def _best(dots: Float[np.ndarray, "P N"], norms: list[np.ndarray]) -> Best:
    """The most similar span of each phrase; of equals the first of the shortest."""
    n_phrases, n_words = dots.shape
    sums = np.zeros((n_phrases, n_words + 1))
    np.cumsum(dots, axis=1, dtype=np.float64, out=sums[:, 1:])
    found = Best(np.zeros(n_phrases), np.zeros(n_phrases, int), np.ones(n_phrases, int))
    placed = np.zeros(n_phrases)  # how similar the span is whose place is kept
    for length, norm in enumerate(norms, start=1):
        cosines = sums[:, length:] - sums[:, :-length]
        cosines /= np.where(norm > 0, norm, np.inf)
        best = cosines.max(axis=1)
        better = best > found.similarity + 1e-9
        found.similarity[better] = best[better]
        nearer = np.flatnonzero(best > placed + ROUNDING)
        placed[nearer], found.length[nearer] = best[nearer], length
        found.first[nearer] = (cosines[nearer] >= best[nearer, None] - ROUNDING).argmax(axis=1)
    return found
