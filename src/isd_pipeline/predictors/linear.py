"""Linear baselines as predictors: fitted on the words themselves, the whole note read."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from isd_pipeline.predictors.base import (
    Fitted,
    Options,
    Prediction,
    ReadsWords,
    TokenisedNote,
    TrainingData,
)
from isd_pipeline.predictors.kept_blocks import folder_of, identity
from isd_pipeline.predictors.linear_fit import LinearConfig, linear_svm, logistic_regression
from isd_pipeline.predictors.linear_model import LinearModel
from isd_pipeline.predictors.sparse_arrays import to_numpy, to_tensors
from isd_pipeline.text.ngrams import refusing_none


def sections(system: str) -> dict[str, type[Any]]:
    """One section: what the n-grams are and how they are penalised."""
    return {"model": LinearConfig}


def fit(system: str, settings: Mapping[str, Any], data: TrainingData, options: Options) -> Fitted:
    """Fit on train and score dev and test; all words count, not only the vocabulary's.

    A model with a number for each n-gram and code is not kept: it then has scores and no weights.
    """
    started, words, config = time.monotonic(), data.words(), settings["model"]
    gold = data.documents["train"].label_matrix(len(data.codes))
    read = (words["train"], gold, [words["dev"], words["test"]], config, options.jobs)
    with refusing_none(len(words["train"]), config.min_df):
        if system == "linear_svm":
            (dev, test), model, scratch = linear_svm(*read)
        else:
            kept_in = partial(_scratch, options.code)
            (dev, test), model, scratch = logistic_regression(*read, kept_in)
    kept: dict[str, Any] = {"system": system, "model": asdict(config)}
    if model is not None:
        kept["ngrams"] = list(model.ngrams)
    figures = {"minutes": (time.monotonic() - started) / 60, "on_gpu": 0.0}
    weights = {} if model is None else to_tensors(model.arrays())
    return Fitted(weights, kept, figures, scores={"dev": dev, "test": test}, scratch=scratch)


def _scratch(code: str, digest: str) -> Path | None:
    """Where a killed fit of this data and code goes on; nowhere if nobody knows the code."""
    return folder_of(identity(digest, code)) if code else None


@dataclass(frozen=True)
class LinearPredictor(ReadsWords):
    """A fitted linear baseline, ready to read."""

    model: LinearModel

    def read(self, note: TokenisedNote, evidence: bool) -> Prediction:
        """One note, every word of it."""
        (scores,) = self.model([note.words])
        return Prediction(scores, partial(self.model.evidence, note.words) if evidence else None)


def load(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> LinearPredictor:
    """The fitted model; raises a ValueError where it was not kept or its parts do not fit."""
    if not weights:
        raise ValueError(
            f"the weights of {settings['system']} are not kept: they would be too many"
        )
    return LinearPredictor(LinearModel.of_arrays(to_numpy(weights), settings["ngrams"]))
