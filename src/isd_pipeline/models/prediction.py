"""What most systems are trained for: binary cross entropy over codes."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from isd_pipeline.models.layers.parts import refuse_unlisted
from isd_pipeline.training.batches import Batch, read
from isd_pipeline.training.losses import binary_cross_entropy
from isd_pipeline.training.transfer import send


@dataclass(frozen=True, kw_only=True)
class PredictionConfig:
    """Mean over notes and codes, or the "sum" over codes."""

    reduction: str = "mean"

    def __post_init__(self) -> None:
        refuse_unlisted(self, reduction=("mean", "sum"))

    @property
    def weights(self) -> Mapping[str, float]:
        """One loss, which is the sum."""
        return {"prediction": 1.0}


class Prediction:
    """Binary cross entropy, called as `objective(model, batch)`."""

    def __init__(self, config: PredictionConfig) -> None:
        self.reduction = config.reduction

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of a batch whose tokens are where the model is."""
        logits = read(model, batch).logits
        gold = send(batch.gold, logits.device)
        return {"prediction": binary_cross_entropy(logits, gold, self.reduction)}
