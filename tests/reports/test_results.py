"""Runs gather into experiments, documents into statistics."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.reports.results import (
    CohortStatistics,
    Measured,
    RunResult,
    SplitStatistics,
    best_baseline,
    experiments,
)
from isd_pipeline.reports.tables import results_table


def test_mean_and_standard_deviation_over_seeds_by_hand():
    """Of two seeds, t at 97.5 % with one degree of freedom is 12.706."""
    two = Measured.of([0.1, 0.3])
    assert (two.mean, two.sd, two.seeds) == (0.2, pytest.approx(0.2 / 2**0.5), 2)
    assert two.interval == pytest.approx((0.2 - 12.7062 * 0.1, 0.2 + 12.7062 * 0.1), abs=1e-4)
    assert Measured.of([0.5]) == Measured(0.5, None, 1)


def test_baselines_come_first_and_the_rest_in_the_order_given(runs):
    names = [one.name for one in experiments(runs)]
    assert names == ["logistic_regression", "linear_svm", "isd", "isd_aligned"]
    assert best_baseline(experiments(runs), "f1_micro").name == "logistic_regression"


def test_a_metric_that_only_some_seeds_have_is_of_those_seeds():
    runs = [
        RunResult(experiment="isd", seed=1, metrics={"auc_macro": 0.5}),
        RunResult(experiment="isd", seed=2, metrics={}),
    ]
    [one] = experiments(runs)
    assert one.measured("auc_macro") == Measured(0.5, None, 1)
    assert one.measured("map") is None


def test_the_same_seed_twice_is_refused():
    with pytest.raises(ValueError, match="experiment isd: a seed is there twice"):
        experiments([RunResult(experiment="isd", seed=1, metrics={})] * 2)


def test_the_long_tail_by_hand():
    counts = np.array([80, 5, 5, 4, 2, 1, 1, 1, 1, 0])
    gold = sparse.csr_matrix(np.arange(80)[:, None] < counts)
    split = SplitStatistics.of(np.full(80, 7), gold)
    statistics = CohortStatistics(splits={"train": split})
    assert statistics.documents_per_code.tolist() == counts.tolist()
    assert statistics.top_tenth_share == 0.8
    assert statistics.under_two_share == 0.5
    assert statistics.codes_per_document.sum() == 100


def test_splits_of_different_code_lists_are_refused():
    splits = {
        name: SplitStatistics.of(np.zeros(1), sparse.csr_matrix((1, codes), dtype=bool))
        for name, codes in (("train", 3), ("test", 4))
    }
    with pytest.raises(ValueError, match="one cohort has one list of codes"):
        CohortStatistics(splits=splits)


def test_an_experiment_without_intervals_is_named_under_its_table(runs):
    bare = RunResult(experiment="isd", seed=9, metrics={"f1_micro": 0.5})
    [one] = experiments([bare])
    assert one.over_documents == {}
    table = results_table([bare, *(run for run in runs if run.experiment != "isd")], tuned=False)
    assert "No bootstrap intervals of isd: the replicates" in table.notes[-1]
    assert not any("No bootstrap" in note for note in results_table(runs, tuned=False).notes)


def test_seeds_that_collapsed_are_counted_at_their_threshold():
    runs = [
        RunResult(experiment="isd", seed=seed, metrics={"collapsed": 1.0, "collapsed_tuned": tuned})
        for seed, tuned in enumerate([0.0, 1.0, 0.0])
    ]
    [one] = experiments(runs)
    assert (one.collapsed(tuned=False), one.collapsed(tuned=True)) == (3, 1)
