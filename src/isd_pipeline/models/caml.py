"""CAML and DR-CAML (Mullenbach et al., NAACL 2018), the networks of their section 2.

Axes: B notes, N tokens, E word width, P windows, L codes, K of them, D filters, G gold codes of
the note that has most (shorter rows end in -1), C codes whose descriptions are read, M words of
the longest of these. `docs/readings.md` says where this differs from the authors' code.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.encoders import TanhConv, WordVectors, greatest
from isd_pipeline.models.layers.label_attention import LabelOutput, LabelwiseAttention
from isd_pipeline.models.layers.parts import refuse_below, refuse_share
from isd_pipeline.models.prediction import Prediction, PredictionConfig
from isd_pipeline.models.system import System, Trial, of_words_and_codes
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.training.batches import Batch
from isd_pipeline.training.kernels import widened
from isd_pipeline.training.transfer import send


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
    """A convolution, one attention a code, one linear classifier a code: sections 2.1-2.3."""

    def __init__(self, config: CAMLConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        self.words = WordVectors(words, config.dropout)
        self.encode = _convolution(config, words.shape[1])
        self.windows = (config.kernel_size,)
        self.attend = LabelwiseAttention(n_codes, config.width, config.width)
        nn.init.xavier_uniform_(self.attend.queries)
        nn.init.xavier_uniform_(self.attend.score.weight)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        states, is_state = self.encode(self.words(tokens, is_token), is_token)
        return LabelOutput(self.attend(states, states, is_state))

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        states, is_state = self.encode(self.words(tokens, is_token), is_token)
        attention = self.attend.attention_of(codes, states, is_state)
        return on_words(attention, is_state, tokens.shape[1])[0]


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
        self.windows = self.caml.windows

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score as CAML does."""
        output: LabelOutput = self.caml(tokens, is_token)
        return output

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note, as CAML's do."""
        return self.caml.attention_of(tokens, is_token, codes)

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


@dataclass(frozen=True, kw_only=True)
class DescriptionConfig:
    """`description` is lambda of DR-CAML: 0.01 on MIMIC-III, 10 on its 50 codes, 0.1 on MIMIC-II.

    At 0 descriptions are not read at all.
    """

    description: float | int = 0.01

    def __post_init__(self) -> None:
        refuse_below(self, description=0)

    @property
    def weights(self) -> Mapping[str, float]:
        """By the name of the loss."""
        return {"prediction": 1.0, "description": float(self.description)}


class DescribedPrediction:
    """DR-CAML's: prediction, and the codes' classifiers held near their descriptions.

    Args:
        config: the weight.
        descriptions: token ids of each code's description, [L, M], 0-padded at the end.
    """

    def __init__(self, config: DescriptionConfig, descriptions: Int[Tensor, "L M"]) -> None:
        self.config = config
        self.predict = Prediction(PredictionConfig())
        self.descriptions = descriptions.cpu()

    def __call__(self, model: DRCAML, batch: Batch) -> dict[str, Tensor]:
        """Give the unweighted losses, by name; that of weight 0 is not computed."""
        losses = self.predict(model, batch)
        if self.config.description:
            losses["description"] = description_distance(model, batch.gold, self.descriptions)
        return losses


def description_distance(
    model: DRCAML, gold: Int[Tensor, "B G"], descriptions: Int[Tensor, "L M"]
) -> Float[Tensor, ""]:
    """How far the batch's gold codes are from what their descriptions say: section 2.5.

        1 / B sum_b sum_{l gold in b} mean_d (beta_ld - describe(l)_d)^2

    as in the authors' code, where the mean over a note's codes is multiplied by their number.
    Each distinct code is read once, all in one call. `gold` and `descriptions` lie on the host.
    """
    codes, counts = gold[gold >= 0].unique(return_counts=True)
    vectors = model.code_vectors()
    if not len(codes):
        return vectors.sum() * 0
    tokens = descriptions[codes]
    tokens = tokens[:, : max(1, int((tokens != 0).sum(dim=1).max()))]
    codes, counts, tokens = (send(part, vectors.device) for part in (codes, counts, tokens))
    distances = widened(vectors[codes] - model.describe(tokens)).square().mean(dim=1)
    return (counts * distances).sum() / len(gold)


SYSTEMS = {
    "caml": System(
        model_config=CAMLConfig,
        make_model=of_words_and_codes(CAML),
        sized_by=("words.weight", "attend.queries"),
        small={"width": 4},
        trial=Trial({"width": 32, "kernel_size": 4}),
    ),
    "dr_caml": System(
        model_config=CAMLConfig,
        make_model=of_words_and_codes(DRCAML),
        objective_config=DescriptionConfig,
        make_objective=lambda config, start: DescribedPrediction(config, start.descriptions),
        sized_by=("caml.words.weight", "caml.attend.queries"),
        small={"width": 4},
        trial=Trial({"width": 32, "kernel_size": 4}),
    ),
}
