"""LAAT and JointLAAT (Vu et al., IJCAI 2020).

Axes: B notes, N tokens, E word width, D states of both directions (2u), A attention width (d_a),
L codes, K of them, P categories (codes' first three characters), S width of what the first level
says, G gold codes of the note that has most (shorter rows end in -1).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.layers.axes import Codes, Mask, Tokens
from isd_pipeline.models.layers.encoders import Recurrent, WordVectors
from isd_pipeline.models.layers.label_attention import LabelOutput, LabelwiseAttention
from isd_pipeline.models.layers.parts import refuse_below, refuse_share
from isd_pipeline.models.system import Initialisation, System, Trial, of_words_and_codes
from isd_pipeline.shapes import Float, Int
from isd_pipeline.training.batches import Batch, read
from isd_pipeline.training.losses import binary_cross_entropy
from isd_pipeline.training.transfer import send

START = 0.03  # standard deviation of initial weights behind the LSTM


@dataclass(frozen=True, kw_only=True)
class LAATConfig:
    """The defaults are the authors' for MIMIC-III; its 50 codes have both widths 256.

    They read word vectors as word2vec leaves them. Of norm 1, as ours come, the LSTM's states
    stay so small that every code keeps to its frequency for epochs.
    """

    width: int = 512  # u, of each direction
    attention_width: int = 512  # d_a
    dropout: float = 0.3  # of the word vectors
    train_words: bool = False
    word_scale: float | int = 10.0  # times vectors of norm 1: numbers of size 1 at width 100

    def __post_init__(self) -> None:
        refuse_below(self, width=1, attention_width=1)
        if not self.word_scale > 0:
            raise ValueError(f"word_scale={self.word_scale} must be above 0")
        refuse_share(self, "dropout")


@dataclass(frozen=True, kw_only=True)
class JointLAATConfig(LAATConfig):
    """LAAT's, and the width of what the first level says to the second."""

    projection: int = 128

    def __post_init__(self) -> None:
        super().__post_init__()
        refuse_below(self, projection=1)


class JointOutput(NamedTuple):
    """logits: [B, L].  categories: [B, P]."""

    logits: Tensor
    categories: Tensor


class LAAT(nn.Module):
    """A bidirectional LSTM, an attention and a classifier for every code."""

    windows = (1,)

    def __init__(self, config: LAATConfig, words: Float[Tensor, "V E"], n_codes: int) -> None:
        super().__init__()
        self.read = Reader(config, words)
        self.codes = Level(config, n_codes)

    def forward(self, tokens: Tokens, is_token: Mask) -> LabelOutput:
        """Score every code for every note; a note has at least one token."""
        return LabelOutput(self.codes(self.read(tokens, is_token), is_token))

    def with_attention_scores(
        self, tokens: Tokens, is_token: Mask, codes: Int[Tensor, "B K"]
    ) -> tuple[Tensor, Tensor]:
        """The logits, [B, L], and what the attention of some codes is the softmax of, [B, K, N]."""
        hidden = self.read(tokens, is_token)
        return self.codes(hidden, is_token), self.codes.attention_scores(codes, hidden)

    def attention_of(self, tokens: Tokens, is_token: Mask, codes: Codes) -> Float[Tensor, "K N"]:
        """What some codes attend to in one note."""
        return self.codes.attention_of(codes, self.read(tokens, is_token), is_token)


class JointLAAT(LAAT):
    """LAAT for the categories, and for the codes, which are told what categories were found.

        s = sigmoid(P sigmoid(z_categories))        z_l = w_l [v_l ; s] + b_l

    Args:
        config: sizes.
        words: initial word vectors, [V + 2, E]; row 0 is padding.
        n_codes: how many codes are scored.
        n_categories: how many categories these have.
    """

    def __init__(
        self, config: JointLAATConfig, words: Float[Tensor, "V E"], n_codes: int, n_categories: int
    ) -> None:
        super().__init__(config, words, n_codes)
        self.categories = Level(config, n_categories)
        self.project = nn.Linear(n_categories, config.projection, bias=False)
        self.of_projection = nn.Linear(config.projection, n_codes, bias=False)  # w_l beyond v_l
        nn.init.normal_(self.of_projection.weight, std=START)

    def forward(self, tokens: Tokens, is_token: Mask) -> JointOutput:  # type: ignore[override]
        """Score every category and every code for every note; a note has at least one token."""
        hidden = self.read(tokens, is_token)
        categories = self.categories(hidden, is_token)
        told = self.project(categories.sigmoid()).sigmoid()
        scores = self.codes(hidden, is_token)
        return JointOutput(scores + self.of_projection(told), categories)


class Reader(nn.Module):
    """H = BiLSTM(words)."""

    def __init__(self, config: LAATConfig, words: Float[Tensor, "V E"]) -> None:
        super().__init__()
        scaled = config.word_scale * words
        self.words = WordVectors(scaled, config.dropout, config.train_words)
        self.encode = Recurrent(nn.LSTM, words.shape[1], config.width)

    def forward(self, tokens: Tokens, is_token: Mask) -> Float[Tensor, "B N D"]:
        """Read each note both ways; padding is 0."""
        states: Tensor = self.encode(self.words(tokens, is_token), is_token)[0]
        return states


class Level(nn.Module):
    """Attention A = softmax(U tanh(W H)) over H, and a classifier a label."""

    def __init__(self, config: LAATConfig, n_labels: int) -> None:
        super().__init__()
        self.transform = nn.Linear(2 * config.width, config.attention_width, bias=False)  # W
        self.attend = LabelwiseAttention(n_labels, config.attention_width, 2 * config.width)
        for weight in (self.transform.weight, self.attend.queries, self.attend.score.weight):
            nn.init.normal_(weight, std=START)

    def forward(self, hidden: Float[Tensor, "B N D"], is_token: Mask) -> Float[Tensor, "B L"]:
        """Score every label."""
        logits: Tensor = self.attend(self._keys(hidden), hidden, is_token)
        return logits

    def attention_of(
        self, labels: Codes, hidden: Float[Tensor, "1 N D"], is_token: Mask
    ) -> Float[Tensor, "K N"]:
        """The attention of some labels alone, of one note."""
        attention: Tensor = self.attend.attention_of(labels, self._keys(hidden), is_token)
        return attention[0]

    def attention_scores(
        self, labels: Int[Tensor, "B K"], hidden: Float[Tensor, "B N D"]
    ) -> Float[Tensor, "B K N"]:
        """What the attention of some labels of each note is the softmax of."""
        return self.attend.queries[labels] @ self._keys(hidden).mT

    def _keys(self, hidden: Tensor) -> Tensor:
        keys: Tensor = self.transform(hidden).tanh()
        return keys


@dataclass(frozen=True, kw_only=True)
class LevelsConfig:
    """Nothing to choose."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Two losses, which come as shares of one mean."""
        return {"prediction": 1.0, "categories": 1.0}


class LevelledPrediction:
    """JointLAAT's: mean binary cross entropy over the outputs of both levels together.

    Args:
        categories: number of each code's category, [L]; a note has those of its codes.
    """

    def __init__(self, categories: Int[Tensor, " L"]) -> None:
        self.categories = categories.cpu()

    def __call__(self, model: JointLAAT, batch: Batch) -> dict[str, Tensor]:
        """Give each level's share of the mean: its own mean times its part of all outputs."""
        output = read(model, batch)
        gold = {"prediction": batch.gold, "categories": groups_of(batch.gold, self.categories)}
        logits = {"prediction": output.logits, "categories": output.categories}
        n_outputs = sum(level.shape[1] for level in logits.values())
        return {
            name: binary_cross_entropy(level, send(gold[name], level.device))
            * (level.shape[1] / n_outputs)
            for name, level in logits.items()
        }


def groups_of(gold: Int[Tensor, "B G"], groups: Int[Tensor, " L"]) -> Int[Tensor, "B G"]:
    """The groups of each note's codes, each once, among -1."""
    found = groups[gold.clamp(min=0)].masked_fill(gold < 0, -1).sort(dim=1).values
    return found.masked_fill(F.pad(found[:, 1:] == found[:, :-1], (1, 0)), -1)


def _joint_laat(config: JointLAATConfig, start: Initialisation) -> JointLAAT:
    n_categories = int(start.code_groups.max()) + 1
    return JointLAAT(config, start.words, len(start.codes), n_categories)


SYSTEMS = {
    "laat": System(
        model_config=LAATConfig,
        make_model=of_words_and_codes(LAAT),
        sized_by=("read.words.weight", "codes.attend.queries"),
        small={"width": 4, "attention_width": 3},
        trial=Trial({"width": 128, "attention_width": 128}, learning_rate=1e-3),  # their authors'
    ),
    "joint_laat": System(
        model_config=JointLAATConfig,
        make_model=_joint_laat,
        objective_config=LevelsConfig,
        make_objective=lambda config, start: LevelledPrediction(start.code_groups),
        sized_by=("read.words.weight", "codes.attend.queries", "categories.attend.queries"),
        small={"width": 4, "attention_width": 3, "projection": 2},
        trial=Trial({"width": 128, "attention_width": 128, "projection": 8}, learning_rate=1e-3),
    ),
}
