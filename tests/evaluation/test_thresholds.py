"""The tuned threshold is the best there is, and every number made with it says so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isd_pipeline.evaluation.metrics import all_metrics
from isd_pipeline.evaluation.thresholds import tune_threshold, tuned_metrics


def f1_at(gold: sparse.csr_matrix, scores: np.ndarray, threshold: float) -> float:
    true, predicted = gold.toarray(), scores > threshold
    return 2 * (true & predicted).sum() / (true.sum() + predicted.sum())


def test_the_threshold_lies_midway_between_the_last_taken_and_the_first_left():
    gold = sparse.csr_matrix(np.array([[True, False, True, False]]))
    scores = np.array([[3.0, -4.0, 1.0, -2.0]], dtype=np.float32)
    assert tune_threshold(gold, scores) == -0.5


def test_of_two_equally_good_thresholds_the_one_that_predicts_less_is_taken():
    gold = sparse.csr_matrix(np.array([[True, False, False, True]]))
    scores = np.array([[4.0, 3.0, 2.0, 1.0]], dtype=np.float32)
    assert f1_at(gold, scores, 3.5) == f1_at(gold, scores, 0.5) == pytest.approx(2 / 3)
    assert tune_threshold(gold, scores) == 3.5


def test_where_everything_should_be_predicted_the_threshold_is_below_every_score():
    gold = sparse.csr_matrix(np.ones((2, 2), dtype=bool))
    scores = np.array([[1.0, 2.0], [3.0, 1.0]], dtype=np.float32)
    assert f1_at(gold, scores, tune_threshold(gold, scores)) == 1


def test_neighbouring_floats_are_still_told_apart():
    gold = sparse.csr_matrix(np.array([[True, False]]))
    for low in np.linspace(0.1, 5, 100, dtype=np.float32):
        scores = np.array([[np.nextafter(low, np.float32(9)), low]], dtype=np.float32)
        found = tuned_metrics(gold, scores, tune_threshold(gold, scores))
        assert found["f1_micro_tuned"] == 1


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**31), st.integers(0, 2))
def test_no_threshold_at_all_is_better(documents, codes, seed, decimals):
    random = np.random.default_rng(seed)
    true = random.random((documents, codes)) < 0.3
    true[0, 0] = True
    scores = (random.normal(size=true.shape) + true).round(decimals).astype(np.float32)
    gold = sparse.csr_matrix(true)
    every = [-np.inf, *np.unique(scores)[:-1]]
    best = max(f1_at(gold, scores, threshold) for threshold in every)
    assert f1_at(gold, scores, tune_threshold(gold, scores)) == pytest.approx(best)


def test_a_dev_split_without_a_code_is_refused():
    with pytest.raises(ValueError, match="no document of the dev split has a code"):
        tune_threshold(sparse.csr_matrix((2, 3), dtype=bool), np.zeros((2, 3), dtype=np.float32))


def test_every_name_at_the_tuned_threshold_says_tuned():
    gold = sparse.csr_matrix(np.eye(3, dtype=bool))
    scores = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    found = tuned_metrics(gold, scores, 0.25)
    assert all(name.endswith("_tuned") for name in found)
    assert found["threshold_tuned"] == 0.25
    assert found["f1_micro_tuned"] == all_metrics(gold, scores, threshold=0.25)["f1_micro"]
    assert not set(found) & set(all_metrics(gold, scores))
