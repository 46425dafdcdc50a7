"""Student and teacher representations, matched and compared: Eqs. 13-14.

Axes: B notes, Q shared queries.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.losses import mean_where

THREADS = min(8, os.cpu_count() or 1)


def distillation(
    cosines: Float[Tensor, "B Q Q"], partner: Int[Tensor, "B Q"], counts: Bool[Tensor, " B"]
) -> Float[Tensor, ""]:
    """1 - cosine of matched student and teacher representations, Eqs. 13-14.

    The mean over the notes that count. `partner` is `assign`'s: found on the host, on a copy that
    travels while the device goes on.
    """
    matched = cosines.gather(2, partner[..., None])[..., 0]
    return mean_where(1 - matched.mean(dim=1), counts)


def assign(cosines: np.ndarray, in_threads: bool = False) -> np.ndarray:
    """For each note, the partner of every row so that the total cosine is greatest: int [B, Q].

    By the Hungarian method; `in_threads` for several notes at once, while a GPU waits. A value
    that is not finite counts as 0 here; it stays in the loss, where the loop stops.
    """
    cosines = np.nan_to_num(cosines, nan=0.0, posinf=0.0, neginf=0.0)
    if not in_threads:
        return _partners(cosines)
    shares = np.array_split(cosines, min(THREADS, len(cosines)))
    return np.concatenate(list(_threads().map(_partners, shares)))


def _partners(cosines: np.ndarray) -> np.ndarray:
    return np.stack([linear_sum_assignment(note, maximize=True)[1] for note in cosines])


@cache
def _threads() -> ThreadPoolExecutor:
    """Kept for all steps: scipy lets other threads run while it matches a note."""
    return ThreadPoolExecutor(THREADS)
