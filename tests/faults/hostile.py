"""Files that run code when they are read by what trusts them: each makes a folder as its mark."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch


class Payload:
    """What, unpickled, makes a folder."""

    def __init__(self, marker: Path) -> None:
        self.marker = str(marker)

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (self.marker,)


def plain_pickle(marker: Path) -> bytes:
    """A pickle as joblib, gensim and scikit-learn write them."""
    return pickle.dumps(Payload(marker))


def torch_file(marker: Path) -> bytes:
    """What torch.save writes: a zip with a pickle in it."""
    file = io.BytesIO()
    torch.save({"weight": Payload(marker)}, file)
    return file.getvalue()


def numpy_objects(marker: Path) -> bytes:
    """An array of objects, which NumPy pickles."""
    file = io.BytesIO()
    np.save(file, np.array([Payload(marker)], dtype=object), allow_pickle=True)
    return file.getvalue()


PAYLOADS: dict[str, Callable[[Path], bytes]] = {
    "a pickle": plain_pickle,
    "a file of torch": torch_file,
    "an array of objects": numpy_objects,
}


def fires(content: bytes, marker: Path) -> bool:
    """Whether the bytes make their mark where they are trusted; the mark is taken away again."""
    trusting = (
        lambda: pickle.loads(content),  # noqa: S301
        lambda: torch.load(io.BytesIO(content), weights_only=False),
        lambda: np.load(io.BytesIO(content), allow_pickle=True),
    )
    for read in trusting:
        try:
            read()
        except Exception:  # of another kind
            continue
    made = marker.exists()
    if made:
        marker.rmdir()
    return made
