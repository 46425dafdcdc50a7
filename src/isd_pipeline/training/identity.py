"""What a training read, as a few digits that differ whenever any part of it does."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from scipy import sparse
from torch import Tensor


def digest(*values: Any) -> str:
    """16 hexadecimal digits of values: tensors, arrays, dataclasses, mappings, lists, words.

    Raises:
        TypeError: of a value whose content is not known, for two that differ must not seem alike.
    """
    found = hashlib.sha256()
    for part in _parts(values):
        found.update(len(part).to_bytes(8, "big") + part)  # so that no two sequences run together
    return found.hexdigest()[:16]


def _parts(value: Any) -> Iterator[bytes]:
    yield type(value).__name__.encode()
    match value:
        case None | bool() | int() | float() | str() | bytes():
            yield repr(value).encode()
        case Tensor():
            yield from _parts(value.detach().cpu().numpy())
        case np.ndarray():
            yield f"{value.dtype.str} {value.shape}".encode()
            yield np.ascontiguousarray(value).tobytes()
        case _ if sparse.issparse(value):
            yield from _parts(_columns(value))
        case _ if is_dataclass(value):
            for field in fields(value):
                yield field.name.encode()
                yield from _parts(getattr(value, field.name))
        case Mapping():
            for name in sorted(value):
                yield str(name).encode()
                yield from _parts(value[name])
        case list() | tuple():
            yield str(len(value)).encode()
            for one in value:
                yield from _parts(one)
        case _:
            raise TypeError(f"the content of a {type(value).__name__} is not known")


def _columns(matrix: Any) -> tuple[Any, ...]:
    """A sparse matrix by its rows."""
    rows = matrix.tocsr()
    return rows.data, rows.indices, rows.indptr, rows.shape
