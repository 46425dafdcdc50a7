"""Metrics within groups: every code and document in one stratum, every number countable by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from isd_pipeline.data.custom.tree import CustomTree
from isd_pipeline.evaluation.metrics import CodeCounts, all_metrics, per_code
from isd_pipeline.evaluation.strata import (
    CODES_OF_DOCUMENT,
    FREQUENCIES,
    LENGTHS,
    all_strata,
    chapters_of,
    code_table,
    compare_codes,
    groups_of_codes,
    groups_of_documents,
    revision_of,
    within_codes,
    within_documents,
)

FREQUENCY = np.array([501, 500, 101, 100, 51, 50, 11, 10, 1, 0])


def counts(tp: list[int], predicted: list[int], true: list[int]) -> CodeCounts:
    return CodeCounts(np.array(tp), np.array(predicted), np.array(true))


def table(f1: list[float], gold: list[int]) -> pd.DataFrame:
    return pd.DataFrame(
        {"code": ["a", "b", "c"], "title": ["A", "B", "C"], "train": 1, "gold": gold, "f1": f1}
    )


def by_frequency(counts: CodeCounts, frequency: np.ndarray) -> list[dict]:
    n = len(frequency)
    return within_codes(
        counts, groups_of_codes(frequency, ["1"] * n, ["diagnosis"] * n)["frequency"]
    )


def by_chapter(counts: CodeCounts, codes, systems, own=None) -> list[dict]:
    return within_codes(counts, groups_of_codes(FREQUENCY, codes, systems, own)["chapter"])


def by_system(counts: CodeCounts, systems) -> list[dict]:
    return within_codes(counts, groups_of_codes(FREQUENCY, ["1"] * len(systems), systems)["system"])


def by_length(gold, scores, lengths, **asked) -> list[dict]:
    return within_documents(gold, scores, groups_of_documents(gold, lengths)["length"], **asked)


def by_number_of_codes(gold, scores, **asked) -> list[dict]:
    groups = groups_of_documents(gold, np.zeros(gold.shape[0]))["number_of_codes"]
    return within_documents(gold, scores, groups, **asked)


def split() -> tuple[sparse.csr_matrix, np.ndarray]:
    random = np.random.default_rng(2)
    gold = random.random((8, 6)) < 0.4
    return sparse.csr_matrix(gold), (random.normal(size=gold.shape) + gold).astype(np.float32)


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
    with pytest.raises(ValueError, match="3 codes, but the group >500 of 10"):
        by_frequency(counts([0] * 3, [0] * 3, [0] * 3), FREQUENCY)


@pytest.mark.parametrize("bounds", [FREQUENCIES, LENGTHS, CODES_OF_DOCUMENT])
def test_every_number_is_in_one_stratum(bounds):
    for number in [*range(4100), 10**6]:
        assert sum(fewest <= number <= most for _, fewest, most in bounds) == 1


def test_codes_are_in_the_chapter_of_their_revision_and_diagnoses_come_first():
    codes = ["00.66", "038.9", "401.9", "428.0", "E878.8", "V30.01", "x"]
    systems = ["procedure", *["diagnosis"] * 6]
    rows = by_chapter(counts([1] * 7, [1] * 7, [1] * 7), codes, systems)
    assert [(row["stratum"], row["codes"]) for row in rows] == [
        ("001-139 infectious", 1),
        ("390-459 circulatory", 2),
        ("E000-E999 external causes", 1),
        ("V01-V91 supplementary", 1),
        ("unknown", 1),
        ("00 procedures not elsewhere classified", 1),
    ]


def test_e_codes_and_v_codes_of_icd_10_are_no_longer_supplements():
    codes, systems = ["0016070", "E11.9", "V43.52XA"], ["procedure", "diagnosis", "diagnosis"]
    rows = by_chapter(counts([1] * 3, [1] * 3, [1] * 3), codes, systems)
    assert [row["stratum"] for row in rows] == [
        "E00-E89 endocrine",
        "V00-Y99 external causes",
        "0 medical and surgical",
    ]


def test_codes_of_a_users_own_system_are_in_the_chapter_that_is_topmost_in_the_table():
    own = CustomTree(
        (
            ("1", "", "Heart"),
            ("10", "1", "Valves"),
            ("101", "10", "Mitral valve"),
            ("2", "", ""),
            ("21", "2", "Cough"),
            ("401", "", "Alone"),
        )
    )
    codes = ["1", "101", "21", "33.1", "401"]
    systems = [*["diagnosis"] * 3, "procedure", "diagnosis"]
    rows = by_chapter(counts([1] * 5, [1] * 5, [1] * 5), codes, systems, own)
    assert [(row["stratum"], row["codes"]) for row in rows] == [
        ("1 Heart", 2),  # one that stands above others is in its own chapter
        ("2", 1),
        ("below nothing", 1),
        ("30-34 respiratory", 1),  # of ICD-9, beside the user's own
    ]


def test_numbers_of_a_users_own_system_without_parents_are_in_no_chapter():
    own = CustomTree((("401", "", "Form"), ("5021", "", "")))
    assert (
        by_chapter(counts([1] * 2, [1] * 2, [1] * 2), ["401", "5021"], ["diagnosis"] * 2, own) == []
    )


def test_procedures_alone_are_of_icd_9_if_they_have_dots():
    assert chapters_of(["39.61", "66"], ["procedure"] * 2) == {
        "35-39 cardiovascular": [0],
        "65-71 female genital": [1],
    }
    assert chapters_of(["0DQB", "BW03ZZZ"], ["procedure"] * 2) == {
        "0 medical and surgical": [0],
        "B imaging": [1],
    }


def test_diagnoses_and_procedures_by_hand():
    systems = ["diagnosis", "procedure", "procedure"]
    rows = by_system(counts([2, 1, 0], [2, 2, 0], [4, 1, 3]), systems)
    assert [(row["stratum"], row["codes"], row["gold"]) for row in rows] == [
        ("diagnosis", 1, 4),
        ("procedure", 2, 4),
    ]
    assert [row["f1_micro"] for row in rows] == [2 * 2 / (2 + 4), 2 * 1 / (2 + 4)]


def test_all_codes_in_one_group_have_the_metrics_of_the_whole():
    gold, scores = split()
    [row] = within_codes(per_code(gold, scores), {"all": np.ones(6, dtype=bool)})
    whole = all_metrics(gold, scores)
    for name in ("f1_micro", "f1_macro_caml_present", "f1_macro_per_code_present"):
        assert row[name] == whole[name]


def test_a_group_of_documents_is_measured_as_if_there_were_no_others():
    gold, scores = split()
    lengths = np.array([10, 499, 500, 999, 1500, 3999, 4000, 9000])
    rows = by_length(gold, scores, lengths, threshold=0.3, k=2)
    assert [(row["stratum"], row["documents"]) for row in rows] == [
        ("<500", 2),
        ("500-999", 2),
        ("1,000-1,999", 1),
        ("2,000-3,999", 1),
        ("4,000+", 2),
    ]
    alone = all_metrics(gold[2:4], scores[2:4], threshold=0.3, ks=(2,))
    for name in ("f1_micro", "f1_macro_per_code_present", "p_at_2", "predicted_per_document"):
        assert rows[1][name] == alone[name], name


def test_documents_by_their_number_of_codes_by_hand():
    """One document without a code, one with 1 of which nothing is found, one with 5, all found."""
    gold = np.zeros((3, 6), dtype=bool)
    gold[1, 0], gold[2, :5] = True, True
    scores = np.where(gold, 1.0, -1.0)
    scores[1] = [-1, 1, -1, -1, -1, -1]
    rows = {row["stratum"]: row for row in by_number_of_codes(sparse.csr_matrix(gold), scores, k=5)}
    assert [row["documents"] for row in rows.values()] == [1, 1, 1, 0, 0, 0]
    assert (rows["1-4"]["f1_micro"], rows["5-9"]["f1_micro"]) == (0, 1)
    assert (rows["1-4"]["p_at_5"], rows["5-9"]["p_at_5"]) == (1 / 5, 1)
    assert rows["none"]["f1_micro"] is rows["20+"]["p_at_5"] is None


def test_groups_of_documents_may_be_of_any_kind():
    gold, scores = split()
    rows = within_documents(gold, scores, {"odd": np.arange(8) % 2 == 1}, k=1)
    assert rows[0]["f1_micro"] == all_metrics(gold[1::2], scores[1::2])["f1_micro"]


def test_systems_and_chapters_of_another_cohort_are_refused():
    with pytest.raises(ValueError, match="3 codes, but the group diagnosis of 1"):
        by_system(counts([0] * 3, [0] * 3, [0] * 3), ["diagnosis"])
    with pytest.raises(ValueError, match=r"3 codes, but the group .* of 1:"):
        by_chapter(counts([0] * 3, [0] * 3, [0] * 3), ["401.9"], ["diagnosis"])


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


def test_a_run_has_every_kind_of_strata_and_each_counts_all_that_there_is():
    gold, scores = split()
    found = all_strata(
        gold,
        scores,
        threshold=0.5,
        train_frequency=np.array([600, 200, 60, 20, 5, 0]),
        codes=["250.00", "401.9", "39.61", "V10.3", "E880.9", "99.04"],
        systems=["diagnosis", "diagnosis", "procedure", "diagnosis", "diagnosis", "procedure"],
        lengths=np.arange(8) * 700,
    )
    assert set(found) == {"frequency", "chapter", "system", "length", "number_of_codes"}
    for kind in ("frequency", "chapter", "system"):
        assert sum(row["codes"] for row in found[kind]) == 6
        assert sum(row["gold"] for row in found[kind]) == gold.nnz
    for kind in ("length", "number_of_codes"):
        assert sum(row["documents"] for row in found[kind]) == 8
    assert "unknown" not in [row["stratum"] for row in found["chapter"]]


@pytest.mark.parametrize(
    ("codes", "revision"),
    [
        (["250.00", "401.9", "V10.3", "E880.9"], "icd9"),
        (["A41.9", "E11.9", "V10.3"], "icd10"),
        (["U07.1"], "icd10"),
    ],
)
def test_the_revision_is_seen_in_the_diagnoses(codes: list[str], revision: str):
    assert revision_of(codes, ["diagnosis"] * len(codes)) == revision
    assert revision_of(["0016070", *codes], ["procedure"] + ["diagnosis"] * len(codes)) == revision
