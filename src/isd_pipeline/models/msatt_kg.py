"""MSATT-KG: multi-scale feature attention and knowledge graph propagation (Xie et al., CIKM 2019).

A re-implementation from the description, for its authors released no code; `docs/readings.md`
lists what the description leaves open. Axes: B notes, N tokens, E word width, K scales, C
channels of a scale, L codes, M nodes of the codes' tree, of which the first L are the codes, I
the others, D width of the nodes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.embeddings.graphs import vectors_above
from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.label_attention import LabelOutput, by_labels, label_attention
from isd_pipeline.models.layers.parts import refuse_below, refuse_even, refuse_share
from isd_pipeline.models.system import Initialisation, System, Trial
from isd_pipeline.shapes import Float, Int
from isd_pipeline.training.kernels import Dropout, widened


@dataclass(frozen=True, kw_only=True)
class MSATTKGConfig:
    """Sizes; those of the paper are not known."""

    scales: int = 6
    kernel_size: int = 3
    channels: int = 100
    graph_layers: int = 2
    dropout: float = 0.2  # of the word vectors

    def __post_init__(self) -> None:
        refuse_below(self, scales=1, kernel_size=1, channels=1, graph_layers=1)
        refuse_even(self, "kernel_size")
        refuse_share(self, "dropout")


class DenseConv(nn.Module):
    """Convolutions each of which sees the words and all that those before it made.

    X^k = relu(norm(conv([words, X^1, ..., X^(k-1)]))); scale k spans k (size - 1) + 1 words.
    Norms are over the channels of a word, so that a word's states depend on its own note alone.
    """

    def __init__(self, inputs: int, config: MSATTKGConfig) -> None:
        super().__init__()
        size, channels = config.kernel_size, config.channels
        self.convolutions = nn.ModuleList(
            nn.Conv1d(inputs + before * channels, channels, size, padding=size // 2)
            for before in range(config.scales)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(config.scales))

    def forward(self, words: Float[Tensor, "B N E"], is_token: Mask) -> Float[Tensor, "B N K C"]:
        """Give the states of every scale."""
        seen = [words * is_token[..., None]]
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            states = convolve(torch.cat(seen, dim=-1).mT).mT
            seen.append(norm(states).relu() * is_token[..., None])
        return torch.stack(seen[1:], dim=2)


class ScaleAttention(nn.Module):
    """Every word chooses among its scales.

    s_k = sum_c X^k_c        a = softmax(MLP(s))        h = sum_k a_k X^k
    """

    def __init__(self, n_scales: int) -> None:
        super().__init__()
        self.choose = nn.Sequential(
            nn.Linear(n_scales, n_scales), nn.ReLU(), nn.Linear(n_scales, n_scales)
        )

    def forward(self, scales: Float[Tensor, "B N K C"]) -> Float[Tensor, "B N C"]:
        """Weigh the scales of each word."""
        weights = widened(self.choose(scales.sum(dim=-1))).softmax(dim=-1)
        return (weights[:, :, None] @ scales)[:, :, 0]


class TreeConvolution(nn.Module):
    """Each node hears from its parent and its children.

    v'_i = relu(W_s v_i + W_p v_parent(i) + mean_{c child of i} W_c v_c + b)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.own = nn.Linear(width, width)
        self.from_parent = nn.Linear(width, width, bias=False)
        self.from_children = nn.Linear(width, width, bias=False)

    def forward(
        self, nodes: Float[Tensor, "M D"], parents: Int[Tensor, " M"]
    ) -> Float[Tensor, "M D"]:
        """Pass vectors along the tree once; `parents` is -1 for a node without one."""
        has_parent, of = parents >= 0, parents.clamp(min=0)
        told = widened(self.from_children(nodes) * has_parent[:, None])
        sums = torch.zeros_like(told).index_add(0, of, told)
        children = torch.zeros_like(told[:, 0]).index_add(0, of, has_parent.to(told.dtype))
        heard = self.from_parent(nodes)[of] * has_parent[:, None]
        return (self.own(nodes) + heard + sums / children.clamp(min=1)[:, None]).relu()


class MSATTKG(nn.Module):
    """Words of several scales, read by codes that know their relatives.

        m_l = H^T softmax(H W_q v'_l)        z_l = <relu(W_o m_l + b), [v_l, v'_l]> + b_l

    v_l starts as the mean of the description's words; v'_l is what the tree made of it.

    Args:
        config: sizes.
        words: initial word vectors, [V + 2, E]; row 0 is padding.
        codes: a vector for each code, [L, E].
        inner: a vector for each node of the tree that is no code, [M - L, E].
        parents: row of each node's parent, [M], the codes first; -1 without one.
    """

    parents: Tensor

    def __init__(
        self,
        config: MSATTKGConfig,
        words: Float[Tensor, "V E"],
        codes: Float[Tensor, "L D"],
        inner: Float[Tensor, "I D"],
        parents: Int[Tensor, " M"],
    ) -> None:
        super().__init__()
        width = codes.shape[1]
        self.words = nn.Parameter(words.float().clone())
        self.dropout = Dropout(config.dropout)
        self.encode = DenseConv(words.shape[1], config)
        self.weigh = ScaleAttention(config.scales)
        self.codes = nn.Parameter(codes.float().clone())
        self.inner = nn.Parameter(inner.float().clone())
        self.register_buffer("parents", parents.clone())
        self.propagate = nn.ModuleList(TreeConvolution(width) for _ in range(config.graph_layers))
        self.to_query = nn.Linear(width, config.channels, bias=False)
        self.to_score = nn.Linear(config.channels, 2 * width)
        self.bias = nn.Parameter(torch.zeros(len(codes)))
        scales = range(1, config.scales + 1)
        self.windows = tuple(scale * (config.kernel_size - 1) + 1 for scale in scales)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        hidden, related = self._read(tokens, is_token), self.related_codes()
        tables = self.to_query(related), torch.cat([self.codes, related], dim=1), self.bias
        some_codes = partial(self._some_codes, hidden, is_token)
        return LabelOutput(by_labels(some_codes, *tables))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        queries = self.to_query(self.related_codes()[codes])
        return label_attention(queries, self._read(tokens, is_token), is_token)[0]

    def related_codes(self) -> Float[Tensor, "L D"]:
        """What the tree makes of each code's vector: v'_l."""
        nodes = torch.cat([self.codes, self.inner])
        for layer in self.propagate:
            nodes = layer(nodes, self.parents)
        return nodes[: len(self.codes)]

    def _read(self, tokens: Tensor, is_token: Tensor) -> Float[Tensor, "B N C"]:
        words = self.dropout(F.embedding(tokens, self.words, padding_idx=0))
        states: Tensor = self.weigh(self.encode(words, is_token))
        return states

    def _some_codes(
        self, hidden: Tensor, is_token: Tensor, queries: Tensor, codes: Tensor, bias: Tensor
    ) -> Tensor:
        """Logits of some of the codes."""
        found = label_attention(queries, hidden, is_token) @ hidden  # m_l
        return widened((self.to_score(found).relu() * codes).sum(dim=-1) + bias)


def _msatt_kg(config: MSATTKGConfig, start: Initialisation) -> MSATTKG:
    if start.tree is None:
        raise ValueError("msatt_kg needs the tree of the codes")
    codes = start.description_means()
    inner = torch.from_numpy(vectors_above(start.tree, codes.numpy()))
    return MSATTKG(config, start.words, codes, inner, torch.from_numpy(start.tree.parents))


def _tree(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The tree that the weights were trained on, its names forgotten."""
    parents = weights["parents"].numpy()
    return {"tree": CodeTree(("",) * len(parents), parents, len(weights["codes"]))}


SYSTEMS = {
    "msatt_kg": System(
        model_config=MSATTKGConfig,
        make_model=_msatt_kg,
        sized_by=("words", "codes"),
        restore=_tree,
        small={"scales": 2, "channels": 6},
        trial=Trial({"scales": 2, "channels": 32}, epochs=5),
        graph=True,
    )
}
