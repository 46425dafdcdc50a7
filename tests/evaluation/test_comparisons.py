"""A comparison is the two tests it is made of, each where it is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.evaluation.metrics import all_metrics
from isd_pipeline.evaluation.resampling import bootstrap_run, over_seeds
from isd_pipeline.evaluation.significance import (
    ComparedRun,
    approximate_randomisation,
    compare,
    paired_bootstrap,
)
from isd_pipeline.evaluation.thresholds import tuned_metrics

GOLD = sparse.csr_matrix(np.random.default_rng(0).random((60, 12)) < 0.2)
TUNED = -0.5


def scores_of(skill: float, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=GOLD.shape)
    return (noise + skill * GOLD.toarray() - 1).astype(np.float32)


def compared_run(skill: float, seed: int) -> ComparedRun:
    scores = scores_of(skill, seed)
    resampled = bootstrap_run(GOLD, scores, tuned=TUNED, replicates=60)
    return ComparedRun.of(GOLD, scores, TUNED, resampled)


def test_the_difference_is_of_the_means_over_seeds_at_each_threshold():
    a, b = ([compared_run(skill, seed) for seed in (1, 2)] for skill in (3.0, 1.0))
    found = compare(a, b, draws=50)
    for name in ("f1_micro", "f1_macro_caml", "p_at_5", "map", "f1_micro_tuned"):
        of_a, of_b = (
            np.mean(
                [
                    (all_metrics(GOLD, scores) | tuned_metrics(GOLD, scores, TUNED))[name]
                    for scores in (scores_of(skill, 1), scores_of(skill, 2))
                ]
            )
            for skill in (3.0, 1.0)
        )
        assert found[name].difference == pytest.approx(of_a - of_b)
        assert found[name].low < found[name].difference < found[name].high
    assert not {"auc_macro", "auc_micro"} & found.keys()


def test_the_interval_is_the_paired_bootstraps_and_p_the_randomisations():
    a, b = [compared_run(1.2, 1)], [compared_run(1.0, 2)]
    found = compare(a, b, draws=50, seed=3)
    paired = paired_bootstrap(over_seeds([a[0].resampled]), over_seeds([b[0].resampled]))
    at_half = approximate_randomisation([a[0].at_half], [b[0].at_half], draws=50, seed=3)
    tuned = approximate_randomisation([a[0].at_tuned], [b[0].at_tuned], draws=50, seed=3)
    assert found["f1_micro"][1:3] == paired["f1_micro"][1:3]
    assert found["f1_micro"].p == at_half["f1_micro"].p
    assert found["f1_macro_caml_tuned"].p == tuned["f1_macro_caml"].p


def test_a_system_against_itself_differs_in_nothing():
    same = [compared_run(1.0, 1)]
    assert {(each.difference, each.p) for each in compare(same, same, draws=20).values()} == {
        (0, 1)
    }
