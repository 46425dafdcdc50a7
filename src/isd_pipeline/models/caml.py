"""CAML and DR-CAML (Mullenbach et al., NAACL 2018), the networks of their section 2.

Axes: B notes, N tokens, E word width, P windows, L codes, D filters, C codes whose descriptions
are read, M words of the longest of these. `docs/readings.md` says where this differs from the
authors' code.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.layers.encoders import TanhConv, WordVectors, greatest, refuse_share
from isd_pipeline.models.layers.label_attention import LabelOutput, LabelwiseAttention
from isd_pipeline.models.layers.parts import refuse_below
from isd_pipeline.shapes import Bool, Float, Int


@dataclass(frozen=True, kw_only=True)
class CAMLConfig:
    """The defaults are the authors' for MIMIC-III; for MIMIC-II dropout is 0.5."""

    width: int = 50  # d_c, the number of filters
    kernel_size: int = 10
    dropout: float = 0.2  # of the word vectors

    def __post_init__(self) -> None:
        refuse_below(self, width=1, kernel_size=1)
        refuse_share(self, "dropout")


class CAML(nn.Module):
    """A convolution, one attention a code, one linear classifier a code: sections 2.1-2.3.

    Args:
        config: sizes.
        words: initial word vectors, [V + 2, E]; row 0 is padding.
        n_codes: how many codes are scored.
    """

    def __init__(self, config: CAMLConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        self.words = WordVectors(words, config.dropout)
        self.encode = _convolution(config, words.shape[1])
        self.attend = LabelwiseAttention(n_codes, config.width, config.width)
        nn.init.xavier_uniform_(self.attend.queries)
        nn.init.xavier_uniform_(self.attend.score.weight)

    def forward(
        self,
        tokens: Int[Tensor, "B N"],
        is_token: Bool[Tensor, "B N"],
        want_attention: bool = False,
    ) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        states, is_state = self.encode(self.words(tokens, is_token), is_token)
        logits, attention = self.attend(states, states, is_state, want_attention)
        if attention is not None:
            attention = on_words(attention, is_state, tokens.shape[1])
        return LabelOutput(logits, attention)


class DescriptionNet(nn.Module):
    """Reads a code's description into a vector like the code's classifier: section 2.5.

    A second CAML encoder with word vectors of its own, the maximum over its windows, a linear map.
    """

    def __init__(self, config: CAMLConfig, words: Float[Tensor, "V E"]) -> None:
        super().__init__()
        self.words = WordVectors(words, dropout=0.0)
        self.encode = _convolution(config, words.shape[1])
        self.project = nn.Linear(config.width, config.width)
        nn.init.xavier_uniform_(self.project.weight)

    def forward(self, tokens: Int[Tensor, "C M"]) -> Float[Tensor, "C D"]:
        """Read descriptions, 0-padded at the end."""
        is_token = tokens != 0
        pooled = greatest(*self.encode(self.words(tokens, is_token), is_token))
        vectors: Tensor = self.project(pooled)
        return vectors


class DRCAML(nn.Module):
    """CAML, and a network that reads descriptions while it is trained."""

    def __init__(self, config: CAMLConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        self.caml = CAML(config, words, n_codes)
        self.describe = DescriptionNet(config, words)

    def forward(
        self,
        tokens: Int[Tensor, "B N"],
        is_token: Bool[Tensor, "B N"],
        want_attention: bool = False,
    ) -> LabelOutput:
        """Score as CAML does."""
        output: LabelOutput = self.caml(tokens, is_token, want_attention)
        return output

    def code_vectors(self) -> Float[Tensor, "L D"]:
        """The classifiers' weights, beta in the paper."""
        return self.caml.attend.score.weight


def on_words(
    attention: Float[Tensor, "B L P"], is_state: Bool[Tensor, "B P"], n_words: int
) -> Float[Tensor, "B L N"]:
    """Attention over windows as attention over words: window p stands for word p.

    An even kernel has one window more than there are words. It sees the note's end, and its
    weight is added to the last word's.
    """
    if attention.shape[2] == n_words:
        return attention
    is_last = (is_state & ~F.pad(is_state[:, 1:], (0, 1)))[:, None]
    return (attention * ~is_last)[..., :-1] + (attention * is_last)[..., 1:]


def _convolution(config: CAMLConfig, inputs: int) -> TanhConv:
    return TanhConv(inputs, config.width, config.kernel_size, border=config.kernel_size // 2)
