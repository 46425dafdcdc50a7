"""A noisy-or over the words of a note (Pearl 1988), with a leak (Henrion 1989): counts alone.

Each word that went with a code may by itself be the reason for it:

    P(l | note) = 1 - (1 - p_l) prod over the note's strongest words w of (1 - P(l | w))

    P(l | w) = (n_wl + a p_l) / (n_w + a)        p_l = n_l / (D + 1)

n_w of the D training documents hold w, an n-gram; n_l have code l, n_wl both. `a` pulls the share
of a rare word towards the code's own. A word that never stood with the code is no reason for it.
The strongest are the few with the greatest P(l | w), for each code its own: with all of them common
words would add up to certainty.

In the code a reason weighs -log(1 - P), so that reasons add up; s being their sum, the log-odds of
the code are log(exp(s) - 1).

Axes: D documents, L codes, G n-grams, H of them in a note, N words of it, K codes asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.base import sum_to_one
from isd_pipeline.predictors.linear_fit import NEVER_SEEN
from isd_pipeline.predictors.sparse_arrays import from_arrays, to_arrays
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.ngrams import NGrams, on_words, refusing_none, vectorizer_settings


@dataclass(frozen=True)
class NoisyOr:
    """The counts of the training documents, and how they are read.

    documents: how many, D.  holding: n_w, int64 [G].  having: n_l, int64 [L].  together: n_wl,
    int32 [G, L].  smoothing: a.  strongest: how many words count for a code.
    """

    ngrams: tuple[str, ...]
    documents: int
    holding: Int[np.ndarray, " G"] = field(repr=False)
    having: Int[np.ndarray, " L"] = field(repr=False)
    together: sparse.csr_matrix = field(repr=False)
    smoothing: float
    strongest: int

    def __call__(self, documents: Iterable[Sequence[str]]) -> Float[np.ndarray, "D L"]:
        """The log-odds of documents, given as words, float32; `NEVER_SEEN` of codes without one."""
        rows = [self._log_odds(self._reasons_in(held.indices)) for held in self._held(documents)]
        nothing = np.zeros((0, len(self.having)), dtype=np.float32)
        return np.stack(rows) if rows else nothing

    def evidence(
        self, words: Sequence[str], codes: Int[np.ndarray, " K"]
    ) -> Float[np.ndarray, "K N"]:
        """What each code's strongest n-grams weigh, on their words; a row sums to 1, or is 0."""
        found = self._known.find(words)
        held = np.unique(found.ngrams)
        reasons = self._reasons_in(held)[:, codes].toarray()
        weights = reasons[np.searchsorted(held, found.ngrams)]
        return sum_to_one(on_words(found, weights, len(words)))

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the n-grams and the settings, to be kept."""
        return {
            "documents": np.array([self.documents]),
            "holding": self.holding,
            "having": self.having,
            **to_arrays("together", self.together),
        }

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        ngrams: Sequence[str],
        *,
        smoothing: float,
        strongest: int,
    ) -> NoisyOr:
        """The opposite of `arrays`; raises a ValueError where n-grams and counts do not fit."""
        together = from_arrays("together", arrays)
        holding, having = arrays["holding"], arrays["having"]
        if together.shape != (len(ngrams), len(having)) or len(holding) != len(ngrams):
            raise ValueError(
                f"{len(ngrams)} n-grams and {len(having)} codes, but counts of "
                f"{together.shape[0]} n-grams and {together.shape[1]} codes"
            )
        documents = int(arrays["documents"][0])
        return cls(tuple(ngrams), documents, holding, having, together, smoothing, strongest)

    def _held(self, documents: Iterable[Sequence[str]]) -> Iterable[sparse.csr_matrix]:
        return (self._known.held([words]) for words in documents)

    def _reasons_in(self, held: Int[np.ndarray, " H"]) -> sparse.csr_matrix:
        """The strongest reasons for each code among n-grams of a note, [H, L]."""
        return greatest_of_columns(self._reasons[held], self.strongest)

    def _log_odds(self, reasons: sparse.csr_matrix) -> Float[np.ndarray, " L"]:
        total = reasons.sum(axis=0).A1 - np.log1p(-self._shares)
        seen = self.having > 0
        scores = np.full(len(total), NEVER_SEEN, dtype=np.float32)
        scores[seen] = np.log(np.expm1(total[seen]))
        return scores

    @cached_property
    def _shares(self) -> Float[np.ndarray, " L"]:
        """p_l."""
        shares: np.ndarray = self.having / (self.documents + 1)
        return shares

    @cached_property
    def _reasons(self) -> sparse.csr_matrix:
        """-log(1 - P(l | w)) where n_wl is above 0, [G, L]."""
        cells = self.together.tocoo()
        together = cells.data + self.smoothing * self._shares[cells.col]
        shares = together / (self.holding[cells.row] + self.smoothing)
        return sparse.csr_matrix((-np.log1p(-shares), (cells.row, cells.col)), cells.shape)

    @cached_property
    def _known(self) -> NGrams:
        return NGrams(self.ngrams)


def count(
    train: Iterable[Sequence[str]],
    gold: sparse.csr_matrix,
    *,
    max_ngram: int,
    min_df: int,
    max_features: int | None,
    smoothing: float,
    strongest: int,
) -> NoisyOr:
    """Count in training documents, given as words, which n-grams go with which codes [D, L]."""
    from sklearn.feature_extraction.text import CountVectorizer

    settings = vectorizer_settings(longest=max_ngram, min_documents=min_df, at_most=max_features)
    vectorizer = CountVectorizer(binary=True, dtype=np.int32, **settings)
    has = gold.astype(np.int32)
    with refusing_none(has.shape[0], min_df):
        held = vectorizer.fit_transform(" ".join(words) for words in train)
    return NoisyOr(
        ngrams=tuple(vectorizer.get_feature_names_out()),
        documents=held.shape[0],
        holding=held.sum(axis=0, dtype=np.int64).A1,
        having=has.sum(axis=0, dtype=np.int64).A1,
        together=(held.T @ has).tocsr(),
        smoothing=smoothing,
        strongest=strongest,
    )


def greatest_of_columns(matrix: sparse.csr_matrix, count: int) -> sparse.csr_matrix:
    """The `count` greatest of what each column holds, of equals the upper; the rest is left out."""
    cells = matrix.tocoo()
    order = np.lexsort((cells.row, -cells.data, cells.col))
    column = cells.col[order]
    place = np.arange(len(order)) - np.searchsorted(column, column)
    kept = order[place < count]
    return sparse.csr_matrix((cells.data[kept], (cells.row[kept], cells.col[kept])), cells.shape)
