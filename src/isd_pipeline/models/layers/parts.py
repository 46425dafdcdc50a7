"""Pieces that several models are made of: convolutions, attention, decoder layers, code scores.

Axes: B notes, N tokens, T slots (queries of an attention), Q shared representations, L codes,
D width. Matrix products may run in bf16 under autocast; every softmax here runs in fp32.

All attention here reads a *memory* whose keys and values are the memory itself. A multi-head
attention with projections W_q, W_k, W_v, W_o (Vaswani et al., 2017) is brought to this form
exactly: head by head,

    (q W_q + b_q)(H W_k)^T = (q (W_q W_k^T) + b_q W_k^T) H^T     the bias of W_k cancels
    alpha (H W_v + b_v) W_o = (alpha H)(W_v W_o) + (sum alpha) b_v W_o

so that a long memory H is never projected, whatever the number of readers, and a reader twice
instead of four times (with one head, as ISD has).
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Mask
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.kernels import Dropout, read


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


def refuse_share(config: object, name: str) -> None:
    """Raise a ValueError unless a field of `config`, a dropout, is at least 0 and below 1."""
    if not 0 <= getattr(config, name) < 1:
        raise ValueError(f"{type(config).__name__}.{name}={getattr(config, name)} is not in [0, 1)")


def refuse_even(config: object, name: str) -> None:
    """Raise a ValueError unless a field, a kernel's size or several, is odd: it needs a middle."""
    value = getattr(config, name)
    if not value or any(size % 2 == 0 for size in np.atleast_1d(value)):
        raise ValueError(f"{type(config).__name__}.{name}={value}: an odd number wanted")


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

    def forward(self, words: Float[Tensor, "B N E"], is_token: Mask) -> Float[Tensor, "B N D"]:
        """Encode words [B, N, inputs] token by token."""
        channels = words.mT.contiguous() * is_token[:, None]
        states = torch.cat([convolve(channels) for convolve in self.convolutions], dim=1).tanh_()
        return (states + self.residual * channels if self.residual else states).mT


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
        self, queries: Float[Tensor, "B T D"], memory: Float[Tensor, "B N D"], is_key: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Give what the queries read, [B, T, D], and the weights, [B, heads * T, N].

        `is_key` is that of `read`, [B, N] or [B, T, N].
        """
        heads = (self.n_heads, queries.shape[-1] // self.n_heads)
        to_query, to_key, to_value = self.in_proj_weight.unflatten(0, (3, *heads))  # [heads, C, D]
        query_bias, _, value_bias = self.in_proj_bias.unflatten(0, (3, heads[0], 1, heads[1]))
        scaled_key = to_key * (1 / heads[1] ** 0.5)
        asked = torch.einsum("btd,hde->bhte", queries, to_query.mT @ scaled_key)
        asked = (asked + query_bias @ scaled_key).flatten(1, 2)
        is_key = is_key.repeat(1, self.n_heads, 1) if is_key.dim() == 3 else is_key
        found, weights, sums = read(asked, memory, is_key, self.dropout if self.training else 0.0)
        from_heads = self.out_proj.weight.mT.unflatten(0, heads)  # [heads, C, D]
        found, sums = (part.unflatten(1, (self.n_heads, -1)) for part in (found, sums))
        values = torch.einsum("bhtd,hde->bte", found, to_value.mT @ from_heads)
        biases = torch.einsum("bht,hd->btd", sums, (value_bias @ from_heads)[:, 0])
        return values + biases + self.out_proj.bias, weights


class DecoderLayer(nn.Module):
    """Self-attention among slots, attention to a memory, a feed-forward network; norms after.

    Equal to `torch.nn.TransformerDecoderLayer(batch_first=True)`, whose parameter names it bears.
    """

    def __init__(self, width: int, n_heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = Attention(width, n_heads, dropout)
        self.multihead_attn = Attention(width, n_heads, dropout)
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.dropout = Dropout(dropout)

    def scale_additions(self, factor: float) -> None:
        """Multiply the weights of what the layer adds to its slots."""
        for last in (self.self_attn.out_proj, self.multihead_attn.out_proj, self.linear2):
            last.weight.data.mul_(factor)
            last.bias.data.mul_(factor)

    def forward(
        self,
        slots: Float[Tensor, "B A D"],
        all_slots: Float[Tensor, "B T D"],
        meets: Bool[Tensor, "B A T"],
        memory: Float[Tensor, "B N D"],
        is_key: Mask,
    ) -> Float[Tensor, "B A D"]:
        """Take some of all slots a layer further; `meets` says which slots each of them sees."""
        own, _ = self.self_attn(slots, all_slots, meets)
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
        is_key: Mask,
        asked: Sequence[Tensor | None] | None = None,
    ) -> tuple[Tensor, ...]:
        """Decode groups of slots [B, T_i, D], with masks [B, T_i], as if each were alone.

        Where `asked` holds a tensor [B] for a group, only that slot of a note is wanted of it: all
        go through the layers but the last, which takes the asked ones alone. Gives [B, T_i, D],
        or [B, 1, D], for each group.
        """
        slots, meets = torch.cat(list(groups), dim=1), block_diagonal(are_slots)
        sizes = [group.shape[1] for group in groups]
        rows = None
        if asked is not None:
            rows = _rows(sizes, asked, slots)
            sizes = [s if one is None else 1 for s, one in zip(sizes, asked, strict=True)]
        for layer in self.layers[:-1]:
            slots = layer(slots, slots, meets, memory, is_key)
        found = _pick(slots, rows)
        for layer in self.layers[-1:]:
            found = layer(found, slots, _pick(meets, rows), memory, is_key)
        return found.split(sizes, dim=1)


def all_slots(slots: Tensor) -> Bool[Tensor, "B T"]:
    """Mask of slots, [B, T] or [B, T, D], of which none is padding."""
    return torch.ones(slots.shape[:2], dtype=torch.bool, device=slots.device)


def block_diagonal(are_slots: Sequence[Tensor]) -> Bool[Tensor, "B T T"]:
    """Which slots each slot sees: those of its own group, [B, T_i] each, that are not padding."""
    ends = list(accumulate(group.shape[1] for group in are_slots))
    meets = are_slots[0].new_zeros(len(are_slots[0]), ends[-1], ends[-1])
    for end, group in zip(ends, are_slots, strict=True):
        own = slice(end - group.shape[1], end)
        meets[:, own, own] = group[:, None]
    return meets


def _rows(
    sizes: Sequence[int], asked: Sequence[Tensor | None], slots: Tensor
) -> Int[Tensor, "B A"]:
    """Where the asked slots, or all where none is asked, stand among groups laid end to end."""
    whole = torch.arange(slots.shape[1], device=slots.device).expand(len(slots), -1)
    parts = zip(whole.split(list(sizes), dim=1), asked, strict=True)
    return torch.cat([p if one is None else p[:, :1] + one[:, None] for p, one in parts], dim=1)


def _pick(values: Tensor, rows: Tensor | None) -> Tensor:
    """Some rows of each note: [B, T, X] to [B, A, X]; all of them without `rows`."""
    if rows is None:
        return values
    return values.gather(1, rows[..., None].expand(-1, -1, values.shape[2]))
