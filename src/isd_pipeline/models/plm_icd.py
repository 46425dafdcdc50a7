"""PLM-ICD (Huang et al., ClinicalNLP 2022) and PLM-CA (Edin et al., EMNLP 2024).

A pretrained encoder, and a query for every code over its states. Axes: B notes, N words, L codes,
K of them, M words of the longest description, D width of the states. Where the papers are unclear,
`docs/readings.md` says how we read them.
"""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from isd_pipeline.embeddings.pretrained import Pretrained
from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.label_attention import (
    LabelOutput,
    LabelwiseAttention,
    by_labels,
    label_attention,
)
from isd_pipeline.models.layers.parts import refuse_unlisted
from isd_pipeline.models.layers.pretrained import (
    PretrainedConfig,
    PretrainedEncoder,
    description_states,
    encoder_of,
    restored,
)
from isd_pipeline.models.system import Initialisation, System
from isd_pipeline.shapes import Float, Int
from isd_pipeline.training.kernels import read, widened

START = 0.02  # standard deviation of the heads' initial weights, as of the encoder's own


@dataclass(frozen=True, kw_only=True)
class PLMICDConfig(PretrainedConfig):
    """The encoder's, and how the codes begin: as published, at random, or (ours) at their titles.

    `titles`: a code's query and classifier begin as the mean state of its title, less what all
    titles share, W as the identity, the bias as the log-odds of the training frequency.
    """

    codes_start: str = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_unlisted(self, codes_start=("normal", "titles"))


@dataclass(frozen=True, kw_only=True)
class PLMCAConfig(PretrainedConfig):
    """The encoder's."""


class PLMICD(nn.Module):
    """LAAT's attention A = softmax(U tanh(W H)), d_a = D, over a pretrained encoder's states.

    Args:
        config: the encoder's settings, and how the codes begin.
        pretrained: the encoder.
        descriptions: token ids of each code's description, [L, M], 0-padded.
        log_odds: of each code in the training notes, [L].
    """

    windows = (1,)

    def __init__(
        self,
        config: PLMICDConfig,
        pretrained: Pretrained,
        descriptions: Int[Tensor, "L M"],
        log_odds: Float[Tensor, " L"],
    ) -> None:
        super().__init__()
        self.read = PretrainedEncoder(config, pretrained)
        width = self.read.width
        self.transform = nn.Linear(width, width, bias=False)  # W
        self.attend = LabelwiseAttention(len(descriptions), width, width)
        if config.codes_start == "titles":
            self._start_at_titles(description_states(self.read, descriptions), log_odds)
            return
        for weight in (self.transform.weight, self.attend.queries, self.attend.score.weight):
            nn.init.normal_(weight, std=START)
        nn.init.zeros_(self.attend.score.bias)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        hidden = self.read(tokens, is_token)
        keys = self.transform(hidden).tanh()
        return LabelOutput(self.attend(keys, hidden, is_token))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        keys = self.transform(self.read(tokens, is_token)).tanh()
        return self.attend.attention_of(codes, keys, is_token)[0]

    @torch.no_grad()
    def _start_at_titles(self, titles: Tensor, log_odds: Tensor) -> None:
        nn.init.eye_(self.transform.weight)
        self.attend.queries.copy_(titles)
        self.attend.score.weight.copy_(titles / titles.shape[1] ** 0.5)
        self.attend.score.bias.copy_(log_odds)


class PLMCA(nn.Module):
    """Cross-attention, a norm, and one classifier that all codes share.

        z_l = w LayerNorm(sum_n alpha_ln W_v h_n) + b        alpha_l = softmax_n(q_l W_k h_n)

    without the usual 1 / sqrt(D). W_k is folded into the queries and W_v behind the sum (the head
    of parts.py), so that no state is projected; the bias of the keys, on which no output depends,
    is left out.

    Args:
        config: the encoder's settings.
        pretrained: the encoder.
        n_codes: how many codes are scored.
    """

    windows = (1,)

    def __init__(self, config: PLMCAConfig, pretrained: Pretrained, n_codes: int) -> None:
        super().__init__()
        self.read = PretrainedEncoder(config, pretrained)
        width = self.read.width
        self.queries = nn.Parameter(torch.empty(n_codes, width))
        self.to_key = nn.Linear(width, width, bias=False)
        self.to_value = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)
        for weight in (self.queries, self.to_key.weight, self.to_value.weight, self.score.weight):
            nn.init.normal_(weight, std=START)
        for linear in (self.to_value, self.score):
            nn.init.zeros_(linear.bias)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        hidden = self.read(tokens, is_token)
        queries, some_codes = self._asked(self.queries), partial(self._some_codes, hidden, is_token)
        return LabelOutput(by_labels(some_codes, queries))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        queries = self._asked(self.queries[codes])
        return label_attention(queries, self.read(tokens, is_token), is_token)[0]

    def _asked(self, queries: Tensor) -> Tensor:
        return queries @ self.to_key.weight

    def _some_codes(self, hidden: Tensor, is_token: Tensor, queries: Tensor) -> Tensor:
        asked = queries.to(hidden.dtype).expand(len(hidden), -1, -1)
        found = read(asked, hidden, is_token)[0]
        return widened(self.score(self.norm(self.to_value(found)))[..., 0])


def _plm_icd(config: PLMICDConfig, start: Initialisation) -> PLMICD:
    return PLMICD(config, encoder_of(start), start.descriptions, start.label_log_odds)


def _plm_ca(config: PLMCAConfig, start: Initialisation) -> PLMCA:
    return PLMCA(config, encoder_of(start), len(start.codes))


SYSTEMS = {
    "plm_icd": System(
        model_config=PLMICDConfig,
        make_model=_plm_icd,
        sized_by=("read.pieces", "attend.queries"),
        restore=restored,
        small={"chunk": 7, "codes_start": "titles"},
        pretrained=True,
    ),
    "plm_ca": System(
        model_config=PLMCAConfig,
        make_model=_plm_ca,
        sized_by=("read.pieces", "queries"),
        restore=restored,
        small={"chunk": 7},
        pretrained=True,
    ),
}
