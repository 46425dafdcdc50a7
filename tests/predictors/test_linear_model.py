"""The kept logistic regression: as the one that was fitted, and which words it points at."""

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.predictors.linear_fit import LinearConfig, linear_svm, logistic_regression
from isd_pipeline.predictors.linear_model import LinearModel
from tests.predictors.test_linear_fit import notes

BY_HAND = LinearModel(
    ("acute", "chest pain", "pain"),
    sparse.csr_matrix(np.array([[0.5, -1.0], [2.0, 0.0], [-0.25, 1.0]])),
    np.array([-1.0, -2.0]),
)


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_kept_scores_as_what_was_fitted(jobs: int) -> None:
    (train, gold), (other, _) = notes(80, 0), notes(40, 1)
    fitted = logistic_regression(train, sparse.csr_matrix(gold), [other], LinearConfig(), jobs)
    assert fitted.model is not None
    assert {"fever", "sepsis", "asthma"} <= set(fitted.model.ngrams)
    assert (abs(fitted.model.weights).max(axis=1).toarray() > 0).all()
    np.testing.assert_allclose(fitted.model(other), fitted.scores[0], rtol=1e-6)
    again = LinearModel.of_arrays(fitted.model.arrays(), fitted.model.ngrams)
    assert np.array_equal(again(other), fitted.model(other))


def test_the_dense_weights_of_a_support_vector_machine_are_not_kept() -> None:
    train, gold = notes(80, 0)
    assert linear_svm(train, sparse.csr_matrix(gold), [], LinearConfig()).model is None


def test_scores_by_hand() -> None:
    found = BY_HAND([["chest", "pain", "chest", "pain"], ["pain", "chest"], [], ["acute"]])
    assert found.tolist() == [[0.75, -1.0], [-1.25, -1.0], [-1.0, -2.0], [-0.5, -3.0]]


def test_evidence_by_hand() -> None:
    """A pair that stands twice shares its weight by four words; what speaks against is none."""
    words = ["acute", "chest", "pain", "or", "chest", "pain"]
    first, second = BY_HAND.evidence(words, np.array([0, 1]))
    assert first.tolist() == pytest.approx([0.2, 0.2, 0.2, 0, 0.2, 0.2])
    assert second.tolist() == pytest.approx([0, 0, 0.5, 0, 0, 0.5])


def test_a_note_without_a_known_word_has_no_evidence() -> None:
    assert not BY_HAND.evidence(["fever"], np.array([0, 1])).any()
    assert BY_HAND.evidence([], np.array([0])).shape == (1, 0)


def test_words_and_weights_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="3 n-grams and 2 codes, but 2 n-grams and 2 biases"):
        LinearModel.of_arrays(BY_HAND.arrays(), ["a", "b"])
