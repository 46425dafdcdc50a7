"""A bag of embeddings, as fastText has it (Joulin et al., EACL 2017): no order and no attention.

Axes: B notes, N tokens, E word width, L codes, K of them.
"""

from dataclasses import dataclass

from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.encoders import WordVectors
from isd_pipeline.models.layers.label_attention import LabelOutput, shares_of_positive
from isd_pipeline.models.layers.parts import refuse_share
from isd_pipeline.models.system import System, Trial, of_words_and_codes
from isd_pipeline.shapes import Float


@dataclass(frozen=True, kw_only=True)
class BagConfig:
    """The width is that of the word vectors."""

    dropout: float = 0.0  # of the word vectors

    def __post_init__(self) -> None:
        refuse_share(self, "dropout")


class BagOfEmbeddings(nn.Module):
    """z_l = <w_l, mean_n x_n> + b_l: a word says the same wherever it stands."""

    windows = (1,)

    def __init__(self, config: BagConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        self.words = WordVectors(words, config.dropout)
        self.score = nn.Linear(words.shape[1], n_codes)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        total = self.words(tokens, is_token).sum(dim=1)
        return LabelOutput(self.score(total / is_token.sum(dim=1, keepdim=True)))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What each word adds to some codes' scores, where that is more than nothing."""
        return shares_of_positive(self.score.weight[codes] @ self.words(tokens, is_token)[0].T)


SYSTEMS = {
    "bag_of_embeddings": System(
        model_config=BagConfig,
        make_model=of_words_and_codes(BagOfEmbeddings),
        sized_by=("words.weight", "score.weight"),
        trial=Trial(learning_rate=0.03, epochs=6),
    )
}
