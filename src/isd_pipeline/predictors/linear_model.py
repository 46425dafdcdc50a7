"""A fitted linear baseline as it is kept: the n-grams that weigh anything, and what they weigh.

    z_l = b_l + sum_g W_gl [g stands in the note]

An L1 penalty leaves a code a few dozen n-grams, so this is small whatever the vocabulary was.

Axes: D documents, L codes, G n-grams with a weight, N words of a note, K codes asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.base import sum_to_one
from isd_pipeline.predictors.sparse_arrays import from_arrays, to_arrays
from isd_pipeline.shapes import Float, Int


class Occurrences(NamedTuple):
    """Where n-grams stand in a note: their numbers, first words and lengths, [O] each."""

    ngrams: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray


@dataclass(frozen=True)
class LinearModel:
    """Weights [G, L] of n-grams, words parted by a space, and the codes' biases, float64 [L]."""

    ngrams: tuple[str, ...]
    weights: sparse.csr_matrix = field(repr=False)
    bias: Float[np.ndarray, " L"] = field(repr=False)

    def __call__(self, documents: Iterable[Sequence[str]]) -> Float[np.ndarray, "D L"]:
        """The scores of documents, given as words: log-odds, float32."""
        found = [np.unique(self._occurrences(words).ngrams) for words in documents]
        starts = np.cumsum([0, *map(len, found)])
        columns = np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
        held = sparse.csr_matrix(
            (np.ones(len(columns)), columns, starts), (len(found), len(self.ngrams))
        )
        scores: np.ndarray = ((held @ self.weights).toarray() + self.bias).astype(np.float32)
        return scores

    def evidence(
        self, words: Sequence[str], codes: Int[np.ndarray, " K"]
    ) -> Float[np.ndarray, "K N"]:
        """The weight that is evidence for each code, on the words of its n-grams; a row sums to 1.

        An n-gram counts once, so its weight is shared by all its places, evenly by their words.
        What is evidence against a code is left out. A row is 0 where there is none for the code.
        """
        found = self._occurrences(words)
        times = np.bincount(found.ngrams, minlength=len(self.ngrams))
        for_code = np.maximum(self.weights[found.ngrams][:, codes].toarray(), 0)
        share = for_code / (times[found.ngrams] * found.lengths)[:, None]
        by_word = np.zeros((len(words), len(codes)))
        for word in range(self._longest):
            inside = found.lengths > word
            np.add.at(by_word, found.starts[inside] + word, share[inside])
        return sum_to_one(by_word.T)

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the n-grams, to be kept."""
        return {"bias": self.bias, **to_arrays("weights", self.weights)}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray], ngrams: Sequence[str]) -> "LinearModel":
        """The opposite of `arrays`; raises a ValueError where n-grams and weights do not fit."""
        weights, bias = from_arrays("weights", arrays), arrays["bias"]
        if weights.shape != (len(ngrams), len(bias)):
            raise ValueError(
                f"weights of {weights.shape[0]} n-grams and {weights.shape[1]} codes, but "
                f"{len(ngrams)} n-grams and {len(bias)} biases"
            )
        return cls(tuple(ngrams), weights, bias)

    def _occurrences(self, words: Sequence[str]) -> Occurrences:
        places = [
            (self._numbers[ngram], begin, length)
            for length in range(1, self._longest + 1)
            for begin in range(len(words) - length + 1)
            if (ngram := " ".join(words[begin : begin + length])) in self._numbers
        ]
        return Occurrences(*np.array(places, dtype=np.int64).reshape(-1, 3).T)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {ngram: number for number, ngram in enumerate(self.ngrams)}

    @cached_property
    def _longest(self) -> int:
        return max((ngram.count(" ") + 1 for ngram in self.ngrams), default=0)
