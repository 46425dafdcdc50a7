"""A linear model on the words themselves: what a network has to beat."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from isd_pipeline.pipelines.plans import read_floor

if TYPE_CHECKING:
    import numpy as np

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.tables import RecordStream
    from isd_pipeline.text.documents import Documents


def fit_floor(
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    parameters: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Fit on train, score dev and test [D, L]; all words count, not only the vocabulary's."""
    from isd_pipeline.models import simple

    systems = {
        "logistic_regression": simple.logistic_regression,
        "linear_svm": simple.linear_svm,
    }
    system, config = read_floor(parameters)
    began = time.monotonic()
    words = words_of_splits(tokenized_notes, documents)
    dev, test = systems[system](
        words["train"],
        documents["train"].label_matrix(len(code_index)),
        [words["dev"], words["test"]],
        config,
    )
    return {"dev": dev, "test": test}, {
        "minutes": (time.monotonic() - began) / 60,
        "on_gpu": 0.0,
    }


def words_of_splits(
    tokenized_notes: RecordStream, documents: Mapping[str, Documents]
) -> dict[str, list[list[str]]]:
    """The words of each split's documents, in the order of the documents."""
    from isd_pipeline.text.tokens import words_of

    wanted = {identifier for split in documents.values() for identifier in split.ids.tolist()}
    words = {
        identifier: tokens
        for batch in tokenized_notes.select(["document_id", "tokens"])
        for identifier, tokens in zip(
            batch["document_id"].to_pylist(), words_of(batch), strict=True
        )
        if identifier in wanted
    }
    return {
        split: [words[identifier] for identifier in those.ids.tolist()]
        for split, those in documents.items()
    }
