"""Functions with a gradient or random numbers of their own: autograd's would keep or move more.

Axes: B notes, T slots (readers), N tokens, Q shared representations, L codes, D width. Matrix
products may run in bf16 under autocast; every softmax and every sum over codes runs in fp32, or
in fp64 where that comes in.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.shapes import Float
from isd_pipeline.training.draws import is_by_example, sixteenths

NEVER = -1e9  # a score whose softmax weight is exactly 0, and which leaves an all-masked row finite
SCORES_AT_ONCE = {"cpu": 1 << 18, "cuda": 1 << 26}  # a tile of scores stays in a CPU's cache
PARTS = 1 << 16  # the share that is dropped is a whole number of these


class Dropout(nn.Module):
    """`nn.Dropout` whose random numbers cost a CPU little."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def forward(self, values: Tensor) -> Tensor:
        """Set a share of the values to 0 and scale the others up, in training only."""
        if not self.training or not self.share:
            return values
        if values.is_cuda and not is_by_example():
            return F.dropout(values, self.share)
        is_kept, scale = draw_kept(values, self.share)
        return values * is_kept.to(values.dtype).mul_(scale)


def widened(values: Tensor) -> Tensor:
    """The values in fp32, if they were in anything narrower."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def draw_kept(like: Tensor, dropped: float) -> tuple[Tensor, float]:
    """Which values stay when a share is dropped, at random, and by what they are scaled up.

    On a CPU 64 random bits decide on four values: drawing for each alone, as torch does, takes a
    twelfth of a training step.
    """
    below = min(round(dropped * PARTS), PARTS - 1)
    if is_by_example():
        drawn = sixteenths(like.shape, like.device)
        return drawn >= below - PARTS // 2, PARTS / (PARTS - below)
    if like.is_cuda:
        return torch.empty_like(like, dtype=torch.bool).bernoulli_(1 - dropped), 1 / (1 - dropped)
    bits = torch.empty((like.numel() + 3) // 4, dtype=torch.int64, device=like.device)
    drawn = bits.random_(-(2**63), None).view(torch.int16)[: like.numel()].view(like.shape)
    return drawn >= below - PARTS // 2, PARTS / (PARTS - below)


def read(
    queries: Tensor, memory: Tensor, is_key: Tensor, dropout: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """softmax(queries memory^T) memory, each slot reading one memory; scale the queries before.

    Args:
        queries: [B, T, D].
        memory: [B, N, D], keys and values at once.
        is_key: [B, N], or [B, T, N] where slots read differently; False gets weight exactly 0. A
            slot without any key reads nonsense, but finite nonsense.
        dropout: share of the weights set to 0, the others scaled up.

    Returns:
        What was read, [B, T, D]; the weights, [B, T, N], to be looked at, for no gradient goes
        through them; their sums, [B, T], which are 1 but for dropout.
    """
    is_key = is_key if is_key.dim() == 3 else is_key[:, None]
    bias = torch.zeros_like(is_key, dtype=queries.dtype).masked_fill_(~is_key, NEVER)
    found: tuple[Tensor, Tensor, Tensor] = _Read.apply(queries, memory, bias, dropout)
    return found


class _Read(torch.autograd.Function):
    """A M, where A is P = softmax(Q M^T + bias) with some weights dropped.

        dA = dR M^T        dS = A * dA - P * sum_n(A * dA)        dM = A^T dR + dS^T Q

    The two parts of dM are one product, so that the gradient of a long memory is written once;
    it is laid out as the memory is.
    """

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, memory: Tensor, bias: Tensor, dropout: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        weights = widened(torch.baddbmm(bias, queries, memory.mT)).softmax(dim=-1)
        is_kept, ctx.scale = draw_kept(weights, dropout) if dropout else (None, 1.0)
        used = weights if is_kept is None else (weights * is_kept).mul_(ctx.scale)
        ctx.save_for_backward(queries, memory, weights, is_kept)
        ctx.mark_non_differentiable(used)
        ctx.set_materialize_grads(False)
        return used @ memory, used, used.sum(dim=-1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        queries, memory, weights, is_kept = ctx.saved_tensors
        of_found = queries.new_zeros(queries.shape) if gradients[0] is None else gradients[0]
        of_found, of_sums = of_found.to(memory.dtype), gradients[2]
        both = weights.new_empty(len(weights), 2, *weights.shape[1:])  # A and dS, side by side
        used = both[:, 0].copy_(weights)
        if is_kept is not None:
            used.mul_(is_kept).mul_(ctx.scale)
        product = widened(of_found @ memory.mT)
        product = (product if of_sums is None else product.add_(of_sums[..., None])).mul_(used)
        total = product.sum(dim=-1, keepdim=True)
        torch.addcmul(product, weights, total, value=-1, out=both[:, 1])
        both = both.to(memory.dtype)
        for_queries = (both[:, 1] @ memory).to(queries.dtype)
        given = torch.cat([of_found, queries.to(memory.dtype)], dim=1)
        if memory.mT.is_contiguous():
            return for_queries, (given.mT @ both.flatten(1, 2)).mT, None, None
        return for_queries, both.flatten(1, 2).mT @ given, None, None


def best_match(shared: Float[Tensor, "B Q D"], codes: Float[Tensor, "L D"]) -> Float[Tensor, "B L"]:
    """Score each code by the shared representation that matches it best: Eqs. 6 and 11 of ISD.

    The gradient reaches only the winner (the first of equals), so nothing of size B L Q is kept.
    """
    scores: Tensor = _BestMatch.apply(shared, codes)
    return scores


class _BestMatch(torch.autograd.Function):
    """max_q <shared_q, code_i>, remembering of all [B, Q, L] scores only who won."""

    @staticmethod
    def forward(ctx: Any, shared: Tensor, codes: Tensor) -> Tensor:
        n_notes, n_queries, _ = shared.shape
        flat = shared.flatten(0, 1).mT
        at_once = max(1, SCORES_AT_ONCE.get(shared.device.type, 1 << 18) // flat.shape[1])
        tiles = [
            (tile @ flat).unflatten(1, (n_notes, n_queries)).max(dim=-1)
            for tile in codes.split(at_once)
        ]
        rows = torch.arange(n_notes, device=shared.device) * n_queries
        winners = torch.cat([tile.indices for tile in tiles]) + rows  # [L, B], rows of flat
        ctx.save_for_backward(shared, codes, winners.to(torch.int32))
        return widened(torch.cat([tile.values for tile in tiles]).mT)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        shared, codes, winners = ctx.saved_tensors
        flat, given = widened(shared.flatten(0, 1)), gradients[0].mT.contiguous()  # [L, B]
        for_codes = F.embedding_bag(winners, flat, mode="sum", per_sample_weights=given)
        order = winners.flatten().argsort()
        begins = torch.arange(len(flat), dtype=torch.int32, device=flat.device)
        for_shared = F.embedding_bag(
            (order // winners.shape[1]).to(torch.int32),
            widened(codes),
            torch.searchsorted(winners.flatten()[order], begins, out_int32=True),
            mode="sum",
            per_sample_weights=given.flatten()[order],
        )
        return for_shared.view_as(shared).to(shared.dtype), for_codes.to(codes.dtype)
