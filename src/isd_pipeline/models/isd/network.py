"""ISD: interactive shared representations (Zhou et al., ACL 2021), the model of its Figure 2.

Axes: B notes, N tokens (the paper's N_x), E word width, Q shared queries (N_q), L codes (N_l), C
width of their initial vectors, R = L + 1 rows (the codes and l_mask), T slots, D width (d_l).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.isd.base import ISDConfig, ISDOutput, TextAndCodes, scale
from isd_pipeline.models.isd.completion import Completion
from isd_pipeline.models.layers.parts import Attention, InteractiveDecoder, all_slots, soft_match
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.kernels import best_match, read, widened

POOLING = {"max": best_match, "logsumexp": soft_match}


class Representations(NamedTuple):
    """What ISD makes of a text, and of the completions set with it.

    found: [B, Q, D] by the shared attention.  attention: [B, Q, N].  shared: [B, Q, D] behind the
    decoder.  answers: of each completion the slot that it asks for, [B, D].
    """

    found: Tensor
    attention: Tensor
    shared: Tensor
    answers: tuple[Tensor, ...]


class SharedAttention(nn.Module):
    """Q learned queries each read the whole note, Eqs. 3-5.

        alpha_q = softmax(t H e_q / sqrt(D))        h_q = sum_n alpha_qn H_n

    As printed, Eq. 3 has V inside the softmax and Eq. 5 multiplies by H once more; we read them
    together as scaled dot-product attention, without projections. Padding gets weight 0.
    The temperature t is 1 in the paper.
    """

    def __init__(self, queries: Float[Tensor, "Q D"], config: ISDConfig) -> None:
        super().__init__()
        self.queries = nn.Parameter(queries.clone())
        self.temperature = scale(config.attention_temperature, config.learned_temperature)
        self.dropout = config.dropout
        self.project = (
            Attention(config.width, 1, config.dropout) if config.shared_projection else None
        )

    def forward(
        self, hidden: Float[Tensor, "B N D"], is_token: Bool[Tensor, "B N"]
    ) -> tuple[Tensor, Tensor]:
        """Give the shared representations, [B, Q, D], and their attention, [B, Q, N]."""
        queries = self.queries.expand(len(hidden), -1, -1)
        if self.project is not None:
            found, attention = self.project(queries, hidden, is_token, self.temperature)
            return found, attention
        scaled = queries * (self.temperature / queries.shape[-1] ** 0.5)
        found, attention, _ = read(scaled, hidden, is_token, self.dropout if self.training else 0.0)
        return found, attention


class LabelHead(nn.Module):
    """The second head of the authors' code: each code reads the shared representations.

        z_i = <e_i, MHA(e_i, shared, shared)>    one head, with W_q, W_k, W_v, W_o

    W_o is folded into e_i, so that nothing of size B L D is ever made.
    """

    def __init__(self, config: ISDConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, 1, config.dropout)

    def forward(
        self, shared: Float[Tensor, "B Q D"], codes: Float[Tensor, "L D"]
    ) -> Float[Tensor, "B L"]:
        """Score every code, without its bias."""
        attention = self.attention
        to_query, to_key, to_value = attention.in_proj_weight.chunk(3)
        query_bias, key_bias, value_bias = attention.in_proj_bias.chunk(3)
        queries = F.linear(codes, to_query, query_bias) / codes.shape[-1] ** 0.5
        keys, values = F.linear(shared, to_key, key_bias), F.linear(shared, to_value, value_bias)
        weights = widened(keys @ queries.mT).softmax(dim=1)  # B Q L
        weights = F.dropout(weights, attention.dropout, self.training)
        folded = codes @ attention.out_proj.weight  # W_o^T e_i
        scores = (weights * (values @ folded.mT)).sum(dim=1)
        return widened(scores) + widened(codes @ attention.out_proj.bias)


class ISD(TextAndCodes):
    """One note in, one logit per code out: Figure 2, left to right.

    Args:
        config, words, codes, label_log_odds: of `TextAndCodes`.
        code_groups: number of each code's group (its three-character category), [L], counted
            from 0 without gaps; for `query_init: hierarchy`.
    """

    shares_representations = True

    def __init__(
        self,
        config: ISDConfig,
        words: Float[Tensor, "V E"] | nn.Module,
        codes: Float[Tensor, "L C"],
        label_log_odds: Float[Tensor, " L"] | None = None,
        code_groups: Int[Tensor, " L"] | None = None,
    ) -> None:
        super().__init__(config, words, codes, label_log_odds)
        vectors = self.code_vectors().detach()
        self.attend = SharedAttention(  # Eqs. 3-5
            _initial_queries(config, vectors, code_groups), config
        )
        self.interact = InteractiveDecoder(  # section 3.3
            config.n_layers,
            config.width,
            config.n_heads,
            config.feedforward_factor * config.width,
            config.dropout,
            config.decoder_start,
        )
        self.label_head = LabelHead(config) if config.label_head else None
        deviation = vectors.std(correction=0).item()
        self.mask_code = nn.Parameter(torch.randn(config.width) * deviation)  # l_mask
        self.mask_bias = nn.Parameter(torch.zeros(1))
        self.n_queries = len(self.attend.queries)

    def forward(
        self,
        tokens: Int[Tensor, "B N"],
        is_token: Bool[Tensor, "B N"],
        want_attention: bool = False,
    ) -> ISDOutput:
        """Score every code for every note; a note has at least one token."""
        found = self.represent(self.read(tokens, is_token), is_token)
        heads = self.score(found.shared)
        attention = found.attention if want_attention else None
        return ISDOutput(mean_logits(heads), heads, found.shared, attention)

    def represent(
        self,
        hidden: Float[Tensor, "B N D"],
        is_token: Bool[Tensor, "B N"],
        completions: Sequence[Completion] | None = None,
        slots: Sequence[Float[Tensor, "B _ D"]] = (),
    ) -> Representations:
        """Read a text by the shared queries and decode what they found.

        What stands in the `slots` of each of the `completions` is decoded beside it as if alone.
        """
        found, attention = self.attend(hidden, is_token)
        tasks = completions or ()
        masks = [all_slots(found), *(one.is_slot for one in tasks)]
        # `()` picks rows as a training with tasks does; `None` adds gradients in another order
        asked = None if completions is None else [None, *(one.asked for one in tasks)]
        shared, *answers = self.interact([found, *slots], masks, hidden, is_token, asked)
        return Representations(found, attention, shared, tuple(one[:, 0] for one in answers))

    def score(self, shared: Float[Tensor, "B Q D"]) -> tuple[Tensor, ...]:
        """Score all codes by the shared representations: logits [B, L] of each head."""
        codes = self.code_vectors()
        matched = POOLING[self.config.pooling](shared, codes)
        first = self.logit_scale * matched + self.label_bias
        if self.label_head is None:
            return (first,)
        return first, self.label_head(shared, codes) + self.label_bias

    def codes_and_mask(self) -> Float[Tensor, "R D"]:
        """E^l with l_mask as its row L: what the slots of code completion hold."""
        return torch.cat([self.code_vectors(), self.mask_code[None]])

    def complete(
        self, slots: Float[Tensor, "B D"], table: Float[Tensor, "R D"]
    ) -> Float[Tensor, "B R"]:
        """Score every code and l_mask for one decoded slot a note; no sigmoid, no maximum."""
        bias = torch.cat([self.label_bias, self.mask_bias])
        return self.logit_scale * widened(slots @ table.mT) + bias


def mean_logits(heads: tuple[Tensor, ...]) -> Tensor:
    """Bring several heads to one: the logit of the mean of their probabilities."""
    if len(heads) == 1:
        return heads[0]
    both = torch.stack(heads)
    return F.logsigmoid(both).logsumexp(dim=0) - F.logsigmoid(-both).logsumexp(dim=0)


def group_means(vectors: Float[Tensor, "L D"], groups: Int[Tensor, " L"]) -> Float[Tensor, "G D"]:
    """Mean vector of each group, in the order of the groups' numbers."""
    sizes = torch.bincount(groups)
    if not sizes.all():
        missing = int((sizes == 0).nonzero()[0])
        raise ValueError(f"code_groups: no code is in group {missing}; count groups without gaps")
    sums = vectors.new_zeros(len(sizes), vectors.shape[1]).index_add_(0, groups, vectors)
    return sums / sizes[:, None]


def _initial_queries(config: ISDConfig, codes: Tensor, code_groups: Tensor | None) -> Tensor:
    """Start E^q: at random, or at the means of groups of codes (Table 4, 1159 queries)."""
    if config.query_init == "normal":
        return torch.randn(config.n_queries, config.width) * config.query_scale
    if config.query_init == "codes":
        if len(codes) < config.n_queries:
            raise ValueError(
                f"query_init: codes has {config.n_queries} queries for {len(codes)} codes; "
                "lower n_queries or let them start at random"
            )
        code_groups = torch.arange(len(codes)) * config.n_queries // len(codes)
    if code_groups is None:
        raise ValueError("query_init: hierarchy needs code_groups, the category of each code")
    return group_means(codes, code_groups) * config.query_scale
