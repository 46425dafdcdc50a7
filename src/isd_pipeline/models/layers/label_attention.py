"""Attention with a query for every code, so that nothing of size B L N is kept for the gradient.

`LabelwiseAttention` with a linear classifier a code, as CAML, MultiResCNN and LAAT have it, knows
its gradient; what else codes do with what they read goes through `by_labels`, some codes at a time.

Axes: B notes, N places of a note (words, windows of them, or sentences), L codes, K of them, A
width of queries and keys, D width of values. Every softmax runs in fp32, or in fp64 where that
comes in.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from isd_pipeline.models.layers.axes import Codes, Mask
from isd_pipeline.shapes import Float
from isd_pipeline.training.kernels import NEVER, widened

LABELS_AT_ONCE = 256
SCORES_AT_ONCE = {"cpu": 1 << 20, "cuda": 1 << 23}  # enough codes that matrix products are fast


class LabelOutput(NamedTuple):
    """What a model says of B notes: logits [B, L], probability 0.5 is 0."""

    logits: Tensor


def label_attention(
    queries: Float[Tensor, "L A"], keys: Float[Tensor, "B N A"], is_key: Mask
) -> Float[Tensor, "B L N"]:
    """softmax_n(<q_l, k_n>): what each code reads of a note. What is no key gets exactly 0."""
    scores = widened(queries @ keys.mT)
    return scores.masked_fill(~is_key[:, None], NEVER).softmax(dim=-1)


def shares_of_positive(parts: Float[Tensor, "K N"]) -> Float[Tensor, "K N"]:
    """What places add to a code's score as shares of all that raises it; 0 where nothing does."""
    parts = parts.clamp(min=0)
    return parts / parts.sum(dim=1, keepdim=True).clamp(min=torch.finfo(parts.dtype).tiny)


def by_labels(
    some_codes: Callable[..., Tensor], *tables: Float[Tensor, "L ..."]
) -> Float[Tensor, "B L"]:
    """Call `some_codes` with some rows of the tables at a time: their logits, put together.

    What is made on the way, such as attention, is made again for the gradient: the memory needed
    does not grow with B L N.
    """
    shares = zip(*(table.split(LABELS_AT_ONCE) for table in tables), strict=True)
    each = [checkpoint(some_codes, *rows, use_reentrant=False) for rows in shares]
    return torch.cat(each, dim=1)


class LabelwiseAttention(nn.Module):
    """Every code reads the note for itself and is scored by what it found.

        alpha_l = softmax_n(u_l k_n)        m_l = sum_n alpha_ln h_n        z_l = w_l m_l + b_l

    In CAML the keys k are the values h; in LAAT k = tanh(W h). The model that owns it sets the
    initial queries u and vectors w (`score.weight`); the bias starts as that of `nn.Linear`.
    """

    def __init__(self, n_codes: int, key_width: int, width: int) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.empty(n_codes, key_width))
        self.score = nn.Linear(width, n_codes)

    def forward(
        self, keys: Float[Tensor, "B N A"], values: Float[Tensor, "B N D"], is_key: Mask
    ) -> Float[Tensor, "B L"]:
        """Give the logits. A key that is none gets weight exactly 0; a note has at least one."""
        dtype = _attention_dtype(keys)
        operands = [x.to(dtype) for x in (self.queries, self.score.weight, keys, values)]
        bias = torch.zeros_like(is_key, dtype=dtype).masked_fill_(~is_key, NEVER)
        with torch.autocast(keys.device.type, enabled=False):
            scores: Tensor = _LabelScores.apply(*operands, bias)
        return scores + self.score.bias

    def attention_of(
        self, codes: Codes, keys: Float[Tensor, "B N A"], is_key: Mask
    ) -> Float[Tensor, "B K N"]:
        """The attention of some codes alone."""
        return label_attention(self.queries[codes], keys, is_key)


def _attention_dtype(keys: Tensor) -> torch.dtype:
    """What autocast would compute in, but never fp16: sharp attention passes its 65,504."""
    kind = keys.device.type
    wanted = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else keys.dtype
    return torch.float32 if wanted is torch.float16 else wanted


def _weights(queries: Tensor, keys: Tensor, bias: Tensor) -> Tensor:
    """Attention of some codes over one note: softmax(queries keys^T + bias)."""
    return widened(torch.addmm(bias, queries, keys.T)).softmax(dim=-1)


def _tiles(queries: Tensor, keys: Tensor) -> Iterator[tuple[int, slice]]:
    """Every note with some codes at a time: no more scores at once than the device does well."""
    at_once = max(1, SCORES_AT_ONCE.get(keys.device.type, SCORES_AT_ONCE["cpu"]) // keys.shape[1])
    for note in range(len(keys)):
        for start in range(0, len(queries), at_once):
            yield note, slice(start, start + at_once)


class _LabelScores(torch.autograd.Function):
    """z_l = w_l sum_n alpha_ln h_n tile by tile, the attention made again for the gradient.

        dS_ln = dz_l alpha_ln (w_l h_n - z_l)        dU = dS K        dK = dS^T U
        A_ln  = dz_l alpha_ln                        dW = A H         dH = A^T W

    So nothing of size L N outlives a tile, nor anything of size L D.
    """

    @staticmethod
    def forward(
        ctx: Any, queries: Tensor, vectors: Tensor, keys: Tensor, values: Tensor, bias: Tensor
    ) -> Tensor:
        scores = widened(keys.new_empty(len(keys), len(queries)))
        for note, codes in _tiles(queries, keys):
            weights = _weights(queries[codes], keys[note], bias[note])
            found = weights.to(values.dtype) @ values[note]
            scores[note, codes] = (widened(found) * vectors[codes]).sum(dim=-1)
        ctx.save_for_backward(queries, vectors, keys, values, bias, scores)
        return scores

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        queries, vectors, keys, values, bias, scores = ctx.saved_tensors
        for_queries, for_vectors = (torch.zeros_like(widened(x)) for x in (queries, vectors))
        for_keys, for_values = torch.zeros_like(keys), torch.zeros_like(values)
        for note, codes in _tiles(queries, keys):
            weights = _weights(queries[codes], keys[note], bias[note])
            weights *= gradients[0][note, codes, None]
            slopes = widened(vectors[codes] @ values[note].T)
            slopes.sub_(scores[note, codes, None]).mul_(weights)
            weights, slopes = weights.to(keys.dtype), slopes.to(keys.dtype)
            for_queries[codes] += slopes @ keys[note]
            for_vectors[codes] += weights @ values[note]
            for_keys[note].addmm_(slopes.T, queries[codes])
            for_values[note].addmm_(weights.T, vectors[codes])
        dtype = queries.dtype
        return for_queries.to(dtype), for_vectors.to(dtype), for_keys, for_values, None
