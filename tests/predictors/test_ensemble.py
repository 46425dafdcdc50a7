"""Weighing scores: what it learns, what it may not see, what it refuses."""

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.predictors.description_match import DescriptionMatch, Match
from isd_pipeline.predictors.ensemble import (
    LEAST,
    Ensemble,
    EnsembleConfig,
    Weights,
    _fit,
    _sample,
    cross_fit,
    features,
)
from isd_pipeline.predictors.linear_fit import NEVER_SEEN

DOCUMENTS, CODES = 120, 6
CONFIG = EnsembleConfig(base_models=("good", "noise"))


@pytest.fixture(scope="module")
def made() -> tuple[np.ndarray, sparse.csr_matrix, np.ndarray]:
    """Truth, and two systems: one that knows it roughly, one that knows nothing."""
    draw = np.random.default_rng(0)
    gold = draw.random((DOCUMENTS, CODES)) < 0.3
    good = (2.0 * gold - 1 + draw.normal(0, 0.5, gold.shape)).astype(np.float32)
    noise = draw.normal(0, 3, gold.shape).astype(np.float32)
    return features([good, noise], None, np.ones(CODES)), sparse.csr_matrix(gold), good


def test_features_are_the_scores_and_what_is_known_of_the_name_and_the_code() -> None:
    scores = np.array([[NEVER_SEEN, 0.5]], dtype=np.float32)
    near = np.array([[0.5, 1.0]], dtype=np.float32)
    found = features([scores], Match(near, near, 2 * near), np.array([0.0, 3.0]))
    often = np.log([0.5, 3.5])
    first = [LEAST, 1.0, 0.5, 0.5, 1.0, 0.0625, 0.5 * often[0], often[0]]
    assert found.shape == (1, 2, 8)
    assert found.dtype == np.float32
    assert found[0, 0] == pytest.approx(first, rel=1e-6)
    assert found[0, 1, 1] == 0
    assert found[0, 1, 0] == 0.5


def test_what_knows_the_truth_is_believed_and_noise_is_not(made: tuple) -> None:
    x, gold, good = made
    dev, weights = cross_fit(x, gold, CONFIG, seed=1)
    test = weights.score(x[:20])
    truth = gold.toarray()
    assert dev.shape == (DOCUMENTS, CODES)
    assert test.shape == (20, CODES)
    for scores in (dev, test):
        where = truth[: len(scores)]
        assert ((scores > 0) == where).mean() > 0.95
        assert np.corrcoef(scores.ravel(), good[: len(scores)].ravel())[0, 1] > 0.99


def test_a_document_of_dev_is_scored_without_its_own_codes(made: tuple) -> None:
    x, gold, _ = made
    before, _ = cross_fit(x, gold, CONFIG, seed=1)
    changed = gold.toarray()
    changed[7] = ~changed[7]
    after, _ = cross_fit(x, sparse.csr_matrix(changed), CONFIG, seed=1)
    assert np.array_equal(before[7], after[7])
    assert not np.array_equal(before, after)


def test_a_sample_of_the_pairs_keeps_every_true_one_and_the_total(made: tuple) -> None:
    x, gold, _ = made
    truth = gold.toarray().astype(bool)
    pairs, weights = _sample(truth.ravel(), 400, seed=1)
    assert set(np.flatnonzero(truth)) <= set(pairs)
    assert len(pairs) == 400
    assert weights.sum() == pytest.approx(truth.size)
    whole = _fit(x, truth, CONFIG, 1).score(x)
    some = _fit(x, truth, EnsembleConfig(base_models=("a", "b"), pairs=400), 1).score(x)
    assert np.corrcoef(whole.ravel(), some.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_models": ("a", "a")},
        {"base_models": (), "descriptions": False},
        {"base_models": ("a",), "folds": 1},
        {"base_models": ("a",), "cost": 0},
        {"base_models": ("a",), "pairs": 0},
    ],
)
def test_settings_without_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="="):
        EnsembleConfig(**wrong)


def test_fewer_documents_than_folds_are_scored_each_by_a_fit_of_the_others(
    made: tuple, caplog: pytest.LogCaptureFixture
) -> None:
    x, gold, _ = made
    crossed, weights = cross_fit(x[:3], gold[:3], CONFIG, seed=1)
    assert "folds=5, but the dev split has 3 documents" in caplog.text
    assert crossed.shape == (3, x.shape[1])
    others = [0, 2]
    alone = _fit(x[others], gold[others].toarray().astype(bool), CONFIG, 1)
    np.testing.assert_array_equal(crossed[1], alone.score(x[1:2])[0])
    assert np.isfinite(weights.score(x)).all()


def test_one_document_of_dev_is_refused(made: tuple) -> None:
    x, gold, _ = made
    with pytest.raises(ValueError, match="the dev split has 1 document; an ensemble"):
        cross_fit(x[:1], gold[:1], CONFIG, seed=1)


@pytest.mark.parametrize("alike", [True, False])
def test_where_every_pair_is_alike_no_source_is_weighed(
    made: tuple, alike: bool, caplog: pytest.LogCaptureFixture
) -> None:
    x, _, _ = made
    gold = sparse.csr_matrix(np.full(x.shape[:2], alike))
    crossed, weights = cross_fit(x, gold, CONFIG, seed=1)
    assert f"{'each' if alike else 'none'} is true" in caplog.text
    assert not weights.weights.any()
    surely = np.log((x.shape[0] * x.shape[1] + 0.5) / 0.5)
    expected = surely if alike else -surely
    np.testing.assert_allclose(weights.score(x), expected, rtol=1e-6)
    assert np.isfinite(crossed).all()


def test_weights_score_as_the_library_that_fitted_them(made: tuple) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, gold, _ = made
    truth, pairs = gold.toarray().astype(bool), x.reshape(-1, x.shape[-1]).astype(float)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    expected = model.fit(pairs, truth.ravel()).decision_function(pairs)
    found = _fit(x, truth, CONFIG, 1).score(x)
    np.testing.assert_allclose(found.ravel(), expected, rtol=1e-4, atol=1e-5)


@pytest.fixture
def small() -> Ensemble:
    """Two base models and descriptions of two codes; weights and means are its own numbers."""
    match = DescriptionMatch.of_names([["Fever"], ["Sepsis"]], [["x"]], str)
    weights = Weights(np.linspace(-1, 1, 10), np.linspace(0, 0.9, 10), 0.25)
    return Ensemble(("a", "b"), weights, np.array([3.0, 0.0]), match)


SCORES = {
    "a": np.array([[1.5, NEVER_SEEN]], dtype=np.float32),
    "b": np.array([[-2.0, 0.5]], dtype=np.float32),
}


def test_sources_add_up_to_the_score_less_one_number_for_all(small: Ensemble) -> None:
    x = small.features(SCORES, [["fever", "x"]])
    found = small.sources(x[0], np.array([1, 0]))
    assert list(found) == ["a", "b", "descriptions", "frequency"]
    same = small.weights.bias + small.weights.weights @ small.weights.means
    scores = small.weights.score(x)[0, [1, 0]]
    assert sum(found.values()) + same == pytest.approx(scores, abs=1e-5)
    of_a = (x[0, 1, [0, 2]] - small.weights.means[[0, 2]]) @ small.weights.weights[[0, 2]]
    assert found["a"][0] == pytest.approx(of_a, abs=1e-5)


def test_what_is_kept_scores_as_before(small: Ensemble) -> None:
    assert small.match is not None
    stems = small.match.stems
    again = Ensemble.of_arrays(small.arrays(), small.base_models, stems, str)
    first, second = (one.features(SCORES, [["fever", "x"]]) for one in (small, again))
    assert np.array_equal(first, second)
    assert np.array_equal(small.weights.score(first), again.weights.score(second))
    with pytest.raises(ValueError, match="10 weights do not fit 1 base models"):
        Ensemble.of_arrays(small.arrays(), ["a"], stems, str)
    with pytest.raises(ValueError, match="10 weights do not fit 2 base models"):
        Ensemble.of_arrays(small.arrays(), ["a", "b"], None, str)
