"""The networks without attention that CAML was compared with (Mullenbach et al., NAACL 2018).

Axes: B notes, N tokens, E word width, D channels, L codes, K of them.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.encoders import Recurrent, TanhConv, WordVectors, greatest
from isd_pipeline.models.layers.label_attention import LabelOutput, shares_of_positive
from isd_pipeline.models.layers.parts import refuse_below, refuse_share
from isd_pipeline.models.system import System, Trial, of_words_and_codes
from isd_pipeline.shapes import Float


@dataclass(frozen=True, kw_only=True)
class CNNConfig:
    """The defaults are the authors'."""

    width: int = 500
    kernel_size: int = 4
    dropout: float = 0.2  # of the word vectors

    def __post_init__(self) -> None:
        refuse_below(self, width=1, kernel_size=1)
        refuse_share(self, "dropout")


class CNN(nn.Module):
    """One convolution, the maximum over the note, one linear layer."""

    def __init__(self, config: CNNConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        self.words = WordVectors(words, config.dropout)
        self.encode = TanhConv(words.shape[1], config.width, config.kernel_size, border=0)
        self.windows = (config.kernel_size,)
        self.score = nn.Linear(config.width, n_codes)
        nn.init.xavier_uniform_(self.score.weight)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        states, is_state = self.encode(self.words(tokens, is_token), is_token)
        return LabelOutput(self.score(greatest(states, is_state)))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What each word's window adds to some codes' scores, where that is more than nothing.

        Each channel is what one window won; a window's part of a score is that of its channels.
        """
        states, is_state = self.encode(self.words(tokens, is_token), is_token)
        won, where = states[0, is_state[0]].max(dim=0)  # D
        added = self.score.weight[codes] * won  # K D
        middle = (where + self.encode.size // 2).clamp(max=tokens.shape[1] - 1)
        parts = added.new_zeros(len(codes), tokens.shape[1]).index_add_(1, middle, added)
        return shares_of_positive(parts)


@dataclass(frozen=True, kw_only=True)
class BiGRUConfig:
    """The defaults are the authors'; on the 50 codes of MIMIC-III they read forwards only."""

    width: int = 512  # of both directions together
    both_ways: bool = True
    dropout: float = 0.0  # of the word vectors

    def __post_init__(self) -> None:
        refuse_below(self, width=2)
        refuse_share(self, "dropout")
        if self.width % 2:
            raise ValueError(f"width={self.width} must be even, half of it for each direction")


class BiGRU(nn.Module):
    """A recurrent network, its last states, one linear layer."""

    def __init__(self, config: BiGRUConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        self.words = WordVectors(words, config.dropout)
        width = config.width // (2 if config.both_ways else 1)
        self.encode = Recurrent(nn.GRU, words.shape[1], width, config.both_ways)
        self.score = nn.Linear(config.width, n_codes)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        _, last = self.encode(self.words(tokens, is_token), is_token)
        return LabelOutput(self.score(last))


SYSTEMS = {
    "cnn": System(
        model_config=CNNConfig,
        make_model=of_words_and_codes(CNN),
        sized_by=("words.weight", "score.weight"),
        small={"width": 5},
        trial=Trial({"width": 64}),
    ),
    "bi_gru": System(
        model_config=BiGRUConfig,
        make_model=of_words_and_codes(BiGRU),
        sized_by=("words.weight", "score.weight"),
        small={"width": 6},
        trial=Trial({"width": 64}),
    ),
}
