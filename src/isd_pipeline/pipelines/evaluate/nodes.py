"""Weights and documents > scores of every code > metrics, and where, how surely they hold."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from isd_pipeline.catalog.other_cohorts import Open, first_dev_scores
from isd_pipeline.catalog.run_context import RunContext
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.engine import read_engine
from isd_pipeline.config.experiments import first_cohort
from isd_pipeline.config.reports import ReportSettings
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.calibration import calibrate
from isd_pipeline.evaluation.metrics import all_metrics, per_code
from isd_pipeline.evaluation.official import (
    known_codes,
    official_figures,
    official_predictions,
    tune_official_threshold,
    with_official,
)
from isd_pipeline.evaluation.resampling import Bootstrap, bootstrap_run
from isd_pipeline.evaluation.strata import all_strata, code_table
from isd_pipeline.evaluation.thresholds import collapse_metrics, tune_threshold, tuned_metrics
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import Scores
from isd_pipeline.predictors.score_parts import score_in_parts
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from isd_pipeline.predictors.artifact import Artifact


# What `dvc metrics show` prints of a run: a screen has room for eight columns.
HEADLINE = (
    *("f1_micro", "f1_macro_caml", "f1_micro_tuned", "f1_macro_caml_tuned"),
    *("auc_micro", "auc_macro", "p_at_5", "p_at_8"),
)


def score_documents(
    model: "Artifact",
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    other_cohorts: Callable[[], Open],
    parameters: Mapping[str, Any],
) -> tuple[Scores, dict[str, float]]:
    """Log-odds [D, L] of dev and test; how concentrated a network's attention on test is.

    Scores that the fit gave are taken as they are. Those of a last training's dev are its first's.
    """
    scores, sharpness = _scores_here(model, documents, code_index, vocabulary, parameters)
    if first_cohort(parameters):
        dev = first_dev_scores(other_cohorts(), documents, code_index, parameters)
        scores = {**scores, "dev": dev}
    return scores, sharpness


def _scores_here(
    model: "Artifact",
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any],
) -> tuple[Scores, dict[str, float]]:
    import torch

    from isd_pipeline.evaluation.sharpness import attention_sharpness
    from isd_pipeline.training.device import choose_device

    model.refuse_other_data(code_index, vocabulary)
    if model.scores is not None:
        return model.scores, {}
    torch.set_num_threads(parameters["jobs"])
    device = choose_device(parameters["device"])
    found = registry.load(model.settings, model.weights, str(device))
    engine = read_engine(parameters.get("engine"))
    if engine.name == "loop" or registry.kind_of(model.settings["system"]) != registry.NETWORK:
        scores = {split: found.score(documents[split]) for split in ("dev", "test")}
    else:
        given, jobs = (model.settings, model.weights), parameters["jobs"]
        scores = {
            split: score_in_parts(*given, documents[split], str(device), jobs, engine)
            for split in ("dev", "test")
        }
    if found.network is None:
        return scores, {}
    training = model.settings["training"]
    reading = {"max_tokens": training["max_tokens"], "precision": training["precision"]}
    return scores, attention_sharpness(found.network, documents["test"], device=device, **reading)


def measure(
    scores: Scores,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    sharpness: Mapping[str, float],
    run_context: RunContext,
    cohorts: Mapping[str, Any],
    cohort: str,
) -> dict[str, dict[str, Any]]:
    """Metrics of dev and test at 0.5 and at the threshold tuned on dev; test's has `sharpness`.

    Of a cohort that is an official task's, its official figures are among them.
    """
    gold = {split: documents[split].label_matrix(len(code_index)) for split in ("dev", "test")}
    threshold = tune_threshold(gold["dev"], scores["dev"])
    metrics: dict[str, dict[str, Any]] = {}
    for split, labels in gold.items():
        found = all_metrics(labels, scores[split])
        found |= tuned_metrics(labels, scores[split], threshold)
        metrics[split] = found | collapse_metrics(found)
    metrics["test"] |= sharpness
    if task := cohort_section(cohorts, cohort, "report", ReportSettings).official:
        for split, found in _of_task(task, gold, scores, documents, code_index).items():
            metrics[split] |= found
    return {**metrics, "run": run_context.of("evaluate")}


def _of_task(
    task: str,
    gold: Mapping[str, "csr_matrix"],
    scores: Scores,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
) -> dict[str, dict[str, float]]:
    """The official figures of dev and test, at the threshold that is best of them on dev."""
    known = known_codes(documents["train"].label_matrix(len(code_index)))
    threshold = tune_official_threshold(gold["dev"], scores["dev"], known)
    return {
        split: official_figures(
            labels, scores[split], known, threshold=threshold, codes=code_index.codes, task=task
        )
        for split, labels in gold.items()
    }


def headline_of(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The few figures of test by which runs are told apart."""
    return {name: metrics["test"][name] for name in HEADLINE if name in metrics["test"]}


def stratify(
    scores: Scores,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    metrics: Mapping[str, Mapping[str, float]],
) -> tuple[dict[str, list[dict[str, Any]]], pd.DataFrame]:
    """The test split within groups of codes and of documents, and by code; all tuned."""
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
        own=code_index.custom,
    )
    counts = per_code(gold, scores["test"], threshold)
    return strata, code_table(code_index.codes, code_index.titles, counts, frequency)


def calibrate_scores(
    scores: Scores, documents: Mapping[str, Documents], code_index: CodeIndex
) -> dict[str, Any]:
    """Calibration of the test split, as it is and at the temperature fitted on dev."""
    dev, test = (
        (documents[split].label_matrix(len(code_index)), scores[split]) for split in ("dev", "test")
    )
    return calibrate(dev, test)


def resample_documents(
    scores: Scores,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    metrics: Mapping[str, Mapping[str, float]],
) -> Bootstrap:
    """The metrics of 1,000 bootstrap replicates of the test documents, official ones where any."""
    gold, test = documents["test"].label_matrix(len(code_index)), metrics["test"]
    resampled = bootstrap_run(gold, scores["test"], tuned=test["threshold_tuned"])
    if "official_threshold" not in test:
        return resampled
    known = known_codes(documents["train"].label_matrix(len(code_index)))
    threshold = test["official_threshold"]
    run = official_predictions(gold, scores["test"], known, threshold=threshold)
    return with_official(resampled, run)


def finish(
    headline: Any, strata: Any, by_code: Any, calibration: Any, replicates: Any
) -> Callable[[Path], None]:
    """Nothing more is written: a node that reads the folder of runs waits for this run's files."""
    return lambda folder: None
