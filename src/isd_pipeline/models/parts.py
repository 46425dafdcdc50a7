"""Pieces that several models are made of: convolutions, attention, decoder layers, code scores.

Axes: B notes, N tokens, T slots (queries of an attention), Q shared representations, L codes,
D width. Matrix products may run in bf16 under autocast; every softmax here runs in fp32.

All attention here reads a *memory* whose keys and values are the memory itself. A multi-head
attention with projections W_q, W_k, W_v, W_o (Vaswani et al., 2017) is brought to this form
exactly: head by head,

    (q W_q)(H W_k)^T = ((q W_q) W_k^T) H^T          the bias of W_k cancels in the softmax
    alpha (H W_v + b_v) = (alpha H) W_v + (sum alpha) b_v

so that a long memory H is never projected, whatever the number of readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.shapes import Bool, Float

NEVER = -1e9  # a score whose softmax weight is exactly 0, and which leaves an all-masked row finite
CODES_AT_ONCE = 512  # so that a tile of scores stays in the processor's cache


def refuse_unlisted(config: object, **allowed: Sequence[Any]) -> None:
    """Raise a ValueError if a field of `config` named in `allowed` has none of its values."""
    for name, values in allowed.items():
        if getattr(config, name) not in values:
            raise ValueError(
                f"{type(config).__name__}.{name}={getattr(config, name)!r} is none of "
                f"{', '.join(repr(value) for value in values)}"
            )


def refuse_below(config: object, **least: float | int) -> None:
    """Raise a ValueError if a field of `config` named in `least` is smaller than its number."""
    for name, smallest in least.items():
        if not getattr(config, name) >= smallest:
            raise ValueError(
                f"{type(config).__name__}.{name}={getattr(config, name)!r} is below {smallest}"
            )


class MultiScaleConv(nn.Module):
    """Filters of several widths, side by side: Eqs. 1-2 of ISD.

        H_n = [tanh(W_k x_{n-k//2 : n+k//2} + b_k) for every kernel size k] + residual * x_n

    Each size gives an equal share of the width. As printed, the window of Eq. 1 runs forward
    from n; we centre it, so that H_n stands for token n. Padding is zero *before* the
    convolution, hence a note's states do not depend on how far its batch was padded.

    Args:
        inputs: width of the word vectors.
        width: width of the states, a multiple of the number of sizes.
        kernel_sizes: odd numbers.
        residual: weight of the word vector itself (0 in the paper); needs inputs == width.
    """

    def __init__(
        self, inputs: int, width: int, kernel_sizes: Sequence[int], residual: float = 0.0
    ) -> None:
        super().__init__()
        if residual and inputs != width:
            raise ValueError(
                f"residual_words={residual} adds word vectors of width {inputs} to states of "
                f"width {width}: make both widths equal or set residual_words to 0"
            )
        share = width // len(kernel_sizes)
        self.residual = residual
        self.convolutions = nn.ModuleList(
            nn.Conv1d(inputs, share, size, padding=size // 2) for size in kernel_sizes
        )

    def forward(
        self, words: Float[Tensor, "B N E"], is_token: Bool[Tensor, "B N"]
    ) -> Float[Tensor, "B N D"]:
        """Encode words [B, N, inputs] token by token."""
        channels = (words * is_token[..., None]).mT
        states = torch.cat([convolve(channels) for convolve in self.convolutions], dim=1).tanh_()
        return (states + self.residual * channels if self.residual else states).mT


def read(
    queries: Tensor, memory: Tensor, is_key: Tensor, dropout: float = 0.0
) -> tuple[Tensor, Tensor]:
    """softmax(queries memory^T) memory, each row reading one memory; scale the queries before.

    Args:
        queries: [B, T, D].
        memory: [B, N, D], keys and values at once.
        is_key: [B, N]; False gets weight exactly 0. A row without any key reads nonsense, but
            finite nonsense.
        dropout: share of the weights set to 0, the others scaled up.

    Returns:
        What was read, [B, T, D], and the weights, [B, T, N].
    """
    bias = torch.zeros_like(is_key, dtype=queries.dtype).masked_fill_(~is_key, NEVER)[:, None]
    scores = torch.baddbmm(bias, queries, memory.mT)
    weights = F.dropout(scores.softmax(dim=-1, dtype=torch.float32), dropout, dropout > 0)
    return weights @ memory, weights


class Attention(nn.Module):
    """Multi-head attention in the folded form of the head of this file.

    Parameters bear the names, shapes and initial values of `torch.nn.MultiheadAttention`, to
    which it is equal; the keys' bias is kept though no output depends on it.
    """

    def __init__(self, width: int, n_heads: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(
        self,
        queries: Float[Tensor, "B T D"],
        memory: Float[Tensor, "B N D"],
        is_key: Bool[Tensor, "B N"],
        scale: float | Tensor = 1.0,
    ) -> tuple[Tensor, Tensor]:
        """Give what the queries read, [B, T, D], and the weights, [B, heads * T, N].

        `scale` multiplies the usual 1 / sqrt(D / heads) of the scores.
        """
        to_query, to_key, to_value = self.in_proj_weight.chunk(3)
        query_bias, _, value_bias = self.in_proj_bias.chunk(3)
        heads = (self.n_heads, queries.shape[-1] // self.n_heads)
        projected = F.linear(queries, to_query, query_bias) * (scale / heads[1] ** 0.5)
        folded = torch.einsum(
            "bthc,hcd->bhtd", projected.unflatten(-1, heads), to_key.unflatten(0, heads)
        )
        dropout = self.dropout if self.training else 0.0
        found, weights = read(folded.flatten(1, 2), memory, is_key, dropout)
        found = torch.einsum(
            "bhtd,hcd->bthc", found.unflatten(1, (self.n_heads, -1)), to_value.unflatten(0, heads)
        )
        kept = weights.sum(dim=-1).unflatten(1, (self.n_heads, -1)).mT[..., None]
        values = found + kept * value_bias.unflatten(0, heads)
        return self.out_proj(values.flatten(-2)), weights


class DecoderLayer(nn.Module):
    """Self-attention among slots, attention to a memory, a feed-forward network; norms after.

    Equal to `torch.nn.TransformerDecoderLayer(batch_first=True)`, whose parameter names it
    bears, except that several *groups* of slots may go through it together: slots see only
    their own group (block-diagonal self-attention), all else acts on every slot alone.
    """

    def __init__(self, width: int, n_heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, n_heads, dropout)
        self.multihead_attn = Attention(width, n_heads, dropout)
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def scale_additions(self, factor: float) -> None:
        """Multiply the weights of what the layer adds to its slots."""
        for last in (self.self_attn.out_proj, self.multihead_attn.out_proj, self.linear2):
            last.weight.data.mul_(factor)
            last.bias.data.mul_(factor)

    def forward(
        self,
        slots: Float[Tensor, "B T D"],
        is_slot: Bool[Tensor, "B T"],
        sizes: Sequence[int],
        memory: Float[Tensor, "B N D"],
        is_key: Bool[Tensor, "B N"],
    ) -> Float[Tensor, "B T D"]:
        """Apply the layer to groups of `sizes` slots laid end to end along T."""
        groups = zip(slots.split(list(sizes), 1), is_slot.split(list(sizes), 1), strict=True)
        own = torch.cat([self.self_attn(group, group, mask)[0] for group, mask in groups], dim=1)
        slots = self.norm1(slots + self.dropout(own))
        found, _ = self.multihead_attn(slots, memory, is_key)
        slots = self.norm2(slots + self.dropout(found))
        inner = self.dropout(self.linear1(slots).relu())
        return self.norm3(slots + self.dropout(self.linear2(inner)))


class InteractiveDecoder(nn.Module):
    """Layers in which slots meet each other and the note; with 0 layers, slots pass unchanged.

    `start` multiplies the initial weights of what a layer adds to its slots: at 0, a layer starts
    as its norms alone and leaves the slots' directions as they are.
    """

    def __init__(
        self,
        n_layers: int,
        width: int,
        n_heads: int,
        inner: int,
        dropout: float,
        start: float = 1.0,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DecoderLayer(width, n_heads, inner, dropout) for _ in range(n_layers)
        )
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            layer.scale_additions(start)

    def forward(
        self,
        groups: Sequence[Tensor],
        are_slots: Sequence[Tensor],
        memory: Float[Tensor, "B N D"],
        is_key: Bool[Tensor, "B N"],
    ) -> tuple[Tensor, ...]:
        """Decode groups of slots [B, T_i, D], with masks [B, T_i], as if each were alone."""
        sizes = [group.shape[1] for group in groups]
        slots, is_slot = torch.cat(list(groups), dim=1), torch.cat(list(are_slots), dim=1)
        for layer in self.layers:
            slots = layer(slots, is_slot, sizes, memory, is_key)
        return slots.split(sizes, dim=1)


class _BestMatch(torch.autograd.Function):
    """max_q <shared_q, code_i>, remembering of all [B, Q, L] scores only who won."""

    @staticmethod
    def forward(ctx: Any, shared: Tensor, codes: Tensor) -> Tensor:
        n_notes, n_queries, _ = shared.shape
        flat = shared.flatten(0, 1).mT
        tiles = [
            (tile @ flat).unflatten(1, (n_notes, n_queries)).max(dim=-1)
            for tile in codes.split(CODES_AT_ONCE)
        ]
        rows = torch.arange(n_notes, device=shared.device) * n_queries
        winners = torch.cat([tile.indices for tile in tiles]) + rows  # [L, B], rows of flat
        ctx.save_for_backward(shared, codes, winners.to(torch.int32))
        return torch.cat([tile.values for tile in tiles]).mT.float()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        shared, codes, winners = ctx.saved_tensors
        flat, given = shared.flatten(0, 1).float(), gradients[0].mT.contiguous()  # [L, B]
        for_codes = F.embedding_bag(winners, flat, mode="sum", per_sample_weights=given)
        order = winners.flatten().argsort()
        begins = torch.arange(len(flat), dtype=torch.int32, device=flat.device)
        for_shared = F.embedding_bag(
            (order // winners.shape[1]).to(torch.int32),
            codes.float(),
            torch.searchsorted(winners.flatten()[order], begins, out_int32=True),
            mode="sum",
            per_sample_weights=given.flatten()[order],
        )
        return for_shared.view_as(shared).to(shared.dtype), for_codes.to(codes.dtype)


def best_match(shared: Float[Tensor, "B Q D"], codes: Float[Tensor, "L D"]) -> Float[Tensor, "B L"]:
    """Score each code by the shared representation that matches it best: Eqs. 6 and 11 of ISD.

    The gradient reaches only the winner (the first of equals), so nothing of size B L Q is kept.
    """
    return _BestMatch.apply(shared, codes)


def soft_match(shared: Float[Tensor, "B Q D"], codes: Float[Tensor, "L D"]) -> Float[Tensor, "B L"]:
    """log sum_q exp <shared_q, code_i>: the smooth form of `best_match`."""
    return (codes @ shared.mT).float().logsumexp(dim=-1)
