"""The two tasks of code completion: what stands in a note's slots, what is asked (section 3.3).

Axes: B notes, G gold codes of the note that has most (ascending, distinct; shorter rows end in
-1), T slots, L codes. Code number L is l_mask. All draws come from the host's random numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from isd_pipeline.models.layers.parts import all_slots
from isd_pipeline.shapes import Int
from isd_pipeline.training.transfer import send

OFFICIAL_SLOTS = 40  # the authors' completion always has this many


class Completion(NamedTuple):
    """A completion task: what stands in each note's slots, which slot is asked, the answer.

    Code number L is l_mask. `counts` is False for a note that the task cannot be set for.
    """

    codes: Tensor  # int [B, T]
    is_slot: Tensor  # bool [B, T]
    asked: Tensor  # int [B]
    answer: Tensor  # int [B]
    counts: Tensor  # bool [B]

    def to(self, device: torch.device) -> Completion:
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


def official_missing_code(gold: Int[Tensor, "B G"], n_codes: int) -> Completion:
    """Draw the missing code as the authors' code does: nothing is masked.

    The codes are shuffled and the first is asked for. The leading k = max(1, min(n // 2,
    floor(1 + Exp(1)))) slots hold, each, any code (1/2), any gold code (1/4), or the code
    itself (1/4: the answer stands there).
    """
    codes = _shuffled(gold)[:, :OFFICIAL_SLOTS]
    is_slot = codes >= 0
    n_gold = is_slot.sum(dim=1)
    drawn = 1 + torch.empty(len(gold)).exponential_().long()
    leading = torch.minimum(n_gold // 2, drawn).clamp(min=1)
    corrupted = torch.arange(codes.shape[1]) < leading[:, None]
    any_gold = codes.gather(1, _draw_below(n_gold[:, None].expand_as(codes)))
    kind = torch.rand(codes.shape)
    put = torch.where(kind < 0.5, torch.randint(n_codes, codes.shape), any_gold)
    slots = torch.where(corrupted & (kind < 0.75), put, codes).clamp(min=0)
    asked = torch.zeros_like(n_gold)
    return Completion(slots, is_slot, asked, codes[:, 0].clamp(min=0), n_gold > 0)


def official_wrong_code(gold: Int[Tensor, "B G"], n_codes: int) -> Completion:
    """Draw the wrong codes as the authors' code does: any codes fill all that is left of 40 slots.

    The last slot is asked. They answer with real code 0; we answer with l_mask.
    """
    kept = _shuffled(gold)[:, : OFFICIAL_SLOTS - 1]
    kept = F.pad(kept, (0, OFFICIAL_SLOTS - kept.shape[1]), value=-1)
    codes = torch.where(kept >= 0, kept, torch.randint(n_codes, kept.shape))
    asked = torch.full((len(gold),), OFFICIAL_SLOTS - 1)
    answer = torch.full((len(gold),), n_codes)
    return Completion(codes, all_slots(codes), asked, answer, (gold >= 0).any(dim=1))


def _draw_below(bounds: Tensor) -> Tensor:
    """One number from 0 up to each bound, uniformly; 0 where the bound is below 1."""
    drawn = (torch.rand(bounds.shape, dtype=torch.float64) * bounds).long()
    return torch.minimum(drawn, bounds - 1).clamp(min=0)


def _shuffled(gold: Tensor) -> Tensor:
    """Each note's gold codes in a random order, the padding still last."""
    order = torch.rand(gold.shape).masked_fill(gold < 0, 2.0).argsort(dim=1)
    return gold.gather(1, order)


SAMPLERS = {
    "paper": {"missing": missing_code, "removal": wrong_code},
    "official": {"missing": official_missing_code, "removal": official_wrong_code},
}
