"""The noisy-or: its values by hand, what may not change them, and that evidence is their reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logit

from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.coding.coder import Coder
from isd_pipeline.predictors.base import Options
from isd_pipeline.predictors.cooccurrence.noisy_or import NoisyOr, count, greatest_of_columns
from isd_pipeline.predictors.cooccurrence.predictor import NoisyOrConfig, fit
from isd_pipeline.predictors.linear_fit import NEVER_SEEN
from isd_pipeline.predictors.registry import load
from tests.coding.tiny import CODES, bundle_of, notes_of
from tests.predictors.test_artifact import TEXTS, data
from tests.predictors.test_reading_notes import words_of

FEVER, SEPSIS, ALWAYS, NEVER = range(4)
TRAIN = [
    ["fever", "cough", "the"],
    ["fever", "chills", "the"],
    ["sepsis", "chills", "the"],
    ["walk", "the", "the"],
]
GOLD = sparse.csr_matrix([[1, 0, 1, 0], [1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0]])
OPTIONS = Options(seed=1, dev_figures=lambda gold, scores: {})


def counted(words: list[list[str]] = TRAIN, gold: sparse.csr_matrix = GOLD, **more: int) -> NoisyOr:
    told = {"max_ngram": 1, "min_df": 1, "max_features": None, "smoothing": 0.5, "strongest": 3}
    return count(words, gold, **{**told, **more})


def chance(scores: np.ndarray) -> np.ndarray:
    return expit(scores.astype(np.float64))


def test_the_value_by_hand() -> None:
    """Two of four documents have the fever's code, so p = 2/5; and so on."""
    p = 2 / 5
    of_fever, of_chills, of_the = (2 + p / 2) / 2.5, (1 + p / 2) / 2.5, (2 + p / 2) / 4.5
    (scores,) = counted()([["fever", "chills", "the", "fever"]])
    assert chance(scores)[FEVER] == pytest.approx(
        1 - (1 - p) * (1 - of_fever) * (1 - of_chills) * (1 - of_the)
    )
    (one,) = counted(strongest=1)([["fever", "chills", "the", "fever"]])
    assert chance(one)[FEVER] == pytest.approx(1 - (1 - p) * (1 - of_fever))


def test_a_word_that_never_stood_with_a_code_is_no_reason_for_it() -> None:
    (plain, with_walk) = counted()([["fever"], ["fever", "walk"]])
    assert with_walk[FEVER] == plain[FEVER]
    assert with_walk[ALWAYS] > plain[ALWAYS]


def test_words_unseen_in_training_say_nothing() -> None:
    noisy_or = counted(max_ngram=2)
    plain, padded, unknown, empty = noisy_or(
        [["fever", "cough"], ["fever", "cough", "<pad>", "<pad>"], ["x", "y"], []]
    )
    assert np.array_equal(plain, padded)
    assert np.array_equal(unknown, empty)
    assert unknown[:3] == pytest.approx(logit(np.array([2, 2, 4]) / 5), rel=1e-5)


def test_a_code_of_no_training_document_is_never_seen_and_one_of_all_is_not_certain() -> None:
    (scores,) = counted()([["fever", "chills", "the"]])
    assert scores[NEVER] == NEVER_SEEN
    assert np.isfinite(scores[ALWAYS])


def test_neither_the_order_of_documents_nor_of_words_nor_repetition_matters() -> None:
    notes = [["fever", "chills"], ["sepsis", "the", "cough"]]
    expected = counted()(notes)
    order = np.array([2, 0, 3, 1])
    turned = counted([TRAIN[n][::-1] for n in order], GOLD[order])
    assert np.array_equal(turned(notes[::-1]), expected[::-1])
    assert np.array_equal(counted()([[*note[::-1], *note] for note in notes]), expected)
    assert counted()([]).shape == (0, 4)


def test_pairs_of_neighbours_are_words_too() -> None:
    train, gold = [["chest", "pain"], ["pain", "chest"]], sparse.csr_matrix([[1], [0]])
    together, apart = counted(train, gold, max_ngram=2)([["chest", "pain"], ["pain", "chest"]])
    assert together > apart
    assert np.array_equal(*counted(train, gold)([["chest", "pain"], ["pain", "chest"]]))


def test_evidence_is_what_each_word_adds_alone() -> None:
    """A note of one word tells what the word adds to the log of the chance that nothing is it."""
    words = ["fever", "x", "chills", "the", "cough"]
    noisy_or, codes = counted(strongest=9), np.array([SEPSIS, FEVER])
    alone = np.log1p(-chance(noisy_or([[word] for word in words]))[:, codes])
    nothing = np.log1p(-chance(noisy_or([[]]))[:, codes])
    adds = (nothing - alone).T
    found = noisy_or.evidence(words, codes)
    np.testing.assert_allclose(found, adds / adds.sum(axis=1, keepdims=True), atol=1e-6)
    whole = 1 - np.exp(nothing[0] - adds.sum(axis=1))
    np.testing.assert_allclose(chance(noisy_or([words]))[0, codes], whole, rtol=1e-6)


def test_evidence_is_of_the_words_that_counted_and_shared_by_their_places() -> None:
    words = ["fever", "cough", "chills", "fever"]
    (row,) = counted(strongest=1).evidence(words, np.array([FEVER]))
    assert row.tolist() == [0.5, 0, 0, 0.5]
    (pair,) = counted(strongest=1, max_ngram=2).evidence(["sepsis", "chills"], np.array([SEPSIS]))
    assert pair.sum() == pytest.approx(1)
    assert not counted().evidence(words, np.array([NEVER])).any()
    assert counted().evidence([], np.array([FEVER])).shape == (1, 0)


@pytest.mark.parametrize("seed", range(5))
def test_the_greatest_of_columns_as_by_sorting_each(seed: int) -> None:
    draw = np.random.default_rng(seed)
    held = draw.integers(0, 4, (9, 6)) * draw.integers(0, 2, (9, 6))
    expected = np.zeros_like(held)
    for column in range(6):
        first = np.argsort(-held[:, column], kind="stable")[:3]
        expected[first, column] = held[first, column]
    found = greatest_of_columns(sparse.csr_matrix(held), 3)
    assert np.array_equal(found.toarray(), expected)


def test_counts_that_do_not_fit_their_words_are_refused() -> None:
    made = counted()
    told = r"2 n-grams and 4 codes, but counts of 6 n-grams and 4 codes"
    with pytest.raises(ValueError, match=told):
        NoisyOr.of_arrays(made.arrays(), ["a", "b"], smoothing=0.5, strongest=3)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("strongest", 0), ("smoothing", 0), ("max_ngram", 0), ("min_df", 0), ("max_features", 0)],
)
def test_settings_without_sense_are_refused(name: str, wrong: int) -> None:
    with pytest.raises(ValueError, match=f"{name}=0"):
        NoisyOrConfig(**{name: wrong})


def test_what_was_fitted_reads_as_it_scored_and_codes_from_its_bundle(tmp_path: Path) -> None:
    fitted = fit("noisy_or", {"model": NoisyOrConfig(min_df=1)}, data(), OPTIONS)
    assert fitted.scores is not None
    predictor = load(fitted.settings, fitted.weights)
    read = np.stack([predictor.read(words_of(text), False).scores for text in TEXTS])
    assert np.array_equal(read, fitted.scores["test"])
    bundle = bundle_of()
    made = replace(bundle, settings=fitted.settings, weights=fitted.weights, temperature=1.0)
    write_bundle(made, tmp_path / "bundle")
    text = "Acute pneumonia, and a cough"
    (answer,) = Coder.open(tmp_path / "bundle").code(notes_of(text))
    expected = chance(predictor.read(words_of(text), False).scores)
    found = {code.code: code.score for code in answer.codes}
    assert found == pytest.approx(dict(zip(CODES.codes, expected, strict=True)), rel=1e-6)
    first = answer.codes[0]
    shown = {text[span.begin : span.end].lower() for span in first.evidence}
    assert shown <= {"acute pneumonia", "acute", "pneumonia"}
    assert shown
