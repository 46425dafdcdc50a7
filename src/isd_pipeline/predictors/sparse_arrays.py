"""A sparse matrix as plain arrays under names, for files that hold nothing else."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import sparse


def to_arrays(name: str, matrix: sparse.csr_matrix) -> dict[str, np.ndarray]:
    """`NAME.data`, `.indices`, `.indptr` and `.shape`."""
    parts = {part: getattr(matrix, part) for part in ("data", "indices", "indptr")}
    parts["shape"] = np.array(matrix.shape, dtype=np.int64)
    return {f"{name}.{part}": values for part, values in parts.items()}


def from_arrays(name: str, arrays: Mapping[str, np.ndarray]) -> sparse.csr_matrix:
    """The opposite; scipy's ValueError where the arrays do not fit each other."""
    data, indices, indptr, shape = (
        arrays[f"{name}.{part}"] for part in ("data", "indices", "indptr", "shape")
    )
    return sparse.csr_matrix((data, indices, indptr), shape=tuple(shape.tolist()))
