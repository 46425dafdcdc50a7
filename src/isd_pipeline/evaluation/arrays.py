"""All metrics of predictions that come from anywhere: dense or sparse arrays, lists, frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from isd_pipeline.evaluation.metrics import all_metrics

BELOW_ALL = -np.inf  # of a sparse array's cells that are not stored, where scores are log-odds


def metrics(
    gold: Any,
    scores: Any,
    *,
    threshold: float = 0.5,
    log_odds: bool = False,
    ks: Sequence[int] = (5, 8, 15),
) -> dict[str, float]:
    """Every metric of ICD coding by its name, exact; docs/python.md says what each is.

    Args:
        gold: which codes each note truly has, 0 and 1, [notes, codes]: a NumPy array, a SciPy
            sparse matrix or array, nested lists, a frame or a tensor on the CPU.
        scores: of every pair, the same shape and the same kinds: probabilities, or any numbers of
            which more is likelier. What a sparse one does not store is 0; with `log_odds`, less
            than all that it stores.
        threshold: a code is predicted where its score is above it.
        log_odds: the scores are log-odds, so `threshold` is one too.
        ks: the k of precision and recall at k.

    Raises:
        ValueError: the shapes differ or are empty; gold is neither 0 nor 1; a score is not a
            number.

    >>> found = metrics([[1, 0], [0, 1]], [[0.9, 0.2], [0.6, 0.7]])
    >>> round(found["f1_micro"], 3), found["map"]
    (0.8, 1.0)
    >>> metrics([[1, 0]], [[0.9, 0.2, 0.1]])
    Traceback (most recent call last):
        ...
    ValueError: gold is (1, 2) and scores are (1, 3) (documents, codes): they must be the same, \
and not empty
    """
    truth, given = _truth(gold), _dense(scores, BELOW_ALL if log_odds else 0.0)
    return all_metrics(truth, given, threshold=threshold, ks=ks)


def _truth(gold: Any) -> sparse.csr_array:
    found: Any = gold if sparse.issparse(gold) else _matrix(gold, "gold")
    matrix = sparse.csr_array(found)
    if not np.isin(matrix.data, (0, 1)).all():
        raise ValueError("gold: a cell is neither 0 nor 1; it says which codes a note truly has")
    truth = matrix.astype(bool)
    truth.sum_duplicates()
    truth.eliminate_zeros()
    return truth


def _dense(scores: Any, absent: float) -> np.ndarray:
    """The scores in double; cells of a sparse array that are not stored are `absent`."""
    is_sparse = sparse.issparse(scores)
    if not is_sparse:
        return _matrix(scores, "scores")
    stored = scores.tocoo()
    dense = np.full(stored.shape, absent)
    dense[stored.row, stored.col] = stored.data
    return dense


def _matrix(given: Any, name: str) -> np.ndarray:
    found = np.asarray(given)
    if found.ndim != 2:
        raise ValueError(f"{name}: {found.ndim} axes, where notes and codes are two")
    if found.dtype.kind not in "biuf":
        raise ValueError(f"{name}: cells are {found.dtype}, where numbers are wanted")
    return found.astype(np.float64)
