"""ISD: interactive shared representations (Zhou et al., ACL 2021), the model of its Figure 2.

Axes: B notes, N tokens (the paper's N_x), E word width, Q shared queries (N_q), L codes (N_l), R
= L + 1 rows (the codes and l_mask), T slots, D width (d_l).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from isd_pipeline.models.isd.base import ISDConfig, ISDOutput, TextAndCodes, scale
from isd_pipeline.models.isd.completion import Completion
from isd_pipeline.models.layers.axes import Mask, Tokens
from isd_pipeline.models.layers.label_attention import label_attention
from isd_pipeline.models.layers.parts import InteractiveDecoder, all_slots
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.kernels import best_match, read, widened


class Representations(NamedTuple):
    """What ISD makes of a text, and of the completions set with it.

    attention: [B, Q, N].  shared: [B, Q, D] behind the decoder.  answers: of each completion the
    slot that it asks for, [B, D].
    """

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

    def forward(self, hidden: Float[Tensor, "B N D"], is_token: Mask) -> tuple[Tensor, Tensor]:
        """Give the shared representations, [B, Q, D], and their attention, [B, Q, N]."""
        queries = self.queries.expand(len(hidden), -1, -1)
        scaled = queries * (self.temperature / queries.shape[-1] ** 0.5)
        found, attention, _ = read(scaled, hidden, is_token, self.dropout if self.training else 0.0)
        return found, attention

    def attention(self, hidden: Float[Tensor, "B N D"], is_token: Mask) -> Float[Tensor, "B Q N"]:
        """What the queries attend to, without dropout, to learn from; `forward`'s is to look at."""
        scaled = self.queries * (self.temperature / self.queries.shape[-1] ** 0.5)
        return label_attention(scaled, hidden, is_token)


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
        codes: Float[Tensor, "L D"],
        label_log_odds: Float[Tensor, " L"] | None = None,
        code_groups: Int[Tensor, " L"] | None = None,
    ) -> None:
        super().__init__(config, words, codes, label_log_odds)
        vectors = self.codes.detach()
        queries = _initial_queries(config, vectors, code_groups)
        self.attend = SharedAttention(queries, config)  # Eqs. 3-5
        self.interact = InteractiveDecoder(  # section 3.3
            config.n_layers,
            config.width,
            config.n_heads,
            4 * config.width,
            config.dropout,
            config.decoder_start,
        )
        deviation = vectors.std(correction=0).item()
        self.mask_code = nn.Parameter(torch.randn(config.width) * deviation)  # l_mask
        self.mask_bias = nn.Parameter(torch.zeros(1))
        self.n_queries = len(self.attend.queries)

    def forward(self, tokens: Tokens, is_token: Mask, want_attention: bool = False) -> ISDOutput:
        """Score every code for every note; a note has at least one token."""
        found = self.represent(self.read(tokens, is_token), is_token)
        attention = found.attention if want_attention else None
        return ISDOutput(self.score(found.shared), found.shared, attention)

    def represent(
        self,
        hidden: Float[Tensor, "B N D"],
        is_token: Mask,
        completions: Sequence[Completion] | None = None,
        slots: Sequence[Tensor] = (),
    ) -> Representations:
        """Read a text by the shared queries and decode what they found.

        What stands in the `slots` of each of the `completions`, [B, T, D], is decoded beside it as
        if alone.
        """
        found, attention = self.attend(hidden, is_token)
        tasks = completions or ()
        masks = [all_slots(found), *(one.is_slot for one in tasks)]
        # `()` picks rows as a training with tasks does; `None` adds gradients in another order
        asked = None if completions is None else [None, *(one.asked for one in tasks)]
        shared, *answers = self.interact([found, *slots], masks, hidden, is_token, asked)
        return Representations(attention, shared, tuple(one[:, 0] for one in answers))

    def score(self, shared: Float[Tensor, "B Q D"]) -> Float[Tensor, "B L"]:
        """Score all codes by the shared representations."""
        return self.logit_scale * best_match(shared, self.codes) + self.label_bias

    def share_on_marks(
        self,
        shared: Float[Tensor, "B Q D"],
        hidden: Float[Tensor, "B N D"],
        is_token: Mask,
        codes: Int[Tensor, "B K"],
        marked: Bool[Tensor, "B K N"],
    ) -> Float[Tensor, "B K"]:
        """How much of the attention behind some codes of each note falls on words marked for them.

            sum_q softmax_q(s <shared_q, code>) sum_{n marked} alpha_qn

        Every query counts by how well its representation matches the code, so that a query which
        reads the marked words is also drawn to the code; the winner alone (Eq. 11) teaches less.
        """
        match = widened(self.logit_scale * (self.codes[codes] @ shared.mT)).softmax(dim=-1)
        attention = self.attend.attention(hidden, is_token)
        return (match * (marked.to(attention.dtype) @ attention.mT)).sum(dim=-1)

    def codes_and_mask(self) -> Float[Tensor, "R D"]:
        """E^l with l_mask as its row L: what the slots of code completion hold."""
        return torch.cat([self.codes, self.mask_code[None]])

    def complete(
        self, slots: Float[Tensor, "B D"], table: Float[Tensor, "R D"]
    ) -> Float[Tensor, "B R"]:
        """Score every code and l_mask for one decoded slot a note; no sigmoid, no maximum."""
        bias = torch.cat([self.label_bias, self.mask_bias])
        return self.logit_scale * widened(slots @ table.mT) + bias


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
        return torch.randn(config.n_queries, config.width)
    if code_groups is None:
        raise ValueError("query_init: hierarchy needs code_groups, the category of each code")
    return group_means(codes, code_groups)
