"""A sparse sum over a graph, for the models that know how codes are related.

Axes: M nodes of a graph, D width. It runs in fp32, or in fp64 where that comes in.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor, nn

from isd_pipeline.shapes import Float
from isd_pipeline.training.kernels import widened


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
