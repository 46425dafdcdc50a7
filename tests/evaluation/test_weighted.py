"""Counting a document n times gives the metrics of n copies of it, for every metric there is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isd_pipeline.evaluation import weighted
from isd_pipeline.evaluation.metrics import all_metrics
from isd_pipeline.evaluation.weighted import Predictions, ScoredDocuments

cases = st.tuples(
    st.integers(1, 10), st.integers(1, 8), st.integers(0, 2**31), st.sampled_from([0.0, 0.2, 0.8])
)


def resampled(
    case: tuple[int, int, int, float],
) -> tuple[sparse.csr_matrix, np.ndarray, np.ndarray]:
    """Gold, scores with many ties, and weightings of which each counts some document."""
    documents, codes, seed, density = case
    random = np.random.default_rng(seed)
    gold = random.random((documents, codes)) < density
    scores = random.normal(size=(documents, codes)).astype(np.float32).round(0)
    weights = random.integers(4, size=(5, documents))
    weights[:, random.integers(documents)] += 1
    return sparse.csr_matrix(gold), scores, weights


def under(gold, scores, weights, threshold=0.0, ks=(1, 5)) -> dict[str, np.ndarray]:
    judged = Predictions.of(gold, scores, threshold=threshold, ks=ks)
    return {**judged.metrics(weights), **ScoredDocuments.of(gold, scores).metrics(weights)}


@settings(deadline=None, max_examples=150)
@given(cases, st.sampled_from([-0.5, 0.0, 1.0]))
def test_every_metric_is_that_of_the_documents_repeated(case, threshold):
    gold, scores, weights = resampled(case)
    found = under(gold, scores, weights, threshold)
    for n, times in enumerate(weights):
        copies = np.repeat(np.arange(len(scores)), times)
        slow = all_metrics(gold[copies], scores[copies], threshold=threshold, ks=(1, 5))
        slow.pop("auc_codes")
        fast = {name: values[n] for name, values in found.items() if not np.isnan(values[n])}
        assert fast == pytest.approx(slow, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(cases)
def test_the_order_of_documents_changes_nothing_if_their_weights_go_with_them(case):
    gold, scores, weights = resampled(case)
    order = np.random.default_rng(case[2]).permutation(len(scores))
    moved = under(gold[order], scores[order], weights[:, order])
    for name, values in under(gold, scores, weights).items():
        assert moved[name] == pytest.approx(values, nan_ok=True), name


@settings(deadline=None, max_examples=50)
@given(cases)
def test_documents_put_after_others_and_counted_alone_are_as_they_were(case):
    gold, scores, weights = resampled(case)
    none = np.zeros_like(weights)
    for make in (Predictions.of, ScoredDocuments.of):
        run = make(gold, scores)
        both = run.then(make(gold, -scores))
        assert len(both) == 2 * len(run)
        alone = both.metrics(np.hstack([weights, none]))
        for name, values in run.metrics(weights).items():
            assert alone[name] == pytest.approx(values, nan_ok=True), name


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    gold, scores, weights = resampled((40, 30, 7, 0.2))
    whole = under(gold, scores, weights)
    monkeypatch.setattr(weighted, "BLOCK", 64)
    for name, values in under(gold, scores, weights).items():
        assert values == pytest.approx(whole[name]), name


def test_an_area_by_hand():
    """The one false document lies below the first true one, and above the second."""
    gold = sparse.csr_matrix(np.array([[True], [False], [True]]))
    scores = np.array([[3.0], [2.0], [1.0]], dtype=np.float32)
    weights = np.array([[1, 1, 1], [3, 2, 1], [1, 0, 1]])
    found = ScoredDocuments.of(gold, scores).metrics(weights)
    for area in found.values():
        assert area[:2].tolist() == [1 / 2, 3 * 2 / ((3 + 1) * 2)]
        assert np.isnan(area[2])


def test_a_score_that_is_not_a_number_is_refused():
    gold, scores = sparse.csr_matrix(np.eye(2, dtype=bool)), np.array([[0.0, np.nan], [1.0, 2.0]])
    for make in (Predictions.of, ScoredDocuments.of):
        with pytest.raises(ValueError, match="document 0, code 1: not a number"):
            make(gold, scores)
