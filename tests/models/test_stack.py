"""Weighing scores: what it learns, what it may not see, what it refuses."""

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.models.simple import NEVER_SEEN
from isd_pipeline.models.stack import LEAST, StackConfig, _fit, _sample, _score, features, stack
from isd_pipeline.models.title_match import Match

DOCUMENTS, CODES = 120, 6
CONFIG = StackConfig(members=("good", "noise"))


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
    dev, test = stack(x, gold, x[:20], CONFIG, seed=1)
    truth = gold.toarray()
    assert dev.shape == (DOCUMENTS, CODES)
    assert test.shape == (20, CODES)
    for scores in (dev, test):
        where = truth[: len(scores)]
        assert ((scores > 0) == where).mean() > 0.95
        assert np.corrcoef(scores.ravel(), good[: len(scores)].ravel())[0, 1] > 0.99


def test_a_document_of_dev_is_scored_without_its_own_codes(made: tuple) -> None:
    x, gold, _ = made
    before, _ = stack(x, gold, x[:1], CONFIG, seed=1)
    changed = gold.toarray()
    changed[7] = ~changed[7]
    after, _ = stack(x, sparse.csr_matrix(changed), x[:1], CONFIG, seed=1)
    assert np.array_equal(before[7], after[7])
    assert not np.array_equal(before, after)


def test_a_sample_of_the_pairs_keeps_every_true_one_and_the_total(made: tuple) -> None:
    x, gold, _ = made
    truth = gold.toarray().astype(bool)
    pairs, weights = _sample(truth.ravel(), 400, seed=1)
    assert set(np.flatnonzero(truth)) <= set(pairs)
    assert len(pairs) == 400
    assert weights.sum() == pytest.approx(truth.size)
    whole = _score(_fit(x, truth, CONFIG, 1), x)
    some = _score(_fit(x, truth, StackConfig(members=("a", "b"), pairs=400), 1), x)
    assert np.corrcoef(whole.ravel(), some.ravel())[0, 1] > 0.99


@pytest.mark.parametrize(
    "wrong",
    [{"members": ("a", "a")}, {"members": (), "titles": False}, {"members": ("a",), "folds": 1},
     {"members": ("a",), "cost": 0}, {"members": ("a",), "pairs": 0}],
)  # fmt: skip
def test_settings_without_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match="="):
        StackConfig(**wrong)


def test_fewer_documents_than_folds_are_refused(made: tuple) -> None:
    x, gold, _ = made
    with pytest.raises(ValueError, match="folds=5, but the dev split has 3"):
        stack(x[:3], gold[:3], x[:1], CONFIG, seed=1)
