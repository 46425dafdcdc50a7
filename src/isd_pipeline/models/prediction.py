"""What most systems are trained for: binary cross entropy over codes; and attention to marks.

Axes: B notes, N tokens, L codes, K gold codes of a note for which people marked words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from isd_pipeline.models.layers.parts import refuse_below, refuse_unlisted
from isd_pipeline.training.batches import Batch, marked_rows, marks_of, read
from isd_pipeline.training.losses import attention_on_marks, binary_cross_entropy
from isd_pipeline.training.transfer import send


@dataclass(frozen=True, kw_only=True)
class PredictionConfig:
    """Mean over notes and codes, or the "sum" over codes; and the weight of attention to marks.

    Only networks whose codes read for themselves word by word learn from marks (`ReadsMarks`).
    """

    reduction: str = "mean"
    attention: float | int = 0.0

    def __post_init__(self) -> None:
        refuse_unlisted(self, reduction=("mean", "sum"))
        refuse_below(self, attention=0)

    @property
    def weights(self) -> Mapping[str, float]:
        """By the name of the loss; what has weight 0 is not computed."""
        return {"prediction": 1.0} | ({"attention": self.attention} if self.attention else {})


@runtime_checkable
class ReadsMarks(Protocol):
    """A network whose codes can be told which words of a note to attend to."""

    def with_attention_scores(
        self, tokens: Tensor, is_token: Tensor, codes: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The logits [B, L], and what the attention of some codes [B, K] is the softmax of."""


class Prediction:
    """Binary cross entropy, called as `objective(model, batch)`."""

    def __init__(self, config: PredictionConfig) -> None:
        self.reduction, self.attention = config.reduction, config.attention

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Give the losses of a batch whose tokens are where the model is."""
        if self.attention:
            return prediction_and_attention(model, batch, self.reduction)
        logits = read(model, batch).logits
        gold = send(batch.gold, logits.device)
        return {"prediction": binary_cross_entropy(logits, gold, self.reduction)}

    def counts(self, batch: Batch) -> dict[str, int]:
        """Over how many marked codes the loss `attention` of a batch is a mean."""
        return {} if batch.marks is None else {"attention": marked_rows(batch)}


def prediction_and_attention(
    model: nn.Module, batch: Batch, reduction: str = "mean"
) -> dict[str, Tensor]:
    """Both losses of one reading of a batch that is where the model is.

    Of a note's codes only those are asked for their attention that have marks.
    """
    if not isinstance(model, ReadsMarks):
        raise ValueError(
            f"{type(model).__name__} cannot learn attention from marks; give the loss weight 0"
        )
    marks = marks_of(batch)
    asked = marks.codes.clamp(min=0)
    logits, scores = model.with_attention_scores(batch.tokens, batch.is_token, asked)
    gold = send(batch.gold, logits.device)
    return {
        "prediction": binary_cross_entropy(logits, gold, reduction),
        "attention": attention_on_marks(scores, batch.is_token, marks.words),
    }
