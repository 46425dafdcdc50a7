"""Sparse matrices and arrays under names, for files that hold nothing but tensors."""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

T = TypeVar("T")


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


def under(name: str, parts: Mapping[str, T], separator: str = "/") -> dict[str, T]:
    """The arrays or tensors of one part, by their own names."""
    head = f"{name}{separator}"
    return {key.removeprefix(head): value for key, value in parts.items() if key.startswith(head)}


def to_tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The same values as tensors."""
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}


def to_numpy(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """The opposite."""
    return {name: values.numpy() for name, values in tensors.items()}
