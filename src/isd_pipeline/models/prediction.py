"""What the compared systems are trained for: binary cross entropy over codes, and what some add.

Axes: B notes, L codes, P categories, G gold codes of the note that has most (shorter rows end in
-1), C distinct gold codes of the batch, M words of the longest description, D width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from isd_pipeline.models.caml import DRCAML
from isd_pipeline.models.laat import JointLAAT
from isd_pipeline.models.layers.parts import refuse_below, refuse_unlisted
from isd_pipeline.shapes import Float, Int
from isd_pipeline.training.batches import Batch, read
from isd_pipeline.training.kernels import widened
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


@dataclass(frozen=True, kw_only=True)
class LevelsConfig:
    """Nothing to choose."""

    @property
    def weights(self) -> Mapping[str, float]:
        """Two losses, which come as shares of one mean."""
        return {"prediction": 1.0, "categories": 1.0}


class Prediction:
    """Binary cross entropy, called as `objective(model, batch)`."""

    def __init__(self, config: PredictionConfig) -> None:
        self.reduction = config.reduction

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Give the loss of a batch whose tokens are where the model is."""
        logits = read(model, batch).logits
        gold = send(batch.gold, logits.device)
        return {"prediction": binary_cross_entropy(logits, gold, self.reduction)}


class DescribedPrediction:
    """DR-CAML's: prediction, and the codes' classifiers held near their descriptions.

    Args:
        config: the weight.
        descriptions: token numbers of each code's description, [L, M], 0-padded at the end.
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
