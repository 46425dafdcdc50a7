"""Tensors as safetensors and what is said of them as JSON, each with its SHA-256; no pickle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


def pack(tensors: Mapping[str, Tensor]) -> tuple[bytes, str]:
    """The bytes of a safetensors file, and their SHA-256."""
    from safetensors.torch import save

    content = save({name: value.detach().cpu().contiguous() for name, value in tensors.items()})
    return content, hashlib.sha256(content).hexdigest()


def unpack(path: Path, sha256: str, remedy: str) -> dict[str, Tensor]:
    """The tensors of a file, refused unless its SHA-256 is this one."""
    from safetensors.torch import load

    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(f"{path}: cut off or changed since it was written; {remedy}")
    return load(content)


def sealed(record: Mapping[str, Any], seal: str) -> dict[str, Any]:
    """A JSON value with its own SHA-256 under the name `seal`, whatever its layout in the file."""
    text = json.dumps(record, sort_keys=True)
    return {**record, seal: hashlib.sha256(text.encode()).hexdigest()}


def read_sealed(path: Path, what: str, remedy: str, *needed: str) -> dict[str, Any]:
    """What `sealed` gave, from its file: a dict with all that is needed, changed perhaps."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        _ = [record[name] for name in needed]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path}: cut off or no {what}; {remedy}") from None
    return record


def refuse_changed(path: Path, record: Mapping[str, Any], seal: str, remedy: str) -> None:
    """Raise a ValueError where a value is not the one that was sealed."""
    rest = {name: value for name, value in record.items() if name != seal}
    if sealed(rest, seal)[seal] != record[seal]:
        raise ValueError(f"{path}: changed since it was written; {remedy}")
