"""A fitted linear baseline as it is kept: the n-grams that weigh anything, and what they weigh.

    z_l = b_l + sum_g W_gl [g stands in the note]

An L1 penalty leaves a code a few dozen n-grams, so this is small whatever the vocabulary was.

Axes: D documents, L codes, G n-grams with a weight, N words of a note, K codes asked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.base import sum_to_one
from isd_pipeline.predictors.sparse_arrays import from_arrays, to_arrays
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.ngrams import NGrams, on_words


@dataclass(frozen=True)
class LinearModel:
    """Weights [G, L] of n-grams, words parted by a space, and the codes' biases, float64 [L]."""

    ngrams: tuple[str, ...]
    weights: sparse.csr_matrix = field(repr=False)
    bias: Float[np.ndarray, " L"] = field(repr=False)

    def __call__(self, documents: Iterable[Sequence[str]]) -> Float[np.ndarray, "D L"]:
        """The scores of documents, given as words: log-odds, float32."""
        held = self._known.held(documents)
        scores: np.ndarray = ((held @ self.weights).toarray() + self.bias).astype(np.float32)
        return scores

    def evidence(
        self, words: Sequence[str], codes: Int[np.ndarray, " K"]
    ) -> Float[np.ndarray, "K N"]:
        """The weight that is evidence for each code, on the words of its n-grams; a row sums to 1.

        An n-gram counts once, so its weight is shared by all its places, evenly by their words.
        What is evidence against a code is left out. A row is 0 where there is none for the code.
        """
        found = self._known.find(words)
        for_code = np.maximum(self.weights[found.ngrams][:, codes].toarray(), 0)
        return sum_to_one(on_words(found, for_code, len(words)))

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

    @cached_property
    def _known(self) -> NGrams:
        return NGrams(self.ngrams)
