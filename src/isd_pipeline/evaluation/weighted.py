"""The metrics of documents of which each counts some whole number of times.

Axes: W weightings, D documents, L codes, P true cells.

A bootstrap sample is the documents with how often each was resampled, and two systems with some of
their documents swapped are the documents of both with ones and zeros. So what depends on the
scores is worked out once, and a thousand weightings cost little more than a few matrix products.
Every number is that of `metrics.all_metrics` on documents repeated so often: nothing is sampled
or binned. A metric that does not exist under a weighting is NaN there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from isd_pipeline.evaluation.cells import BLOCK, Gold, checked, rows_of
from isd_pipeline.evaluation.metrics import CodeCounts, document_metrics, of_counts
from isd_pipeline.shapes import Float, Int

Csc = sparse.csc_matrix | sparse.csc_array


@dataclass(frozen=True)
class Predictions:
    """What one run's documents give to the metrics of sets and rankings: all but the AUCs.

    tp, predicted, gold: sparse int32 [D, L], of ones.  of_documents: values [D] whose mean is a
    metric. Holds no scores, so many runs can be held at once.
    """

    tp: Gold
    predicted: Gold
    gold: Gold
    of_documents: dict[str, np.ndarray]

    @classmethod
    def of(
        cls,
        gold: Gold,
        scores: Float[np.ndarray, "D L"],
        *,
        threshold: float = 0.0,
        ks: Sequence[int] = (5, 8, 15),
    ) -> "Predictions":
        """As `metrics.all_metrics` is given them."""
        values = document_metrics(gold, scores, threshold=threshold, ks=ks)
        gold = checked(gold, scores).astype(np.int32).tocsr()
        predicted = sparse.csr_matrix(scores > threshold).astype(np.int32).tocsr()
        return cls(gold.multiply(predicted).tocsr(), predicted, gold, values)

    def __len__(self) -> int:
        return self.gold.shape[0]

    def then(self, other: "Predictions") -> "Predictions":
        """The documents of both, one after the other."""
        tp, predicted, gold = (
            sparse.vstack(both, format="csr")
            for both in zip(self._counted, other._counted, strict=True)
        )
        theirs = other.of_documents
        values = {name: np.append(v, theirs[name]) for name, v in self.of_documents.items()}
        return Predictions(tp, predicted, gold, values)

    def metrics(self, weights: Int[np.ndarray, "W D"]) -> dict[str, Float[np.ndarray, " W"]]:
        """`threshold_metrics` and `ranking_metrics` under each weighting."""
        pooled = [of_counts(counts) for counts in self._counts(weights)]
        total = weights.sum(axis=1)
        return {
            **{name: np.array([row[name] for row in pooled]) for name in pooled[0]},
            **{name: weights @ values / total for name, values in self.of_documents.items()},
        }

    def _counts(self, weights: np.ndarray) -> Iterator[CodeCounts]:
        for block in _blocks(weights, self.gold.shape[1]):
            tp, predicted, true = (np.ascontiguousarray(block @ ones) for ones in self._counted)
            yield from map(CodeCounts, tp, predicted, true)

    @property
    def _counted(self) -> tuple[Gold, Gold, Gold]:
        return self.tp, self.predicted, self.gold


@dataclass(frozen=True)
class ScoredDocuments:
    """One run's documents with their scores: what the AUCs need."""

    gold: Gold
    scores: Float[np.ndarray, "D L"]

    @classmethod
    def of(cls, gold: Gold, scores: Float[np.ndarray, "D L"]) -> "ScoredDocuments":
        """As `metrics.all_metrics` is given them."""
        return cls(checked(gold, scores), scores)

    def __len__(self) -> int:
        return len(self.scores)

    def then(self, other: "ScoredDocuments") -> "ScoredDocuments":
        """The documents of both, one after the other."""
        gold = sparse.vstack([self.gold, other.gold], format="csr")
        return ScoredDocuments(gold, np.concatenate([self.scores, other.scores]))

    def metrics(self, weights: Int[np.ndarray, "W D"]) -> dict[str, Float[np.ndarray, " W"]]:
        """`auc_macro` and `auc_micro` under each weighting, as in `metrics.auc_metrics`."""
        return {
            "auc_macro": weighted_auc_macro(self.gold, self.scores, weights),
            "auc_micro": weighted_auc_micro(self.gold, self.scores, weights),
        }


def weighted_auc_micro(
    gold: Gold, scores: np.ndarray, weights: Int[np.ndarray, "W D"]
) -> Float[np.ndarray, " W"]:
    """Area over all D x L cells: w M w / (w p)(w n).

    M[i, j] counts the pairs of a true cell of document i and a false cell of document j that are
    in the right order, a tie a half; p and n count true and false cells.
    """
    pairs = ordered_pairs(gold, scores)
    true = np.diff(gold.indptr)
    some = weights.astype(np.float64)
    right = np.concatenate(
        [(block @ pairs * block).sum(axis=1) for block in _blocks(some, len(scores))]
    )
    return _divided(right, (some @ true) * (some @ (gold.shape[1] - true)))


def ordered_pairs(gold: Gold, scores: np.ndarray) -> Float[np.ndarray, "D D"]:
    """M of `weighted_auc_micro`: each document's false cells are placed among all true cells."""
    order = np.argsort(scores[rows_of(gold), gold.indices])
    document = rows_of(gold)[order]
    ascending = scores[document, gold.indices[order]]
    pairs = np.empty((len(scores), len(scores)))
    for row in range(len(scores)):
        mine = slice(gold.indptr[row], gold.indptr[row + 1])
        false = np.sort(np.delete(scores[row], gold.indices[mine]))
        above = np.searchsorted(ascending, false, side="right")
        not_below = np.searchsorted(ascending, false, side="left")
        steps = np.bincount(above, minlength=len(document) + 1)
        steps += np.bincount(not_below, minlength=len(document) + 1)
        twice = steps.cumsum()[:-1]
        pairs[:, row] = np.bincount(document, weights=twice, minlength=len(scores)) / 2
    return pairs


def weighted_auc_macro(
    gold: Gold, scores: np.ndarray, weights: Int[np.ndarray, "W D"]
) -> Float[np.ndarray, " W"]:
    """Mean of the areas of the codes that have, among the documents resampled, both kinds.

    For each true cell, the weight of the documents below it that lack the code is a row of ones,
    halves and zeros [D] times the weights: P rows in all, the bulk of the work, in float32, which
    holds these multiples of a half exactly below 2**23 documents resampled.
    """
    by_code, resampled = gold.tocsc(), np.ascontiguousarray(weights.T, dtype=np.float32)
    areas, defined = np.zeros(len(weights)), np.zeros(len(weights), dtype=np.int64)
    for codes in _blocks_of_codes(by_code):
        columns = np.ascontiguousarray(scores[:, codes].T)
        area = _areas(columns, by_code[:, codes], resampled)
        defined += np.isfinite(area).sum(axis=0)
        areas += np.nansum(area, axis=0)
    return _divided(areas, defined)


def _areas(
    columns: Float[np.ndarray, "L D"], gold: Csc, resampled: Float[np.ndarray, "D W"]
) -> Float[np.ndarray, "L W"]:
    """Of some codes that each have a true cell; a comparison with NaN is false."""
    code, document = np.repeat(np.arange(len(columns)), np.diff(gold.indptr)), gold.indices
    own = columns[code, document][:, None]
    columns[code, document] = np.nan
    others = columns[code]
    below = (others < own).astype(np.float32)
    below[others == own] = 0.5
    times = resampled[document].astype(np.float64)
    right = np.add.reduceat(times * (below @ resampled), gold.indptr[:-1])
    positive = np.add.reduceat(times, gold.indptr[:-1])
    return _divided(right, positive * (resampled.sum(axis=0, dtype=np.float64) - positive))


def _blocks_of_codes(gold: Csc) -> Iterator[np.ndarray]:
    """The codes that have a true cell, so many that true cells x documents are about `BLOCK`."""
    true = np.diff(gold.indptr)
    codes = np.flatnonzero(true)
    block = true[codes].cumsum() * gold.shape[0] // BLOCK
    yield from np.split(codes, np.flatnonzero(np.diff(block)) + 1)


def _blocks(weights: np.ndarray, columns: int) -> Iterator[np.ndarray]:
    """So many weightings that they times `columns` are about `BLOCK`."""
    size = max(1, BLOCK // columns)
    for start in range(0, len(weights), size):
        yield weights[start : start + size]


def _divided(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """NaN where the whole is 0."""
    return np.divide(part, whole, where=whole > 0, out=np.full(np.shape(part), np.nan))
