"""A run that says next to nothing, or next to everything, raises the alarm at that threshold."""

from __future__ import annotations

import pytest

from isd_pipeline.evaluation.thresholds import collapse_metrics


@pytest.mark.parametrize(
    ("predicted", "collapsed"), [(0.0, 1), (0.49, 1), (0.5, 0), (10.0, 0), (100.0, 0), (101.0, 1)]
)
def test_the_bounds_by_hand_for_ten_true_codes_a_document(predicted: float, collapsed: int):
    metrics = {"gold_per_document": 10.0, "predicted_per_document": predicted}
    found = collapse_metrics(metrics | {"predicted_per_document_tuned": 10.0})
    assert found == {"collapsed": collapsed, "collapsed_tuned": 0}


def test_each_threshold_has_its_own_alarm():
    metrics = {"gold_per_document": 2.0, "predicted_per_document": 2.0}
    found = collapse_metrics(metrics | {"predicted_per_document_tuned": 0.0})
    assert found == {"collapsed": 0, "collapsed_tuned": 1}
