"""The two tasks of code completion: what stands in a note's slots, what is asked (section 3.3).

Axes: B notes, G gold codes of the note that has most (ascending, distinct; shorter rows end in
-1), T slots, L codes. Code number L is l_mask. All draws come from the host's random numbers.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from isd_pipeline.shapes import Int
from isd_pipeline.training.draws import uniform
from isd_pipeline.training.transfer import send


class Completion(NamedTuple):
    """A completion task: what stands in each note's slots, which slot is asked, the answer.

    Code number L is l_mask. `counts` is False for a note that the task cannot be set for.
    """

    codes: Tensor  # int [B, T]
    is_slot: Tensor  # bool [B, T]
    asked: Tensor  # int [B]
    answer: Tensor  # int [B]
    counts: Tensor  # bool [B]

    def to(self, device: torch.device) -> "Completion":
        """Move it, without waiting."""
        return Completion(*(send(part, device) for part in self))


def missing_code(gold: Int[Tensor, "B G"], n_codes: int) -> Completion:
    """Hide one gold code, drawn uniformly, behind l_mask and ask for it."""
    is_gold = gold >= 0
    asked = _draw_below(is_gold.sum(dim=1))
    answer = gold.gather(1, asked[:, None])[:, 0].clamp(min=0)
    codes = gold.clamp(min=0).scatter(1, asked[:, None], n_codes)
    return Completion(codes, is_gold, asked, answer, is_gold.any(dim=1))


def wrong_code(gold: Int[Tensor, "B G"], n_codes: int) -> Completion:
    """Add one code that is not gold, drawn uniformly; at its slot, ask for l_mask."""
    n_gold = (gold >= 0).sum(dim=1)
    codes = F.pad(gold, (0, 1)).clamp(min=0)
    codes = codes.scatter(1, n_gold[:, None], outside(gold, n_codes)[:, None])
    is_slot = torch.arange(codes.shape[1]) <= n_gold[:, None]
    counts = (n_gold > 0) & (n_gold < n_codes)
    return Completion(codes, is_slot, n_gold, torch.full_like(n_gold, n_codes), counts)


def outside(gold: Int[Tensor, "B G"], n_codes: int) -> Int[Tensor, " B"]:
    """Draw for each note a code uniformly outside its (ascending, distinct) gold codes.

    The r-th of the other codes is r plus the number of gold codes that come before it. Where
    every code is gold, the answer is some code and means nothing.
    """
    is_gold = gold >= 0
    rank = _draw_below(n_codes - is_gold.sum(dim=1))
    before = is_gold & (gold - torch.arange(gold.shape[1]) <= rank[:, None])
    return (rank + before.sum(dim=1)).clamp(max=n_codes - 1)


def _draw_below(bounds: Tensor) -> Tensor:
    """One number from 0 up to each bound, uniformly; 0 where the bound is below 1."""
    drawn = (uniform(len(bounds)) * bounds).long()
    return torch.minimum(drawn, bounds - 1).clamp(min=0)
