"""What both kinds of ISD begin with: their settings, states of a text, vectors of the codes.

Axes: B notes, N tokens (the paper's N_x), E word width (d_e), Q shared queries (N_q), L codes
(N_l), D width (d_l). Where the paper is unclear,
`docs/readings.md` says how we read it; the defaults of `ISDConfig` are the paper's.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Mask, Tokens
from isd_pipeline.models.layers.parts import (
    MultiScaleConv,
    refuse_below,
    refuse_even,
    refuse_share,
    refuse_unlisted,
)
from isd_pipeline.shapes import Float
from isd_pipeline.training.kernels import Dropout


@dataclass(frozen=True, kw_only=True)
class ISDConfig:
    """Section 4.2; the defaults are the paper's for MIMIC-III (width 128 for MIMIC-II)."""

    kernel_sizes: tuple[int, ...] = (5, 7, 9, 11)
    width: int = 256  # d_l, the code embedding size
    residual_words: float = 0.0  # weight of the word vectors beside their convolutions
    shared_space: bool = False  # word and code vectors start with norm 1 and have one width

    n_queries: int = 64  # N_q, the rows of Table 4; 0: as many as there are code groups
    query_init: str = "normal"  # hierarchy: the means of the groups of codes
    attention_temperature: float = 1.0  # multiplies the 1 / sqrt(D) of the shared attention
    learned_temperature: bool = False
    representation: str = "shared"  # per_label: "w/o shared representation", one query a code

    n_layers: int = 2  # 0: without the co-occurrence decoder, Table 3
    n_heads: int = 1  # not in the paper
    decoder_start: float = 1.0  # multiplies what decoder layers add at first; 0: nothing
    dropout: float = 0.1  # not in the paper

    code_norm: str = "none"  # unit: code vectors start with norm 1
    logit_scale: float = 1.0  # multiplies <shared, code>
    learned_logit_scale: bool = False
    label_bias: str = "zeros"  # log_odds: of the training frequencies

    def __post_init__(self) -> None:
        refuse_unlisted(
            self,
            query_init=("normal", "hierarchy"),
            representation=("shared", "per_label"),
            code_norm=("none", "unit"),
            label_bias=("zeros", "log_odds"),
        )
        refuse_below(self, width=1, n_queries=0, n_layers=0, n_heads=1)
        refuse_even(self, "kernel_sizes")
        if self.width % len(self.kernel_sizes) or self.width % self.n_heads:
            raise ValueError(
                f"width={self.width} is not a multiple of both {len(self.kernel_sizes)}, the "
                f"number of kernel_sizes, and n_heads={self.n_heads}"
            )
        if (self.n_queries == 0) != (self.query_init == "hierarchy"):
            raise ValueError(
                f"n_queries={self.n_queries} with query_init={self.query_init!r}: hierarchy has "
                "as many queries as there are code groups, so write n_queries: 0 with it alone"
            )
        refuse_share(self, "dropout")


class ISDOutput(NamedTuple):
    """What the model says of B notes.

    logits: [B, L], probability 0.5 is 0.  shared: [B, Q, D] after the decoder, None when each code
    has its own representation.  attention: [B, Q, N] (or [B, L, N]) if it was asked for.
    """

    logits: Tensor
    shared: Tensor | None
    attention: Tensor | None


class TextAndCodes(nn.Module):
    """States of a text, vectors of the codes, and what turns a match of both into a logit.

    windows: how many words each equal part of a state is made of.  residual: the weight of the
    word itself beside them.

    Args:
        config: sizes and choices.
        words: initial word vectors, [V + 2, E]; row 0 is padding. Or an encoder, which makes the
            states, [B, N, D], of token ids and their mask.
        codes: initial code vectors E^l, [L, D], made from the codes' descriptions.
        label_log_odds: of each code in the training notes, [L]; for `label_bias: log_odds`.
    """

    def __init__(
        self,
        config: ISDConfig,
        words: Float[Tensor, "V E"] | nn.Module,
        codes: Float[Tensor, "L D"],
        label_log_odds: Float[Tensor, " L"] | None,
    ) -> None:
        super().__init__()
        _refuse_widths(config, words, codes)
        self.config = config
        self.windows, self.residual = config.kernel_sizes, config.residual_words
        unit = config.shared_space or config.code_norm == "unit"
        codes = F.normalize(codes.float()) if unit else codes.float()

        self.words: nn.Parameter | None = None
        if isinstance(words, nn.Module):
            self.encode = words
        else:
            words = F.normalize(words.float()) if config.shared_space else words.float()
            self.words = nn.Parameter(words.clone())
            self.encode = MultiScaleConv(  # Eqs. 1-2
                words.shape[1], config.width, config.kernel_sizes, config.residual_words
            )
        self.dropout = Dropout(config.dropout)
        self.codes = nn.Parameter(codes.clone())  # E^l
        self.label_bias = nn.Parameter(_label_bias(config, len(codes), label_log_odds))
        self.logit_scale = scale(config.logit_scale, config.learned_logit_scale)

    def read(self, tokens: Tokens, is_token: Mask) -> Float[Tensor, "B N D"]:
        """Encode notes or descriptions token by token: H of Eq. 2."""
        if self.words is not None:
            tokens = self.dropout(F.embedding(tokens, self.words, padding_idx=0))
        states: Tensor = self.encode(tokens, is_token)
        return states


def _label_bias(config: ISDConfig, n_codes: int, log_odds: Tensor | None) -> Tensor:
    """Where the bias of each code starts."""
    if config.label_bias == "zeros":
        return torch.zeros(n_codes)
    if log_odds is None or log_odds.shape != (n_codes,) or not log_odds.isfinite().all():
        raise ValueError(f"label_bias: log_odds needs label_log_odds, {n_codes} finite numbers")
    return log_odds.float().clone()


def scale(start: float, learned: bool) -> nn.Parameter:
    """A factor, trained or not."""
    return nn.Parameter(torch.tensor(float(start)), requires_grad=learned)


def _refuse_widths(config: ISDConfig, words: Tensor | nn.Module, codes: Tensor) -> None:
    """Tell in one line which vectors do not fit the settings."""
    if config.shared_space and isinstance(words, Tensor) and words.shape[1] != codes.shape[1]:
        raise ValueError(
            f"shared_space: word vectors have width {words.shape[1]}, code vectors "
            f"{codes.shape[1]}; make the code vectors from these same word vectors"
        )
    if codes.shape[1] != config.width:
        raise ValueError(
            f"code vectors have width {codes.shape[1]}, the model {config.width}: embed the "
            "codes in the model's width"
        )
