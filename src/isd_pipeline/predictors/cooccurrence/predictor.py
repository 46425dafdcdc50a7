"""The noisy-or as a predictor: counted on the words themselves, the whole note read."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from torch import Tensor

from isd_pipeline.models.layers.parts import refuse_below
from isd_pipeline.predictors.base import (
    Fitted,
    Options,
    Prediction,
    ReadsWords,
    TokenisedNote,
    TrainingData,
)
from isd_pipeline.predictors.cooccurrence.noisy_or import NoisyOr, count
from isd_pipeline.predictors.sparse_arrays import to_numpy, to_tensors


@dataclass(frozen=True, kw_only=True)
class NoisyOrConfig:
    """What is counted, and how counts are read.

    N-grams of up to `max_ngram` words that stand in at least `min_df` training documents;
    `max_features` keeps only the most frequent ones. Of a note the `strongest` of them count for a
    code. `smoothing` is how many documents without the n-gram each of them is counted with.
    """

    strongest: int = 3
    smoothing: float | int = 0.5
    max_ngram: int = 2
    min_df: int = 2
    max_features: int | None = None

    def __post_init__(self) -> None:
        refuse_below(self, strongest=1, max_ngram=1, min_df=1)
        if not self.smoothing > 0:
            raise ValueError(f"NoisyOrConfig.smoothing={self.smoothing} must be above 0")
        if self.max_features is not None and self.max_features <= 0:
            raise ValueError(f"max_features={self.max_features} must be above 0, or null for all")


def sections(system: str) -> dict[str, type[Any]]:
    """One section."""
    return {"model": NoisyOrConfig}


def fit(system: str, settings: Mapping[str, Any], data: TrainingData, options: Options) -> Fitted:
    """Count in train, score dev and test; all words count, not only the vocabulary's."""
    started, words, config = time.monotonic(), data.words(), settings["model"]
    gold = data.documents["train"].label_matrix(len(data.codes))
    model = count(words["train"], gold, **asdict(config))
    return Fitted(
        to_tensors(model.arrays()),
        {"system": system, "model": asdict(config), "ngrams": list(model.ngrams)},
        {"minutes": (time.monotonic() - started) / 60, "on_gpu": 0.0},
        scores={split: model(words[split]) for split in ("dev", "test")},
    )


@dataclass(frozen=True)
class NoisyOrPredictor(ReadsWords):
    """Counts, ready to read."""

    model: NoisyOr

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, every word of it."""
        (scores,) = self.model([note.words])
        return Prediction(scores, partial(self.model.evidence, note.words) if evidence else None)


def load(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> NoisyOrPredictor:
    """The counts; raises a ValueError where they do not fit the n-grams."""
    config = settings["model"]
    read = {name: config[name] for name in ("smoothing", "strongest")}
    return NoisyOrPredictor(NoisyOr.of_arrays(to_numpy(weights), settings["ngrams"], **read))
