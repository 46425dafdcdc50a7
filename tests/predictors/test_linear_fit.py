from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.predictors.linear_fit import (
    NEVER_SEEN,
    FittedLinear,
    LinearConfig,
    linear_svm,
    logistic_regression,
)

BASELINES = pytest.mark.parametrize("fit", [logistic_regression, linear_svm])
Fit = Callable[..., FittedLinear]


def notes(n: int, seed: int) -> tuple[list[list[str]], np.ndarray]:
    """Filler and the word of each code a note has; column 3 is never set, column 4 always."""
    generator = np.random.default_rng(seed)
    gold = np.zeros((n, 5), dtype=bool)
    gold[:, :3] = generator.random((n, 3)) < 0.4
    gold[:, 4] = True
    names = ["fever", "sepsis", "asthma"]
    return [
        [str(word) for word in generator.choice(["the", "was", "given", "tid"], 12)]
        + [name for name, has in zip(names, row, strict=False) if has]
        for row in gold
    ], gold


def scores_of(fit: Fit, jobs: int = 1, **settings: object) -> tuple[np.ndarray, np.ndarray]:
    (train, gold), (other, truth) = notes(80, 0), notes(40, 1)
    config = LinearConfig(**settings)
    (scores,) = fit(iter(train), sparse.csr_matrix(gold), [iter(other)], config, jobs).scores
    return scores, truth


@BASELINES
def test_a_word_that_names_a_code_is_found(fit: Fit):
    scores, truth = scores_of(fit)
    assert (scores.shape, scores.dtype) == ((40, 5), np.float32)
    assert np.array_equal(scores[:, :3] > 0, truth[:, :3])


@BASELINES
def test_a_code_that_no_training_note_has_scores_below_every_other(fit: Fit):
    scores, _ = scores_of(fit)
    assert set(scores[:, 3].tolist()) == {NEVER_SEEN}
    assert scores[:, [0, 1, 2, 4]].min() > NEVER_SEEN


@BASELINES
def test_a_code_that_all_training_notes_have_scores_its_log_odds(fit: Fit):
    scores, _ = scores_of(fit)
    np.testing.assert_allclose(scores[:, 4], np.log(80.5 / 0.5), rtol=1e-6)


@BASELINES
def test_scores_do_not_depend_on_the_number_of_jobs(fit: Fit):
    one, two = (scores_of(fit, jobs=jobs)[0] for jobs in (1, 2))
    assert np.array_equal(one, two)


@BASELINES
def test_processes_share_a_matrix_of_megabytes(fit: Fit):
    """Which joblib would map from disk, read-only, if it were let."""
    generator = np.random.default_rng(0)
    train = [[f"w{n}" for n in generator.integers(0, 400, 900)] for _ in range(300)]
    gold = np.zeros((300, 40), dtype=bool)
    gold[:, [0, 39]] = generator.random((300, 2)) < 0.5
    config = LinearConfig()
    (scores,) = fit(train, sparse.csr_matrix(gold), [train[:3]], config, jobs=2).scores
    assert scores.shape == (3, 40)


@BASELINES
def test_every_set_gets_its_scores(fit: Fit):
    (train, gold), (dev, _), (test, _) = notes(80, 0), notes(7, 1), notes(9, 2)
    config = LinearConfig()
    both = fit(train, sparse.csr_matrix(gold), [dev, test], config).scores
    assert [one.shape for one in both] == [(7, 5), (9, 5)]
    (alone,) = fit(train, sparse.csr_matrix(gold), [test], config).scores
    assert np.array_equal(both[1], alone)


def test_tokens_are_taken_as_they_are():
    """A pair of neighbours decides, and one letter or an underscore is a word."""
    train = [["no", "x"], ["x", "no"], ["___", "x"]] * 6
    gold = sparse.csr_matrix(np.array([[True], [False], [False]] * 6))
    other = [["no", "x"], ["x", "no"], ["x"], ["___"]]
    (scores,) = logistic_regression(train, gold, [other], LinearConfig(cost=100.0)).scores
    assert (scores[:, 0] > 0).tolist() == [True, False, False, False]


def test_words_and_pairs_count_once_however_often_they_occur():
    train = [["fever"], ["cough"]] * 6
    gold = sparse.csr_matrix(np.array([[True], [False]] * 6))
    other = [["fever"], ["fever", "cold", "fever"]]
    (scores,) = logistic_regression(train, gold, [other], LinearConfig()).scores
    assert scores[0, 0] == scores[1, 0]


def test_documents_and_codes_of_different_number_are_refused():
    with pytest.raises(ValueError, match="2 training documents, but codes for 3"):
        logistic_regression(
            [["a", "b"]] * 2, sparse.csr_matrix((3, 1), dtype=bool), [], LinearConfig()
        )


@pytest.mark.parametrize(
    "wrong", [{"cost": 0}, {"max_ngram": 0}, {"min_df": 0}, {"max_features": 0}]
)
def test_settings_that_cannot_be_meant_are_refused(wrong: dict[str, int]):
    with pytest.raises(ValueError, match="must be above 0"):
        LinearConfig(**wrong)


@pytest.mark.parametrize("note", [[], ["unknown"], ["the"], ["paciente"], ["the"] * 9])
def test_a_note_without_evidence_gets_no_code_but_what_most_notes_have(note: list[str]):
    """Thirty codes that a few notes have, one that most have; notes of a word, or of none."""
    generator = np.random.default_rng(0)
    gold = generator.random((300, 31)) < np.append(np.linspace(0.01, 0.45, 30), 0.8)
    train = [
        [str(word) for word in generator.choice(["the", "was", "given", "tid"], 30)]
        + [f"sign{code}" for code in np.flatnonzero(row) if generator.random() < 0.9]
        for row in gold
    ]
    given = sparse.csr_matrix(gold)
    (scores,) = logistic_regression(train, given, [[note]], LinearConfig()).scores
    assert (scores[0, :30] < 0).all()
    prior = np.log(gold.mean(axis=0) / (1 - gold.mean(axis=0)))
    assert (scores[0] <= prior + 1e-6).all()


@pytest.mark.parametrize("positive", [0, 1, 2, 39, 40])
def test_the_scores_of_a_code_that_hardly_any_or_nearly_all_notes_have_are_finite(positive: int):
    train = [["filler", f"word{n // 2}", "last" if n < positive else "other"] for n in range(40)]
    gold = sparse.csr_matrix((np.arange(40) < positive)[:, None])
    for cost in (0.01, 1.0, 1000.0):
        (scores,) = logistic_regression(train, gold, [train], LinearConfig(cost=cost)).scores
        assert np.isfinite(scores).all()
        assert positive == 0 or np.abs(scores).max() < 20
