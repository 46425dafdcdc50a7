"""ISD over a bidirectional LSTM, as LAAT (Vu et al., IJCAI 2020) reads, instead of convolutions.

Axes: B notes, N tokens, V words, E word width, L codes, D width of the states and of the model.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.labelwise import LabelwiseISD
from isd_pipeline.models.isd.network import ISD
from isd_pipeline.models.isd.system import OBJECTIVE, isd_of
from isd_pipeline.models.layers.axes import Mask, Tokens
from isd_pipeline.models.layers.encoders import Recurrent, WordVectors
from isd_pipeline.models.layers.parts import refuse_unlisted
from isd_pipeline.models.system import Initialisation, System, Trial
from isd_pipeline.shapes import Float

WORD_SCALE = 10.0  # times vectors of norm 1, as LAAT's


@dataclass(frozen=True, kw_only=True)
class LSTMISDConfig(ISDConfig):
    """ISD's, but for its convolutions; words and codes begin in one space, with norm 1."""

    kernel_sizes: tuple[int, ...] = (1,)  # a state's attention is its word's own
    shared_space: bool = True
    residual_words: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_unlisted(self, kernel_sizes=((1,),), shared_space=(True,))
        if self.width % 2:
            raise ValueError(f"width={self.width} is odd: half of it is each direction's")


class LSTMEncoder(nn.Module):
    """H = BiLSTM(10 x) + r x: what stands around a word, and the word itself.

    Args:
        config: width, dropout of the word vectors, and r.
        words: initial word vectors, [V + 2, E], of norm 1; row 0 is padding.
    """

    def __init__(self, config: LSTMISDConfig, words: Float[Tensor, "V E"]) -> None:
        super().__init__()
        if words.shape[1] != config.width:
            raise ValueError(
                f"residual_words adds word vectors of width {words.shape[1]} to states of width "
                f"{config.width}: make both widths equal"
            )
        self.words = WordVectors(words, config.dropout)
        self.encode = Recurrent(nn.LSTM, config.width, config.width // 2)
        self.residual = config.residual_words

    def forward(self, tokens: Tokens, is_token: Mask) -> Float[Tensor, "B N D"]:
        """Read each note both ways; padding is 0."""
        words = self.words(tokens, is_token)
        states: Tensor = self.encode(WORD_SCALE * words, is_token)[0]
        return states + self.residual * words


def isd_over_lstm(config: LSTMISDConfig, start: Initialisation) -> ISD | LabelwiseISD:
    """ISD whose words and codes begin in one space and whose words an LSTM reads."""
    encoder = LSTMEncoder(config, F.normalize(start.code_words.float()))
    return isd_of(config, encoder, start.codes, start.label_log_odds, start.code_groups)


SYSTEMS = {
    "isd_lstm": System(
        model_config=LSTMISDConfig,
        make_model=isd_over_lstm,
        **OBJECTIVE,
        sized_by=("encode.words.weight", "codes", "attend.queries"),
        small={"width": 8, "n_queries": 4},
        trial=Trial({"width": 32, "n_queries": 16}, epochs=2),
    )
}
