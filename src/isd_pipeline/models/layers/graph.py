"""Pieces of the models that know how codes are related: sparse sums, attention code by code.

Axes: B notes, N tokens (or sentences), L codes, M nodes of a graph, D width, C width of what is
read. Matrix products may run in bf16 under autocast; every softmax and every sum over a graph
runs in fp32, or in fp64 where that comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from isd_pipeline.shapes import Bool, Float
from isd_pipeline.training.kernels import NEVER, widened

LABELS_AT_ONCE = 256


class LabelOutput(NamedTuple):
    """What a model says of B notes.

    logits: [B, L], probability 0.5 is 0.  attention: [B, L, N], what each code reads, if it was
    asked for.
    """

    logits: Tensor
    attention: Tensor | None


class Links(nn.Module):
    """A fixed sparse matrix that gives each node the weighted sum of others' vectors.

    It is kept among the weights, by its rows, so that a checkpoint holds the graph it was
    trained on.

    Args:
        matrix: [M, M].
    """

    starts: Tensor
    columns: Tensor
    shares: Tensor

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        super().__init__()
        self.register_buffer("starts", torch.from_numpy(matrix.indptr).int())
        self.register_buffer("columns", torch.from_numpy(matrix.indices).int())
        self.register_buffer("shares", torch.from_numpy(matrix.data).float())

    def forward(self, nodes: Float[Tensor, "M D"]) -> Float[Tensor, "M D"]:
        """The matrix times the nodes' vectors."""
        with torch.autocast(nodes.device.type, enabled=False):
            return F.embedding_bag(
                self.columns,
                widened(nodes),
                self.starts,
                mode="sum",
                per_sample_weights=self.shares,
                include_last_offset=True,
            )


def label_attention(
    queries: Float[Tensor, "L D"], keys: Float[Tensor, "B N D"], is_key: Bool[Tensor, "B N"]
) -> Float[Tensor, "B L N"]:
    """softmax_n(<q_l, k_n>): what each code reads of a note. What is no key gets exactly 0."""
    scores = widened(queries @ keys.mT)
    return scores.masked_fill(~is_key[:, None], NEVER).softmax(dim=-1)


def by_labels(score: Callable[..., Tensor], *tables: Float[Tensor, "L ..."]) -> Tensor:
    """Call `score` with some rows of the tables at a time; put the logits together, [B, L].

    What it makes on the way, such as attention, is made again for the gradient: the memory
    needed does not grow with B L N.
    """
    shares = zip(*(table.split(LABELS_AT_ONCE) for table in tables), strict=True)
    return torch.cat([checkpoint(score, *rows, use_reentrant=False) for rows in shares], dim=1)
