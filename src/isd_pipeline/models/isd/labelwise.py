"""ISD without its shared representations: "w/o shared representation" of section 4.5.

Axes: B notes, N tokens, L codes, K of them, D width.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from isd_pipeline.models.isd.base import ISDConfig, ISDOutput, TextAndCodes, scale
from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.label_attention import LABELS_AT_ONCE, by_labels, label_attention
from isd_pipeline.shapes import Float, Int
from isd_pipeline.training.kernels import read, widened


class LabelAttention(nn.Module):
    """Without shared representations: every code reads the note for itself, as in CAML.

    z_i = <e_i, softmax(t H u_i / sqrt(D)) H>    u_i starts as e_i
    """

    def __init__(self, queries: Float[Tensor, "L D"], config: ISDConfig) -> None:
        super().__init__()
        self.queries = nn.Parameter(queries.clone())
        self.temperature = scale(config.attention_temperature, config.learned_temperature)
        self.dropout = config.dropout

    def forward(
        self, hidden: Float[Tensor, "B N D"], is_token: Mask, codes: Float[Tensor, "L D"]
    ) -> Float[Tensor, "B L"]:
        """Give a score a code."""
        return by_labels(partial(self._some_codes, hidden, is_token), self._scaled(), codes)

    def attention(self, hidden: Float[Tensor, "B N D"], is_token: Mask) -> Float[Tensor, "B L N"]:
        """What all codes attend to."""
        shares = self._scaled().split(LABELS_AT_ONCE)
        asked = (share.expand(len(hidden), -1, -1) for share in shares)
        return torch.cat([read(queries, hidden, is_token)[1] for queries in asked], dim=1)

    def attention_of(
        self, codes: Codes, hidden: Float[Tensor, "B N D"], is_token: Mask
    ) -> Float[Tensor, "B K N"]:
        """The attention of some codes alone."""
        return label_attention(self._scaled()[codes], hidden, is_token)

    def scores_of(
        self, codes: Int[Tensor, "B K"], hidden: Float[Tensor, "B N D"]
    ) -> Float[Tensor, "B K N"]:
        """Of some codes of each note, what their attention is the softmax of."""
        return self._scaled()[codes] @ hidden.mT

    def _scaled(self) -> Tensor:
        return self.queries * (self.temperature / self.queries.shape[-1] ** 0.5)

    def _some_codes(
        self, hidden: Tensor, is_token: Tensor, queries: Tensor, codes: Tensor
    ) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        found = read(queries.expand(len(hidden), -1, -1), hidden, is_token, dropout)[0]
        return widened((found * codes).sum(dim=-1))


class LabelwiseISD(TextAndCodes):
    """ISD's encoder, and codes each of which reads the states by a query of its own.

    Args:
        config, words, codes, label_log_odds: of `TextAndCodes`.
    """

    def __init__(self, config: ISDConfig, *given: Any) -> None:
        super().__init__(config, *given)
        self.each_label = LabelAttention(self.codes.detach(), config)
        self.n_queries = len(self.codes)

    def forward(self, tokens: Tokens, is_token: Mask, want_attention: bool = False) -> ISDOutput:
        """Score every code for every note; a note has at least one token."""
        hidden = self.read(tokens, is_token)
        weights = self.each_label.attention(hidden, is_token) if want_attention else None
        return ISDOutput(self._logits(hidden, is_token), None, weights)

    def with_attention_scores(
        self, tokens: Tokens, is_token: Mask, codes: Int[Tensor, "B K"]
    ) -> tuple[Tensor, Tensor]:
        """The logits, [B, L], and what the attention of some codes is the softmax of, [B, K, N]."""
        hidden = self.read(tokens, is_token)
        return self._logits(hidden, is_token), self.each_label.scores_of(codes, hidden)

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        return self.each_label.attention_of(codes, self.read(tokens, is_token), is_token)[0]

    def _logits(self, hidden: Float[Tensor, "B N D"], is_token: Mask) -> Float[Tensor, "B L"]:
        scores = self.each_label(hidden, is_token, self.codes)
        return self.logit_scale * scores + self.label_bias
