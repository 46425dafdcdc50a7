"""The objective of a model that is trained for nothing but its predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from isd_pipeline.models.parts import refuse_unlisted
from isd_pipeline.training.batches import Batch
from isd_pipeline.training.objectives import binary_cross_entropy
from isd_pipeline.training.transfer import send


@dataclass(frozen=True, kw_only=True)
class PredictionConfig:
    """Binary cross entropy, its mean over notes and codes, or its "sum" over codes."""

    reduction: str = "mean"

    def __post_init__(self) -> None:
        refuse_unlisted(self, reduction=("mean", "sum"))

    @property
    def weights(self) -> Mapping[str, float]:
        """Of the one loss."""
        return {"prediction": 1.0}


class PredictionObjective:
    """Called as `objective(model, batch)`; gives the loss under its name."""

    def __init__(self, config: PredictionConfig) -> None:
        self.reduction = config.reduction

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The loss of a batch, gold codes compared with the logits."""
        logits = model(batch.tokens, batch.is_token).logits
        gold = send(batch.gold, logits.device)
        return {"prediction": binary_cross_entropy(logits, gold, self.reduction)}
