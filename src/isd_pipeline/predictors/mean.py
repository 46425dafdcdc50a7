"""Several trainings of one system read as one: the mean of what they say, and of their evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import Evidence, Prediction, Predictor, ReadsWords, TokenisedNote
from isd_pipeline.predictors.sparse_arrays import under
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.documents import Documents


@dataclass(frozen=True)
class MeanPredictor(ReadsWords):
    """Trainings that differ in their seed."""

    of_seeds: Sequence[Predictor]

    @property
    def has_evidence(self) -> bool:  # type: ignore[override]
        """Whether any of them has."""
        return any(one.has_evidence for one in self.of_seeds)

    def score(self, documents: Documents) -> np.ndarray:
        """The mean of their scores."""
        return np.mean([one.score(documents) for one in self.of_seeds], axis=0)

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, by each of them."""
        found = [one.read(note, evidence) for one in self.of_seeds]
        shown = [one.evidence for one in found if one.evidence is not None]
        scores = np.mean([one.scores for one in found], axis=0)
        return Prediction(scores, partial(_mean_evidence, shown) if shown else None)


def load(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> MeanPredictor:
    """The trainings, by their seeds."""
    return MeanPredictor(
        [
            registry.load(of_seed, under(seed, weights), device)
            for seed, of_seed in settings["base_models"].items()
        ]
    )


def _mean_evidence(
    shown: Sequence[Evidence], codes: Int[np.ndarray, " K"]
) -> Float[np.ndarray, "K N"]:
    found: np.ndarray = np.mean([evidence(codes) for evidence in shown], axis=0)
    return found
