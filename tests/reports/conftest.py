"""A small cohort and its runs: two baselines, a network of two seeds, one of one seed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isd_pipeline.evaluation.calibration import calibrate
from isd_pipeline.evaluation.metrics import all_metrics, per_code
from isd_pipeline.evaluation.resampling import bootstrap_run
from isd_pipeline.evaluation.strata import all_strata, code_table
from isd_pipeline.evaluation.thresholds import collapse_metrics, tune_threshold, tuned_metrics
from isd_pipeline.reports.results import CohortStatistics, RunResult, SplitStatistics

CODES, DOCUMENTS = 60, 80
EVIL = "<script>alert('x')</script> & | *"


@pytest.fixture(scope="session")
def gold() -> sparse.csr_matrix:
    rates = np.minimum(0.5, 3 / np.arange(1, CODES + 1))
    return sparse.csr_matrix(np.random.default_rng(0).random((DOCUMENTS, CODES)) < rates)


@pytest.fixture(scope="session")
def runs(gold) -> list[RunResult]:
    return [
        run(gold, "isd", seed=1, skill=2.0),
        run(gold, "isd", seed=2, skill=2.1),
        run(gold, "isd_aligned", seed=1, skill=6.0),
        run(gold, "logistic_regression", seed=1, skill=4.0, kind="baseline"),
        run(gold, "linear_svm", seed=1, skill=3.0, kind="baseline"),
    ]


def run(
    gold: sparse.csr_matrix, name: str, *, seed: int, skill: float, kind: str = "network"
) -> RunResult:
    random = np.random.default_rng(seed)
    scores = (random.normal(size=gold.shape) + skill * gold.toarray() - 2).astype(np.float32)
    threshold = tune_threshold(gold, scores)
    counts, frequency = per_code(gold, scores, threshold), 3 * np.diff(gold.tocsc().indptr)
    epochs = np.arange(1, 6)
    history = pd.DataFrame(
        {"epoch": epochs, "total": 1 / epochs, "teacher": 0.0, "dev_f1_micro": 1 - 1 / epochs}
    )
    names = [f"{code:03}.1" for code in range(CODES)]
    metrics = {**all_metrics(gold, scores), **tuned_metrics(gold, scores, threshold)}
    sharpness = {"attention_sd": 0.01, "attention_entropy": 2.0, "attention_words": 7.4}
    return RunResult(
        experiment=name,
        seed=seed,
        metrics={
            **metrics,
            **collapse_metrics(metrics),
            **({} if kind == "baseline" else sharpness),
        },
        history=None if kind == "baseline" else history,
        strata=all_strata(
            gold,
            scores,
            threshold=threshold,
            train_frequency=frequency,
            codes=names,
            systems=["diagnosis", "procedure"] * (CODES // 2),
            lengths=np.arange(DOCUMENTS) * 50,
        ),
        per_code=code_table(names, [EVIL] * CODES, counts, frequency),
        calibration=calibrate((gold, scores), (gold, scores)),
        intervals=bootstrap_run(gold, scores, tuned=threshold, replicates=40).intervals(),
        minutes=1.25 * seed,
        device="cpu",
        kind=kind,
    )


@pytest.fixture(scope="session")
def statistics(gold) -> CohortStatistics:
    lengths = np.arange(100, 100 + DOCUMENTS)
    split = SplitStatistics.of(lengths, gold)
    return CohortStatistics(splits={"train": split, "dev": split, "test": split}, max_tokens=150)
