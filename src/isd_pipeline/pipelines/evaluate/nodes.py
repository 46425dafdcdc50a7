"""Weights and documents > scores of every code > metrics, and where, how surely they hold."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.tracking import tracker as tracking
from isd_pipeline.training.device import choose_device

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.evaluation.resampling import Bootstrap
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
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Logits [D, L] of dev and test; how concentrated the attention on the test notes is."""
    import torch

    from isd_pipeline.evaluation.sharpness import attention_sharpness
    from isd_pipeline.models.registry import load
    from isd_pipeline.predictors.scoring import predict

    torch.set_num_threads(parameters["jobs"])
    device = choose_device(parameters["device"])
    model = trained_model(checkpoint, code_index, vocabulary).to(device)
    training = checkpoint.settings["training"]
    reading = {
        "max_tokens": training["max_tokens"],
        "device": device,
        "precision": training["precision"],
    }
    asked = {
        "batch_size": 2 * training["batch_size"],
        "sentences": load(checkpoint.settings["system"]).sentences,
    }
    scores = {
        split: predict(model, documents[split], **asked, **reading) for split in ("dev", "test")
    }
    return scores, attention_sharpness(model, documents["test"], **reading)


def trained_model(
    checkpoint: Checkpoint, code_index: CodeIndex, vocabulary: Vocabulary
) -> nn.Module:
    """Weights of another vocabulary or other codes are refused."""
    from isd_pipeline.models.system import rebuild

    expected = {"vocabulary": vocabulary.fingerprint, "codes": code_index.fingerprint}
    for name, fingerprint in expected.items():
        if checkpoint.fingerprints.get(name) != fingerprint:
            raise ValueError(
                f"the weights were trained with other {name}; run `kedro run --pipelines=train` "
                "with the same --params again"
            )
    return rebuild(checkpoint.settings, checkpoint.weights)


def measure(
    scores: Scores,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    sharpness: Mapping[str, float] | None = None,
) -> dict[str, dict[str, float]]:
    """Metrics of dev and test at 0.5 and at the threshold tuned on dev; test's has `sharpness`."""
    from isd_pipeline.evaluation.collapse import collapse_metrics
    from isd_pipeline.evaluation.metrics import all_metrics
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
    metrics = {split: {**found, **collapse_metrics(found)} for split, found in metrics.items()}
    metrics["test"] |= sharpness or {}
    tracking.log(shown_metrics(metrics))
    tracking.tag(shown_tags(metrics))
    return metrics


def stratify(
    scores: Scores,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    metrics: Mapping[str, Mapping[str, float]],
) -> tuple[dict[str, list[dict[str, Any]]], pd.DataFrame]:
    """The test split within groups of codes and of documents, and by code; all tuned."""
    from isd_pipeline.evaluation.metrics import per_code
    from isd_pipeline.evaluation.strata import all_strata, code_table

    train, gold = (documents[split].label_matrix(len(code_index)) for split in ("train", "test"))
    frequency = np.asarray(train.sum(axis=0)).ravel().astype(np.int64)
    threshold = metrics["test"]["threshold_tuned"]
    strata = all_strata(
        gold,
        scores["test"],
        threshold=threshold,
        train_frequency=frequency,
        codes=code_index.codes,
        systems=code_index.systems,
        lengths=documents["test"].lengths,
        own=code_index.own,
    )
    counts = per_code(gold, scores["test"], threshold)
    return strata, code_table(code_index.codes, code_index.titles, counts, frequency)


def calibrate_scores(
    scores: Scores, documents: Mapping[str, Documents], code_index: CodeIndex
) -> dict[str, Any]:
    """Calibration of the test split, as it is and at the temperature fitted on dev."""
    from isd_pipeline.evaluation.calibration import calibrate

    dev, test = (
        (documents[split].label_matrix(len(code_index)), scores[split]) for split in ("dev", "test")
    )
    calibration = calibrate(dev, test)
    tracking.log(shown_calibration(calibration))
    return calibration


def draw_documents(
    scores: Scores,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    metrics: Mapping[str, Mapping[str, float]],
) -> Bootstrap:
    """The metrics of 1,000 bootstrap draws of the test documents."""
    from isd_pipeline.evaluation.resampling import bootstrap_run

    gold = documents["test"].label_matrix(len(code_index))
    return bootstrap_run(gold, scores["test"], tuned=metrics["test"]["threshold_tuned"])


def content_of(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """16 hexadecimal digits of a run's final metrics: the same numbers are the same run."""
    text = json.dumps(metrics, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shown_metrics(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Final metrics under MLflow's names: `test/f1_micro`; those of dev beside the epochs' own."""
    names = {"dev": "dev_final", "test": "test"}
    return {f"{names[split]}/{name}": v for split in names for name, v in metrics[split].items()}


def shown_tags(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """MLflow's tags of final metrics: what they are, and at which threshold test is collapsed."""
    thresholds = {"collapsed": "at 0.5", "collapsed_tuned": "tuned"}
    collapsed = [words for name, words in thresholds.items() if metrics["test"].get(name)]
    return {"content": content_of(metrics), "collapsed": ", ".join(collapsed) or "no"}


def shown_calibration(calibration: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers of a calibration that MLflow shows, under its names."""
    errors = {
        f"test/{name}{ending}": calibration[when][name]
        for when, ending in (("before", ""), ("after", "_calibrated"))
        for name in ("ece", "ece_shown")
    }
    return {"test/temperature": calibration["temperature"], **errors}
