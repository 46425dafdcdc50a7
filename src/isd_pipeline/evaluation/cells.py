"""The cells of a matrix of scores [D, L]: what is accepted as one, and walking it in blocks.

Axes: D documents, L codes, V values.
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from isd_pipeline.shapes import Float, Int

Gold = sparse.csr_matrix | sparse.csr_array

BLOCK = 1 << 22  # cells: 16 MiB of float32


def checked(gold: Gold, scores: np.ndarray) -> Gold:
    """`gold` with its true cells alone, each once and in order; scores of its shape, no NaN."""
    if gold.shape != scores.shape or not scores.size:
        raise ValueError(
            f"gold is {gold.shape} and scores are {scores.shape} (documents, codes): "
            "they must be the same, and not empty"
        )
    for rows in blocks(scores):
        if np.isnan(scores[rows].min()):  # a minimum carries NaN, and needs no array of flags
            row, code = np.argwhere(np.isnan(scores[rows]))[0]
            raise ValueError(
                f"scores, document {rows.start + row}, code {code}: not a number; "
                "the model that gave it has diverged, and its scores have no metrics"
            )
    if gold.dtype == bool and gold.has_canonical_format and gold.data.all():
        return gold
    clean = gold.astype(bool, copy=True).tocsr()
    clean.sum_duplicates()
    clean.eliminate_zeros()
    return clean


def rows_of(gold: Gold) -> np.ndarray:
    """The document of each true cell."""
    return np.repeat(np.arange(gold.shape[0]), np.diff(gold.indptr))


def blocks(scores: np.ndarray) -> Iterator[slice]:
    """Slices of documents, each of about `BLOCK` cells."""
    n_documents, n_codes = scores.shape
    size = max(1, BLOCK // max(n_codes, 1))
    for start in range(0, n_documents, size):
        yield slice(start, min(start + size, n_documents))


def cells_up_to(
    scores: Float[np.ndarray, "D L"], values: Float[np.ndarray, " V"]
) -> tuple[Int[np.ndarray, " V"], Int[np.ndarray, " V"]]:
    """How many cells of `scores` are below each value, and how many are not above it.

    Counts add over blocks, so the cells are never sorted all at once. Ascending values are fastest.
    """
    below = np.zeros(len(values), dtype=np.int64)
    up_to = np.zeros(len(values), dtype=np.int64)
    for rows in blocks(scores):
        cells = np.sort(scores[rows], axis=None)
        below += np.searchsorted(cells, values, side="left")
        up_to += np.searchsorted(cells, values, side="right")
    return below, up_to
