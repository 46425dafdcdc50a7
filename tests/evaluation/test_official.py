"""CodiEsp's and CANTEMIST's figures against values by hand and a slow reading of their rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isd_pipeline.evaluation.official import (
    NAMES,
    official_figures,
    official_metrics,
    official_predictions,
    tune_official_threshold,
    with_official,
)
from isd_pipeline.evaluation.resampling import bootstrap_run
from isd_pipeline.evaluation.thresholds import tune_threshold

CODES = ("A00", "B00", "C00", "D00", "E00")
ALL = np.ones(5, dtype=bool)
SCORES = np.array([[5, 4, 3, 2, 1], [1, 2, 3, 4, 5]], dtype=np.float32)


def truth(*rows: str) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.array([[cell == "1" for cell in row] for row in rows]))


def figures(*given, threshold: float = 2.5, **more) -> list[float]:
    """MAP, F1, precision, recall."""
    return list(official_metrics(*given, threshold=threshold, **more).values())


def test_by_hand_where_every_code_is_known():
    """Ranks 1 and 4 of two gold codes, rank 2 of one; three codes given to each document."""
    expected = [((1 / 1 + 2 / 4) / 2 + 1 / 2) / 2, 2 * 2 / (6 + 3), 2 / 6, 2 / 3]
    assert figures(truth("10010", "00010"), SCORES, ALL) == pytest.approx(expected)


def test_an_unknown_code_takes_no_place_in_the_list_and_its_gold_is_a_miss():
    """Of the first list A is gone: D moves up to rank 3, of the two gold codes only D can count."""
    known = np.array([False, True, True, True, True])
    expected = [((1 / 3) / 2 + 1 / 2) / 2, 2 * 1 / (5 + 3), 1 / 5, 1 / 3]
    assert figures(truth("10010", "00010"), SCORES, known) == pytest.approx(expected)


def test_nothing_given_and_nothing_that_could_be():
    """No code above the threshold; the ranking is there all the same. No gold code is known."""
    assert figures(truth("10000", "00001"), SCORES, ALL, threshold=9.0) == [1, 0, 0, 0]
    only_c = np.array([False, False, True, False, False])
    assert figures(truth("10000", "00001"), SCORES, only_c) == [0, 0, 0, 0]


def test_ties_go_to_the_lower_index_of_the_known_codes():
    level = np.zeros((1, 5), dtype=np.float32)
    known = np.array([False, True, True, True, True])
    assert figures(truth("00010"), level, known)[0] == pytest.approx(1 / 3)


def test_a_list_is_read_to_its_depth():
    gold = truth("10010")
    assert figures(gold, SCORES[:1], ALL, depth=4)[0] == pytest.approx((1 + 2 / 4) / 2)
    assert figures(gold, SCORES[:1], ALL, depth=3)[0] == pytest.approx((1 + 0) / 2)


def test_a_document_without_a_gold_code_and_a_mask_of_another_length_are_refused():
    with pytest.raises(ValueError, match="document 1 of 2 has no gold code"):
        figures(truth("10000", "00000"), SCORES, ALL)
    with pytest.raises(ValueError, match=r"known is \(4,\) with 4 codes"):
        figures(truth("10000", "00010"), SCORES, ALL[:4])
    with pytest.raises(ValueError, match=r"known is \(5,\) with 0 codes"):
        figures(truth("10000", "00010"), SCORES, ~ALL)


def test_misses_of_unknown_codes_move_the_best_threshold():
    """Known gold at 5 and 2, wrong cells at 4 and 3: cut above 4 or above 1?

    With two gold codes F1 is 2/3 at 5 and 4/6 at 2: level, and the higher cut wins. Three misses
    more make it 2/6 against 4/9: each right cell is now worth more, and the lower cut wins.
    """
    gold, scores = truth("10010"), SCORES[:1]
    assert tune_official_threshold(gold, scores, ALL) == 4.5 == tune_threshold(gold, scores)
    row = np.full((1, 3), 9, dtype=np.float32)
    more = sparse.csr_matrix(np.hstack([gold.toarray(), [[True] * 3]]))
    known = np.array([True] * 5 + [False] * 3)
    assert tune_official_threshold(more, np.hstack([scores, row]), known) == 1.5


def test_without_metastasis_is_the_same_run_with_that_code_taken_out():
    """By hand: 8000/6 leads both lists, and the second document has nothing else."""
    codes, gold = ("8000/3", "8000/6", "8140/3"), truth("110", "010")
    scores = np.array([[1, 3, 2], [1, 3, 2]], dtype=np.float32)
    found = official_figures(
        gold, scores, ALL[:3], threshold=1.5, codes=codes, task="cantemist_coding"
    )
    assert found["official_map"] == pytest.approx(((1 + 2 / 3) / 2 + 1) / 2)
    assert found["official_map_without_metastasis"] == pytest.approx(1 / 2)
    assert found["official_f1_without_metastasis"] == 0
    assert found["official_threshold"] == 1.5
    of_codiesp = official_figures(
        gold, scores, ALL[:3], threshold=1.5, codes=codes, task="codiesp_diagnoses"
    )
    assert of_codiesp.keys() == {*NAMES, "official_threshold"}


cases = st.tuples(
    st.integers(1, 8), st.integers(1, 9), st.integers(0, 2**31), st.sampled_from([0.1, 0.4])
)


def drawn(case: tuple[int, int, int, float]) -> tuple:
    """Gold with a code in each document, scores with ties, and some codes that train lacks."""
    documents, codes, seed, density = case
    random = np.random.default_rng(seed)
    gold = random.random((documents, codes)) < density
    gold[np.arange(documents), random.integers(codes, size=documents)] = True
    known = random.random(codes) < 0.7
    known[random.integers(codes)] = True
    scores = random.normal(size=(documents, codes)).round(1).astype(np.float32)
    return sparse.csr_matrix(gold), scores, known


def scored(
    gold: dict[str, set[str]], lists: dict[str, list[str]], valid: set[str], depth: int
) -> float:
    """MAP of ranked lists of codes, as the tasks describe it."""
    precisions = []
    for document, true in gold.items():
        read: list[str] = []
        for code in lists.get(document, []):
            if code.lower() in valid and code.lower() not in read:
                read.append(code.lower())
        total, found = 0.0, 0
        for rank, code in enumerate(read[:depth], start=1):
            if code in true:
                found += 1
                total += found / rank
        precisions.append(total / len(true))
    return sum(precisions) / len(precisions)


def pooled(gold: dict[str, set[str]], given: dict[str, list[str]], valid: set[str]) -> list[float]:
    """Micro F1, precision and recall of all pairs of a document and a code."""
    true = {(document, code) for document, codes in gold.items() for code in codes}
    said = {(document, code.lower()) for document, codes in given.items() for code in codes}
    said = {(document, code) for document, code in said if code in valid}
    right = len(true & said)
    precision, recall = right / len(said) if said else 0.0, right / len(true)
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return [f1, precision, recall]


def as_lists(gold, scores, known) -> tuple[dict, dict, dict, set]:
    """A system's files: gold codes in small letters, lists in capitals, codes given twice.

    The system puts unknown codes into its lists as well: it is the scorer that drops them.
    """
    names = [f"X{code:02}" for code in range(gold.shape[1])]
    true, lists, given = {}, {}, {}
    for row in range(gold.shape[0]):
        document, line = f"case{row}", scores[row].tolist()
        true[document] = {names[code].lower() for code in gold.toarray()[row].nonzero()[0]}
        order = sorted(range(len(names)), key=lambda code: (-line[code], code))
        lists[document] = [names[code] for code in order for _ in range(1 + code % 2)]
        given[document] = [names[code] for code in order if line[code] > 0.25]
    valid = {name.lower() for name, there in zip(names, known, strict=True) if there}
    return true, lists, given, valid


@settings(deadline=None, max_examples=150)
@given(cases, st.sampled_from([2, 1000]))
def test_agrees_with_a_slow_reading_of_the_rules(case, depth):
    gold, scores, known = drawn(case)
    true, lists, given, valid = as_lists(gold, scores, known)
    expected = [scored(true, lists, valid, depth), *pooled(true, given, valid)]
    assert figures(gold, scores, known, threshold=0.25, depth=depth) == pytest.approx(expected)


@settings(deadline=None, max_examples=100)
@given(cases)
def test_no_other_threshold_gives_a_better_f1(case):
    gold, scores, known = drawn(case)
    if not gold[:, np.flatnonzero(known)].nnz:
        with pytest.raises(ValueError, match="no threshold can be tuned"):
            tune_official_threshold(gold, scores, known)
        return
    tuned = tune_official_threshold(gold, scores, known)
    best = max(
        official_metrics(gold, scores, known, threshold=value)["official_f1"]
        for value in [*(np.unique(scores) - 0.05), 9.0]
    )
    found = official_metrics(gold, scores, known, threshold=tuned)["official_f1"]
    assert found == pytest.approx(best)


def test_where_every_code_is_known_map_is_that_of_the_usual_metrics():
    gold, scores, _ = drawn((8, 9, 3, 0.4))
    every = np.ones(9, dtype=bool)
    usual = bootstrap_run(gold, scores, tuned=0.25, replicates=5)
    found = with_official(usual, official_predictions(gold, scores, every, threshold=0.25))
    assert found.observed["official_map"] == pytest.approx(usual.observed["map"])
    assert found.observed["official_f1"] == pytest.approx(usual.observed["f1_micro_tuned"])


def test_a_replicate_is_the_figure_of_the_documents_drawn():
    gold, scores, known = drawn((8, 9, 7, 0.4))
    run = official_predictions(gold, scores, known, threshold=0.25)
    times = np.array([[2, 0, 1, 0, 1, 3, 0, 1]], dtype=np.int32)
    rows = np.repeat(np.arange(8), times[0])
    expected = official_metrics(gold[rows], scores[rows], known, threshold=0.25)
    weighted = run.metrics(times)
    for called, name in NAMES.items():
        assert weighted[name][0] == pytest.approx(expected[called]), called
