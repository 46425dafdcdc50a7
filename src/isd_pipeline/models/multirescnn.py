"""MultiResCNN (Li and Yu, AAAI 2020): six convolutions side by side, each with a residual block.

Axes: B notes, N tokens, E word width, L codes, K of them, D channels. `docs/readings.md` says
where this differs from the authors' code: their padding takes part in every convolution and norm.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.encoders import TanhConv, WordVectors
from isd_pipeline.models.layers.label_attention import LabelOutput, LabelwiseAttention
from isd_pipeline.models.layers.parts import refuse_below, refuse_even, refuse_share
from isd_pipeline.models.system import System, Trial, of_words_and_codes
from isd_pipeline.shapes import Float
from isd_pipeline.training.kernels import Dropout, widened


@dataclass(frozen=True, kw_only=True)
class MultiResCNNConfig:
    """The defaults are the authors'."""

    kernel_sizes: tuple[int, ...] = (3, 5, 9, 15, 19, 25)
    width: int = 50  # channels of each size; the states have all of them side by side
    dropout: float = 0.2  # of the word vectors and of the states

    def __post_init__(self) -> None:
        refuse_below(self, width=1)
        refuse_share(self, "dropout")
        refuse_even(self, "kernel_sizes")


class MultiResCNN(nn.Module):
    """Words, six filters, attention and a classifier for every code as in CAML."""

    def __init__(
        self, config: MultiResCNNConfig, words: Float[Tensor, "V E"], n_codes: int
    ) -> None:
        super().__init__()
        self.words = WordVectors(words, config.dropout)
        self.filters = nn.ModuleList(
            ResidualFilter(words.shape[1], config.width, size, config.dropout)
            for size in config.kernel_sizes
        )
        self.windows = tuple(
            words for size in config.kernel_sizes for words in (size, 3 * size - 2)
        )  # a state is the sum of one convolution of the words and of one of two more of it
        width = config.width * len(config.kernel_sizes)
        self.attend = LabelwiseAttention(n_codes, width, width)
        nn.init.xavier_uniform_(self.attend.queries)
        nn.init.xavier_uniform_(self.attend.score.weight)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        states = self._read(tokens, is_token)
        return LabelOutput(self.attend(states, states, is_token))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        return self.attend.attention_of(codes, self._read(tokens, is_token), is_token)[0]

    def _read(self, tokens: Tensor, is_token: Tensor) -> Float[Tensor, "B N D"]:
        words = self.words(tokens, is_token)
        return torch.cat([read(words, is_token) for read in self.filters], dim=2)


class ResidualFilter(nn.Module):
    """A convolution of one size, then a residual block of the same size.

        x = tanh(conv(words))    tanh(norm(conv(tanh(norm(conv(x))))) + norm(conv_1(x)))

    Padding is set to 0 before each convolution.
    """

    def __init__(self, inputs: int, width: int, size: int, dropout: float) -> None:
        super().__init__()
        border = size // 2
        self.first = TanhConv(inputs, inputs, size, border)
        self.up = nn.Conv1d(inputs, width, size, padding=border, bias=False)
        self.norm_up = TokenNorm(width)
        self.on = nn.Conv1d(width, width, size, padding=border, bias=False)
        self.norm_on = TokenNorm(width)
        self.past = nn.Conv1d(inputs, width, 1, bias=False)
        self.norm_past = TokenNorm(width)
        self.dropout = Dropout(dropout)

    def forward(self, words: Float[Tensor, "B N E"], is_token: Mask) -> Float[Tensor, "B N D"]:
        """Encode words token by token."""
        there = is_token[:, None]
        states = self.first(words, is_token)[0].mT * there
        inner = self.norm_up(self.up(states), is_token).tanh() * there
        added = self.norm_on(self.on(inner), is_token)
        passed = self.norm_past(self.past(states), is_token)
        encoded: Tensor = self.dropout((added + passed).tanh()).mT
        return encoded


class TokenNorm(nn.Module):
    """Batch normalisation whose mean and variance, in training, are those of real tokens alone.

    Without padding it is `torch.nn.BatchNorm1d`, whose names and initial values it bears; the
    means of training move a tenth of the way at every step.
    """

    spans_batch = True  # a part of a batch has other moments (training/parts.py)

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, states: Float[Tensor, "B D N"], is_token: Mask) -> Float[Tensor, "B D N"]:
        """Normalise each channel; in evaluation by the means of training, token by token."""
        values = widened(states)
        mean, variance = self._moments(values, is_token)
        scale = self.weight * (variance + 1e-5).rsqrt()
        shift = self.bias - mean * scale
        return (values * scale[:, None] + shift[:, None]).to(states.dtype)

    def _moments(self, values: Tensor, is_token: Tensor) -> tuple[Tensor, Tensor]:
        if not self.training:
            return self.running_mean, self.running_var
        there, n_tokens = is_token[:, None], is_token.sum()
        mean = (values * there).sum(dim=(0, 2)) / n_tokens
        centred = (values - mean[:, None]) * there
        variance = centred.square().sum(dim=(0, 2)) / n_tokens
        unbiased = variance.detach() * n_tokens / (n_tokens - 1).clamp(min=1)
        self.running_mean.lerp_(mean.detach(), 0.1)
        self.running_var.lerp_(unbiased, 0.1)
        return mean, variance


SYSTEMS = {
    "multirescnn": System(
        model_config=MultiResCNNConfig,
        make_model=of_words_and_codes(MultiResCNN),
        sized_by=("words.weight", "attend.queries"),
        small={"width": 3, "kernel_sizes": (3, 5)},
        trial=Trial({"width": 16, "kernel_sizes": (3, 5)}),
    )
}
