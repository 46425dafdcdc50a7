"""Metrics by training frequency: every code in one stratum, every number countable by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from isd_pipeline.evaluation.metrics import CodeCounts
from isd_pipeline.evaluation.strata import by_frequency, code_table, compare_codes

FREQUENCY = np.array([501, 500, 101, 100, 51, 50, 11, 10, 1, 0])


def counts(tp: list[int], predicted: list[int], true: list[int]) -> CodeCounts:
    return CodeCounts(np.array(tp), np.array(predicted), np.array(true))


def table(f1: list[float], gold: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {"code": ["a", "b", "c"], "title": ["A", "B", "C"], "train": 1, "gold": gold, "f1": f1}
    )


def test_every_code_is_in_the_stratum_of_its_training_frequency():
    ones = counts([1] * 10, [1] * 10, [1] * 10)
    rows = by_frequency(ones, FREQUENCY)
    assert [(row["stratum"], row["codes"]) for row in rows] == [
        (">500", 1),
        ("101-500", 2),
        ("51-100", 2),
        ("11-50", 2),
        ("1-10", 2),
        ("unseen", 1),
    ]
    assert all(row["f1_micro"] == row["f1_macro_per_code_present"] == 1 for row in rows)


def test_a_stratum_by_hand():
    # Three rare codes: one half right, one absent and wrongly predicted, one missed.
    rare = counts([2, 0, 0], [2, 3, 0], [4, 0, 1])
    row = by_frequency(rare, np.array([3, 4, 5]))[4]
    assert (row["codes"], row["codes_present"], row["gold"], row["predicted"]) == (3, 2, 5, 5)
    assert row["f1_micro"] == 2 * 2 / (5 + 5)
    assert row["f1_macro_per_code_present"] == pytest.approx((2 / 3 + 0) / 2)
    precision, recall = (1 + 0) / 2, (1 / 2 + 0) / 2
    assert row["f1_macro_caml_present"] == pytest.approx(
        2 * precision * recall / (precision + recall)
    )


def test_a_stratum_without_a_true_code_has_no_f1():
    row = by_frequency(counts([0], [3], [0]), np.array([0]))[5]
    assert row["predicted"] == 3
    assert row["f1_micro"] is row["f1_macro_caml_present"] is None


def test_counts_and_frequencies_of_different_cohorts_are_refused():
    with pytest.raises(ValueError, match="3 codes, but training frequencies of 10"):
        by_frequency(counts([0] * 3, [0] * 3, [0] * 3), FREQUENCY)


def test_the_code_table_keeps_leading_zeros_and_order():
    found = code_table(
        ["038.9", "250.00"], ["x", "y"], counts([1, 0], [2, 0], [1, 3]), FREQUENCY[:2]
    )
    assert found["code"].tolist() == ["038.9", "250.00"]
    assert found["f1"].tolist() == [2 / 3, 0]
    assert found[["precision", "recall"]].to_numpy().tolist() == [[0.5, 1], [0, 0]]


def test_gains_are_ordered_by_what_they_are_worth_over_the_documents():
    a = [table([1.0, 0.6, 0.0], [1, 50, 0]), table([1.0, 0.4, 0.0], [1, 50, 0])]
    b = [table([0.0, 0.4, 1.0], [1, 50, 0])]
    found = compare_codes(a, b)
    assert found["code"].tolist() == ["b", "a"]  # c is in no document
    assert found["f1_a"].tolist() == [0.5, 1.0]
    assert found["weight"].tolist() == pytest.approx([50 * 0.1, 1.0])


def test_tables_of_different_documents_are_not_compared():
    with pytest.raises(ValueError, match="not of the same codes and documents"):
        compare_codes([table([0, 0, 0], [1, 2, 3])], [table([0, 0, 0], [3, 2, 1])])
