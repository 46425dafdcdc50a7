"""Weights and documents > scores of every code > metrics, also by how often a code was seen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.pipelines import tracking
from isd_pipeline.pipelines.device import choose_device

if TYPE_CHECKING:
    import pandas as pd

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary
    from isd_pipeline.training.checkpoints import Checkpoint

Scores = Mapping[str, np.ndarray]


def score_documents(
    checkpoint: Checkpoint,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """Logits [D, L] of dev and test. Weights of another vocabulary or other codes are refused."""
    import torch

    from isd_pipeline.evaluation.predict import predict
    from isd_pipeline.training.systems import rebuild

    torch.set_num_threads(parameters["jobs"])
    expected = {"vocabulary": vocabulary.fingerprint, "codes": code_index.fingerprint}
    for name, fingerprint in expected.items():
        if checkpoint.fingerprints.get(name) != fingerprint:
            raise ValueError(
                f"the weights were trained with other {name}; run `kedro run --pipelines=train` "
                "with the same --params again"
            )
    device = choose_device(parameters["device"])
    model = rebuild(checkpoint.settings, checkpoint.weights).to(device)
    training = checkpoint.settings["training"]
    return {
        split: predict(
            model,
            documents[split],
            batch_size=2 * training["batch_size"],
            max_tokens=training["max_tokens"],
            device=device,
            precision=training["precision"],
        )
        for split in ("dev", "test")
    }


def measure(
    scores: Scores, documents: Mapping[str, Documents], code_index: CodeIndex
) -> tuple[dict[str, dict[str, float]], list[dict[str, Any]], pd.DataFrame]:
    """Metrics of dev and test at 0.5 and at the threshold tuned on dev; by frequency; by code."""
    from isd_pipeline.evaluation.metrics import all_metrics, per_code
    from isd_pipeline.evaluation.strata import by_frequency, code_table
    from isd_pipeline.evaluation.thresholds import tune_threshold, tuned_metrics

    gold = {split: documents[split].label_matrix(len(code_index)) for split in ("dev", "test")}
    threshold = tune_threshold(gold["dev"], scores["dev"])
    metrics = {
        split: {
            **all_metrics(gold[split], scores[split]),
            **tuned_metrics(gold[split], scores[split], threshold),
        }
        for split in ("dev", "test")
    }
    tracking.log(shown_metrics(metrics))
    tracking.tag({"content": content_of(metrics)})
    train = documents["train"].label_matrix(len(code_index))
    frequency = np.asarray(train.sum(axis=0)).ravel().astype(np.int64)
    counts = per_code(gold["test"], scores["test"], threshold)
    by_code = code_table(code_index.codes, code_index.titles, counts, frequency)
    return metrics, by_frequency(counts, frequency), by_code


def content_of(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """16 hexadecimal digits of a run's final metrics: the same numbers are the same run."""
    text = json.dumps(metrics, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shown_metrics(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Final metrics under MLflow's names: `test/f1_micro`; those of dev beside the epochs' own."""
    names = {"dev": "dev_final", "test": "test"}
    return {f"{names[split]}/{name}": v for split in names for name, v in metrics[split].items()}
