"""One code's regression: at the minimum of its objective, whatever the documents are like."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, sparse
from scipy.special import expit

from isd_pipeline.predictors import l1_logistic
from isd_pipeline.predictors.l1_logistic import GAP, Design, FittedCode, fit_code


def made(documents: int, ngrams: int, positive: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A dense matrix of ones whose columns differ in how frequent they are; codes by some."""
    random = np.random.default_rng(seed)
    x = random.random((documents, ngrams)) < random.beta(0.5, 3, ngrams)
    leaning = x[:, :4] @ np.array([2.0, 1.5, -1.0, 1.0]) + random.gumbel(size=documents)
    has_code = np.zeros(documents, dtype=bool)
    has_code[np.argsort(-leaning)[:positive]] = True
    return x.astype(float), has_code


def fitted(x: np.ndarray, has_code: np.ndarray, cost: float = 1.0) -> FittedCode:
    return fit_code(Design.of(sparse.csr_matrix(x)), has_code, cost)


def objective(
    x: np.ndarray, has_code: np.ndarray, cost: float, weights: np.ndarray, bias: float
) -> float:
    scores = x @ weights + bias
    losses = np.logaddexp(0, scores) - has_code * scores
    return float(cost * losses.sum() + np.abs(weights).sum())


def reached(x: np.ndarray, has_code: np.ndarray, cost: float) -> float:
    fit = fitted(x, has_code, cost)
    weights = np.zeros(x.shape[1])
    weights[fit.ngrams] = fit.weights
    return objective(x, has_code, cost, weights, fit.bias)


def least(x: np.ndarray, has_code: np.ndarray, cost: float) -> float:
    """By a general method on twice as many weights, none below 0; the intercept is free."""
    f = x.shape[1]
    both = np.hstack([x, -x, np.ones((len(x), 1))])
    prices = np.append(np.ones(2 * f), 0)

    def value(at: np.ndarray) -> tuple[float, np.ndarray]:
        scores = both @ at
        losses = np.logaddexp(0, scores) - has_code * scores
        slope = cost * both.T @ (expit(scores) - has_code) + prices
        return cost * losses.sum() + prices @ at, slope

    bounds = [(0, None)] * (2 * f) + [(None, None)]
    options = {"maxiter": 20_000, "maxfun": 10**6, "ftol": 1e-14, "gtol": 1e-9}
    found = optimize.minimize(
        value, np.zeros(2 * f + 1), jac=True, bounds=bounds, method="L-BFGS-B", options=options
    )
    return float(found.fun)


@pytest.mark.parametrize("positive", [1, 2, 7, 40, 100, 178, 199])
@pytest.mark.parametrize("cost", [0.05, 1.0, 20.0])
def test_the_objective_is_that_of_a_slow_method(positive: int, cost: float) -> None:
    x, has_code = made(200, 60, positive, seed=positive)
    assert reached(x, has_code, cost) <= least(x, has_code, cost) * (1 + 1e-3)


def test_more_ngrams_than_documents_and_more_than_join_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(l1_logistic, "FIRST", 2)
    x, has_code = made(80, 300, 20, seed=5)
    assert reached(x, has_code, 1.0) <= least(x, has_code, 1.0) * (1 + 1e-3)


@pytest.mark.parametrize("positive", [3, 60, 300])
def test_ngrams_that_most_documents_hold_are_weighed_as_all_others(positive: int) -> None:
    """They move together with the intercept, which coordinate descent is slow at."""
    x, has_code = made(400, 40, positive, seed=6)
    x[:, 4:30] = 1 - x[:, 4:30] * (np.arange(26) % 3 > 0)
    assert reached(x, has_code, 1.0) <= least(x, has_code, 1.0) * (1 + 1e-3)


def test_the_gap_that_is_told_is_not_less_than_what_is_left() -> None:
    for seed in range(5):
        x, has_code = made(150, 80, 30, seed)
        least_value = least(x, has_code, 1.0)
        left = (reached(x, has_code, 1.0) - least_value) / least_value
        assert left - 1e-9 <= fitted(x, has_code).gap <= GAP


def test_the_intercept_is_free() -> None:
    """As many documents are expected to have the code as do, which no penalty on it would leave."""
    x, has_code = made(200, 60, 9, seed=1)
    fit = fitted(x, has_code)
    scores = x[:, fit.ngrams] @ fit.weights + fit.bias
    assert expit(scores).sum() == pytest.approx(9, rel=1e-9)


@pytest.mark.parametrize("positive", [1, 3, 150])
def test_where_no_ngram_is_worth_its_price_the_score_is_the_log_odds(positive: int) -> None:
    x, has_code = made(200, 60, positive, seed=2)
    fit = fitted(x, has_code, cost=1e-3)
    assert len(fit.ngrams) == 0
    assert fit.bias == pytest.approx(np.log(positive / (200 - positive)))


@pytest.mark.parametrize("documents", [2, 4, 60])
def test_a_word_that_parts_the_documents_does_not_make_the_scores_run_away(documents: int) -> None:
    has_code = np.arange(documents) % 2 == 0
    x = np.stack([has_code, ~has_code, np.ones(documents)], axis=1).astype(float)
    fit = fitted(x, has_code, cost=10.0)
    scores = x[:, fit.ngrams] @ fit.weights + fit.bias
    assert ((scores > 0) == has_code).all()
    assert np.abs(scores).max() < np.log(20 * documents)


def test_no_step_is_taken_for_solved_where_a_document_with_the_code_has_nearly_no_chance() -> None:
    """A chance of 1e-9 makes the response of a Newton step 1e9, and with it the lasso's tolerance,
    a share of its squares: met before the first sweep, it would leave the weights as they are."""
    x, has_code = made(400, 500, 18, seed=5)
    for cost in (100.0, 300.0):
        assert reached(x, has_code, cost) <= least(x, has_code, cost) * (1 + 1e-3)
        assert fitted(x, has_code, cost).gap <= GAP


def test_documents_without_an_ngram_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are lumped together, and their rows of the gradient are not summed."""
    x, has_code = made(400, 30, 12, seed=3)
    x[50:350] = 0
    has_code[60] = True
    lumped = fitted(x, has_code)
    monkeypatch.setattr(l1_logistic, "FEW", 0.0)
    assert reached(x, has_code, 1.0) <= least(x, has_code, 1.0) * (1 + 1e-3)
    assert fitted(x, has_code).bias == pytest.approx(lumped.bias, rel=1e-6)


def test_the_same_documents_give_the_same_bytes() -> None:
    x, has_code = made(200, 60, 40, seed=4)
    one, two = fitted(x, has_code), fitted(x, has_code)
    assert (one.weights.tobytes(), one.bias) == (two.weights.tobytes(), two.bias)
