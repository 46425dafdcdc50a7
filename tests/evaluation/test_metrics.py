"""The metrics against values by hand, by CAML's and Edin et al.'s scripts, and by scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import metrics as sk

from isd_pipeline.evaluation import cells, metrics
from isd_pipeline.evaluation.metrics import all_metrics, gold_ranks, per_code, per_code_auc


def logits(*rows: str) -> np.ndarray:
    """Probabilities, as in the published tables, to the scale of the scores: 0.5 becomes 0."""
    p = np.array([[float(cell) for cell in row.split()] for row in rows])
    return np.log(p / (1 - p)).astype(np.float32)


def truth(*rows: str) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.array([[cell == "1" for cell in row] for row in rows]))


VECTORS = {
    "absent code": (
        truth("1010", "1100", "0100"),
        logits(".9 .2 .6 .1", ".4 .8 .7 .3", ".6 .55 .1 .2"),
    ),
    "absent code predicted": (truth("100", "010"), logits(".9 .1 .8", ".2 .7 .1")),
    "rare code missed": (
        truth("11", "10", "10", "10"),
        logits(".9 .3", ".8 .1", ".7 .2", ".6 .05"),
    ),
    "ties": (truth("1001", "0110"), logits(".5 .5 .5 .5", ".3 .7 .7 .3")),
    "document without label": (truth("000", "110"), logits(".6 .1 .2", ".9 .2 .1")),
    "nothing predicted": (truth("10", "01"), logits(".1 .2", ".3 .4")),
    "positive everywhere": (truth("10", "11", "10"), logits(".9 .2", ".8 .6", ".3 .7")),
    "one document, k > L": (truth("101"), logits(".9 .8 .1")),
}

# CAML's macro F1, Edin's, scikit-learn's; micro F1, Edin's; CAML's macro AUC;
# P@1, Edin's; R@2, Edin's (None: the script fails, gives nothing, or breaks a tie arbitrarily).
PUBLISHED = {
    "absent code": (5 / 9, 13 / 18, 13 / 24, 8 / 11, 8 / 11, 2 / 3, 2 / 3, 2 / 3, 5 / 6, 5 / 6),
    "absent code predicted": (2 / 3, 1, 2 / 3, 0.8, 1, 1, 1, 1, 1, 1),
    "rare code missed": (0.5, 0.5, 0.5, 0.888889, 0.888889, 1, 1, 1, 1, 1),
    "ties": (0.5, 0.5, 0.5, 2 / 3, 2 / 3, 1, 1, None, 0.75, 0.75),
    "document without label": (0.222222, 0.5, 0.222222, 0.5, 2 / 3, 1, 0.5, 1, 0.5, 1),
    "nothing predicted": (0, 0, 0, 0, 0, 0.5, 0.5, 0.5, 1, 1),
    "positive everywhere": (0.789474, 0.733333, 0.733333, 0.75, 0.75, 0.5, 2 / 3, 2 / 3, 1, 1),
    "one document, k > L": (1 / 3, 0.5, 1 / 3, 0.5, 2 / 3, None, 1, 1, 0.5, 0.5),
}
OURS = ("f1_macro_caml", "f1_macro_per_code", "f1_micro", "auc_macro", "p_at_1", "r_at_2")
EDINS = ("f1_macro_per_code_present", "f1_micro_present", "p_at_1", "r_at_2")


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors_of_caml_and_scikit_learn(name):
    caml, _, per_code_, micro, _, auc, p, _, r, _ = PUBLISHED[name]
    found = all_metrics(*VECTORS[name], ks=(1, 2))
    assert [found.get(key) for key in OURS] == [
        None if value is None else pytest.approx(value, abs=1e-6)
        for value in (caml, per_code_, micro, auc, p, r)
    ]


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors_of_edin_who_leave_out_documents_without_a_code(name):
    _, macro, _, _, micro, _, _, p, _, r = PUBLISHED[name]
    gold, scores = VECTORS[name]
    labelled = np.flatnonzero(np.diff(gold.indptr))
    found = all_metrics(gold[labelled], scores[labelled], ks=(1, 2))
    for key, value in zip(EDINS, (macro, micro, p, r), strict=True):
        assert value is None or found[key] == pytest.approx(value, abs=1e-6), key


def test_the_absent_code_vector_by_hand():
    counts = per_code(*VECTORS["absent code"])
    assert [count.tolist() for count in counts] == [[1, 2, 1, 0], [2, 2, 2, 0], [2, 2, 1, 0]]
    found = all_metrics(*VECTORS["absent code"])
    assert found["precision_macro_caml"] == 0.5
    assert found["recall_macro_caml"] == 0.625
    assert (found["precision_micro"], found["recall_micro"]) == (4 / 6, 4 / 5)
    assert found["jaccard_macro"] == pytest.approx((1 / 3 + 1 + 1 / 2 + 0) / 4)
    assert found["jaccard_example"] == pytest.approx((1 + 1 / 3 + 1 / 2) / 3)
    assert found["exact_match"] == pytest.approx(1 / 3)
    assert (found["codes_present"], found["f1_macro_caml_ceiling"]) == (3, 0.75)
    assert found["f1_macro_caml_present"] == pytest.approx(2 * (2 / 3) * (5 / 6) / (2 / 3 + 5 / 6))


def test_precision_at_k_past_the_last_code_divides_by_the_number_of_codes():
    assert all_metrics(*VECTORS["one document, k > L"])["p_at_8"] == pytest.approx(2 / 3)


def test_average_precision_and_r_precision_by_hand():
    gold = truth("10010", "01000")
    scores = np.array([[5, 4, 3, 2, 1], [5, 4, 3, 2, 1]], dtype=np.float32)
    found = all_metrics(gold, scores)
    assert found["map"] == pytest.approx(((1 / 1 + 2 / 4) / 2 + 1 / 2) / 2)
    assert found["r_precision"] == pytest.approx((1 / 2 + 0) / 2)


def test_probability_one_half_is_not_predicted():
    found = all_metrics(truth("11"), logits(".5 .500001"))
    assert found["recall_micro"] == 0.5


def test_ties_go_to_the_lower_index():
    scores = np.zeros((1, 4), dtype=np.float32)
    assert gold_ranks(truth("0101"), scores).tolist() == [2, 4]


def test_a_perfect_prediction_reaches_the_ceiling_of_camls_macro_f1():
    gold = truth("1100", "0100")
    found = all_metrics(gold, np.where(gold.toarray(), 1.0, -1.0).astype(np.float32))
    assert found["f1_macro_caml"] == found["f1_macro_caml_ceiling"] == 0.5
    for name in ("f1_micro", "f1_macro_caml_present", "exact_match", "auc_macro", "map"):
        assert found[name] == 1, name


def test_an_empty_gold_row_counts_zero_in_rankings_and_one_if_nothing_is_predicted_for_it():
    gold, quiet = truth("00", "10"), logits(".1 .1", ".9 .1")
    found = all_metrics(gold, quiet)
    assert (found["r_at_5"], found["map"], found["r_precision"]) == (0.5, 0.5, 0.5)
    assert (found["exact_match"], found["jaccard_example"]) == (1, 1)


def test_what_does_not_exist_is_left_out_and_nothing_is_nan():
    everything = all_metrics(truth("11", "11"), logits(".9 .8", ".2 .7"))
    nothing = all_metrics(truth("00", "00"), logits(".9 .8", ".2 .7"))
    for found in (everything, nothing):
        assert "auc_macro" not in found
        assert "auc_micro" not in found
        assert found["auc_codes"] == 0
        assert all(np.isfinite(value) for value in found.values())
        assert all(type(value) is float for value in found.values())


def test_a_score_that_is_not_a_number_is_refused_by_its_place():
    scores = np.zeros((2, 3), dtype=np.float32)
    scores[1, 2] = np.nan
    with pytest.raises(ValueError, match="document 1, code 2: not a number"):
        all_metrics(truth("100", "010"), scores)


def test_shapes_that_differ_and_empty_splits_are_refused():
    with pytest.raises(ValueError, match=r"gold is \(1, 3\) and scores are \(2, 3\)"):
        all_metrics(truth("100"), np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="not empty"):
        all_metrics(sparse.csr_matrix((0, 3), dtype=bool), np.zeros((0, 3), dtype=np.float32))


def test_stored_zeros_repeats_and_unsorted_columns_of_gold_change_nothing():
    gold, scores = VECTORS["absent code"]
    untidy = sparse.csr_matrix(
        ([1, 1, 0, 1, 1, 1, 1], [2, 0, 1, 1, 0, 1, 1], [0, 3, 5, 7]), shape=(3, 4)
    )
    assert all_metrics(untidy, scores) == all_metrics(gold, scores)


matrices = st.tuples(
    st.integers(1, 12), st.integers(1, 9), st.integers(0, 2**31), st.sampled_from([0.1, 0.5, 0.9])
)


def resampled(case: tuple[int, int, int, float], *, ties: bool = True) -> tuple:
    documents, codes, seed, density = case
    random = np.random.default_rng(seed)
    gold = random.random((documents, codes)) < density
    scores = random.normal(size=(documents, codes)).astype(np.float32)
    return sparse.csr_matrix(gold), scores.round(0 if ties else 9)


@settings(deadline=None, max_examples=60)
@given(matrices.filter(lambda case: case[1] > 1), st.sampled_from([-0.5, 0.0, 1.0]))
def test_agrees_with_scikit_learn(case, threshold):
    """Of two codes or more: one column is no multilabel matrix to scikit-learn."""
    gold, scores = resampled(case)
    true, predicted = gold.toarray().astype(int), (scores > threshold).astype(int)
    found = all_metrics(gold, scores, threshold=threshold)
    zero = {"zero_division": 0}
    for average in ("micro", "macro"):
        name = {"micro": "micro", "macro": "macro_per_code"}[average]
        assert found[f"f1_{name}"] == pytest.approx(
            sk.f1_score(true, predicted, average=average, **zero)
        )
    assert found["precision_micro"] == pytest.approx(
        sk.precision_score(true, predicted, average="micro", **zero)
    )
    assert found["precision_macro_caml"] == pytest.approx(
        sk.precision_score(true, predicted, average="macro", **zero)
    )
    assert found["recall_macro_caml"] == pytest.approx(
        sk.recall_score(true, predicted, average="macro", **zero)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert found["jaccard_macro"] == pytest.approx(
            sk.jaccard_score(true, predicted, average="macro", **zero)
        )
        assert found["jaccard_example"] == pytest.approx(
            sk.jaccard_score(true, predicted, average="samples", zero_division=1)
        )
    assert found["exact_match"] == pytest.approx((true == predicted).all(axis=1).mean())


@settings(deadline=None, max_examples=60)
@given(matrices)
def test_areas_agree_with_scikit_learn_ties_included(case):
    gold, scores = resampled(case)
    found, true = all_metrics(gold, scores), gold.toarray()
    some = [code for code in range(true.shape[1]) if 0 < true[:, code].sum() < len(true)]
    areas = [sk.roc_auc_score(true[:, code], scores[:, code]) for code in some]
    assert per_code_auc(gold, scores)[some] == pytest.approx(areas)
    assert found.get("auc_macro") == (pytest.approx(np.mean(areas)) if some else None)
    assert found["auc_codes"] == len(some)
    if 0 < true.sum() < true.size:
        assert found["auc_micro"] == pytest.approx(sk.roc_auc_score(true.ravel(), scores.ravel()))


@settings(deadline=None, max_examples=60)
@given(matrices)
def test_rankings_agree_with_sorting_each_document(case):
    gold, scores = resampled(case)
    found = all_metrics(gold, scores, ks=(1, 3, 20))
    true, order = gold.toarray(), np.argsort(-scores, axis=1, kind="stable")
    hits = np.take_along_axis(true, order, axis=1)
    n_true = np.maximum(true.sum(axis=1), 1)
    for k in (1, 3, 20):
        top = hits[:, :k]
        assert found[f"p_at_{k}"] == pytest.approx(top.mean())
        assert found[f"r_at_{k}"] == pytest.approx((top.sum(axis=1) / n_true).mean())
    precision = hits.cumsum(axis=1) / np.arange(1, hits.shape[1] + 1)
    assert found["map"] == pytest.approx(((precision * hits).sum(axis=1) / n_true).mean())


@settings(deadline=None, max_examples=30)
@given(matrices, st.integers(0, 2**31))
def test_the_order_of_documents_changes_nothing(case, seed):
    gold, scores = resampled(case)
    order = np.random.default_rng(seed).permutation(len(scores))
    assert all_metrics(gold[order], scores[order]) == pytest.approx(all_metrics(gold, scores))


@settings(deadline=None, max_examples=30)
@given(matrices)
def test_the_order_of_codes_changes_nothing_where_scores_do_not_tie(case):
    gold, scores = resampled(case, ties=False)
    backwards = all_metrics(gold[:, ::-1], np.ascontiguousarray(scores[:, ::-1]))
    assert backwards == pytest.approx(all_metrics(gold, scores))


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    gold, scores = resampled((50, 30, 7, 0.1))
    whole = all_metrics(gold, scores)
    monkeypatch.setattr(cells, "BLOCK", 64)
    monkeypatch.setattr(metrics, "BLOCK", 64)
    assert all_metrics(gold, scores) == whole


def test_a_monotone_change_of_scale_and_threshold_changes_nothing():
    gold, scores = resampled((20, 10, 3, 0.2), ties=False)
    probabilities = 1 / (1 + np.exp(-scores.astype(np.float64)))
    assert all_metrics(gold, probabilities, threshold=0.5) == all_metrics(gold, scores)
