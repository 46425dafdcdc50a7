"""HyperCore: hyperbolic and co-graph representations (Cao et al., ACL 2020).

A re-implementation from the description, for its authors released no code; `docs/readings.md`
lists what the description leaves open. Axes: B notes, N tokens, E word width, L codes, K of them, D
their width, C filters, G width of the co-graph, P width of the Poincaré ball.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor, nn

from isd_pipeline.embeddings.graphs import LARGEST_NORM, poincare_distance
from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.label_attention import LabelOutput, by_labels, label_attention
from isd_pipeline.models.layers.parts import MultiScaleConv, refuse_below, refuse_even, refuse_share
from isd_pipeline.models.system import Initialisation, System, Trial
from isd_pipeline.shapes import Float
from isd_pipeline.training.kernels import Dropout, widened


@dataclass(frozen=True, kw_only=True)
class HyperCoreConfig:
    """Sizes; those of the paper are not known."""

    filters: int = 200
    kernel_size: int = 9
    graph_width: int = 200
    graph_layers: int = 2
    dropout: float = 0.2  # of the word vectors

    def __post_init__(self) -> None:
        refuse_below(self, filters=1, kernel_size=1, graph_width=1, graph_layers=1)
        refuse_even(self, "kernel_size")
        refuse_share(self, "dropout")


class Links(nn.Module):
    """A fixed sparse matrix that gives each node the weighted sum of others' vectors.

    It is kept among the weights, by its rows, so that a checkpoint holds the graph it was
    trained on.

    Args:
        matrix: [L, L].
    """

    starts: Tensor
    columns: Tensor
    shares: Tensor

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        super().__init__()
        self.register_buffer("starts", torch.from_numpy(matrix.indptr).int())
        self.register_buffer("columns", torch.from_numpy(matrix.indices).int())
        self.register_buffer("shares", torch.from_numpy(matrix.data).float())

    def forward(self, nodes: Float[Tensor, "L D"]) -> Float[Tensor, "L D"]:
        """The matrix times the nodes' vectors, in fp32 at least."""
        with torch.autocast(nodes.device.type, enabled=False):
            return F.embedding_bag(
                self.columns,
                widened(nodes),
                self.starts,
                mode="sum",
                per_sample_weights=self.shares,
                include_last_offset=True,
            )


class CoGraph(nn.Module):
    """Codes that occur together share what they know: V <- tanh(A V W + b), layer by layer.

    A is the scaled co-occurrence of the training notes, `embeddings/graphs.py: cooccurrence`.
    """

    def __init__(
        self, cooccurrence: sparse.csr_matrix, inputs: int, width: int, n_layers: int
    ) -> None:
        super().__init__()
        self.links = Links(cooccurrence)
        widths = pairwise([inputs, *[width] * n_layers])
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in widths)

    def forward(self, codes: Float[Tensor, "L D"]) -> Float[Tensor, "L G"]:
        """Give each code its vector in the co-graph."""
        for layer in self.layers:
            codes = layer(self.links(codes)).tanh()
        return codes


class ToBall(nn.Module):
    """A vector's place in the Poincaré ball, its direction and its norm learned apart.

    m = sigma(<w, c> + b) (W c + b') / |W c + b'|, so that |m| < 1
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.direction = nn.Linear(inputs, width)
        self.norm = nn.Linear(inputs, 1)

    def forward(self, vectors: Float[Tensor, "*A C"]) -> Float[Tensor, "*A P"]:
        """Place each vector; in fp32 at least."""
        with torch.autocast(vectors.device.type, enabled=False):
            vectors = widened(vectors)
            norm = self.norm(vectors).sigmoid().clamp(max=LARGEST_NORM)
            return norm * F.normalize(self.direction(vectors), dim=-1)


class HyperCore(nn.Module):
    """Each code reads the note; what it read is placed in the ball and joined with the co-graph.

        c_l = H^T softmax(tanh(H W_a + b_a) v_l)        v_l starts as the mean of the title's words
        s_l = -d(theta_l, m_l)                          m_l the place of c_l, theta_l of the code
        z_l = <w_l, tanh(W [c_l, g_l, s_l] + b)> + b_l  g_l from the co-graph

    Args:
        config: sizes.
        words: initial word vectors, [V + 2, E]; row 0 is padding.
        codes: mean word vector of each code's title, [L, D].
        cooccurrence: of the training notes, scaled, [L, L].
        hyperbolic: vector of each code in the Poincaré ball, [L, P]; fixed.
    """

    hyperbolic: Tensor

    def __init__(
        self,
        config: HyperCoreConfig,
        words: Float[Tensor, "V E"],
        codes: Float[Tensor, "L D"],
        cooccurrence: sparse.csr_matrix,
        hyperbolic: Float[Tensor, "L P"],
    ) -> None:
        super().__init__()
        width = codes.shape[1]
        self.words = nn.Parameter(words.float().clone())
        self.dropout = Dropout(config.dropout)
        self.encode = MultiScaleConv(words.shape[1], config.filters, (config.kernel_size,))
        self.codes = nn.Parameter(codes.float().clone())
        self.to_key = nn.Linear(config.filters, width)
        self.cooccurrence = CoGraph(cooccurrence, width, config.graph_width, config.graph_layers)
        self.register_buffer("hyperbolic", hyperbolic.float().clone())
        self.to_ball = ToBall(config.filters, hyperbolic.shape[1])
        self.join = nn.Linear(config.filters + config.graph_width + 1, config.filters)
        self.score = nn.Linear(config.filters, len(codes))
        self.windows = (config.kernel_size,)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        hidden, keys = self._read(tokens, is_token)
        some_codes = partial(self._some_codes, hidden, keys, is_token)
        tables = (
            self.codes,
            self.hyperbolic,
            self.cooccurrence(self.codes),
            self.score.weight,
            self.score.bias,
        )
        return LabelOutput(by_labels(some_codes, *tables))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        return label_attention(self.codes[codes], self._read(tokens, is_token)[1], is_token)[0]

    def _read(self, tokens: Tensor, is_token: Tensor) -> tuple[Tensor, Tensor]:
        """Give the words' states, [B, N, C], and their keys, [B, N, D]."""
        words = self.dropout(F.embedding(tokens, self.words, padding_idx=0))
        hidden = self.encode(words, is_token)
        return hidden, self.to_key(hidden).tanh()

    def _some_codes(
        self, hidden: Tensor, keys: Tensor, is_token: Tensor, *of_codes: Tensor
    ) -> Tensor:
        """Logits of some of the codes."""
        codes, hyperbolic, related, weight, bias = of_codes
        found = widened(label_attention(codes, keys, is_token) @ hidden)  # c_l
        near = -poincare_distance(hyperbolic, self.to_ball(found))  # s_l
        related = related.expand(len(found), -1, -1)
        joined = self.join(torch.cat([found, related, near[..., None]], dim=-1)).tanh()
        return widened((joined * weight).sum(dim=-1) + bias)


def _hypercore(config: HyperCoreConfig, start: Initialisation) -> HyperCore:
    if start.cooccurrence is None or start.hyperbolic is None:
        raise ValueError("hypercore needs the codes' co-occurrence and their hyperbolic vectors")
    codes = start.description_means()
    return HyperCore(config, start.words, codes, start.cooccurrence, start.hyperbolic)


def _graph(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The co-occurrence and the hyperbolic vectors that the weights were trained on."""
    names = ("shares", "columns", "starts")
    parts = tuple(weights[f"cooccurrence.links.{name}"].numpy() for name in names)
    links = sparse.csr_matrix(parts, shape=(len(weights["codes"]),) * 2)
    return {"cooccurrence": links, "hyperbolic": weights["hyperbolic"]}


SYSTEMS = {
    "hypercore": System(
        model_config=HyperCoreConfig,
        make_model=_hypercore,
        sized_by=("words", "codes"),
        restore=_graph,
        small={"filters": 6, "graph_width": 5},
        trial=Trial({"filters": 32, "kernel_size": 3, "graph_width": 16}),
        graph=True,
    )
}
