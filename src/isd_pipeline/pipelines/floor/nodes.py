"""A linear model on the words themselves: what a network has to beat."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.experiments import read_floor
from isd_pipeline.text.splits import fingerprints, words_of_splits

if TYPE_CHECKING:
    import numpy as np

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.io.tables import RecordStream
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary
    from isd_pipeline.training.checkpoints import Checkpoint


def fit_floor(
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, float], Checkpoint]:
    """Fit on train, score dev and test [D, L]; all words count, not only the vocabulary's."""
    from isd_pipeline.predictors import linear_fit as simple
    from isd_pipeline.predictors.kept import keep_linear
    from isd_pipeline.training.checkpoints import Checkpoint

    fits = {"logistic_regression": simple.logistic_regression, "linear_svm": simple.linear_svm}
    system, config = read_floor(parameters)
    began = time.monotonic()
    words = words_of_splits(tokenized_notes, documents)
    gold = documents["train"].label_matrix(len(code_index))
    (dev, test), model = fits[system](words["train"], gold, [words["dev"], words["test"]], config)
    figures = {"minutes": (time.monotonic() - began) / 60, "on_gpu": 0.0}
    settings, weights = keep_linear(system, config, model)
    settings["seed"] = parameters["seed"]
    kept = Checkpoint(weights, settings, fingerprints(documents, code_index, vocabulary))
    return {"dev": dev, "test": test}, figures, kept
