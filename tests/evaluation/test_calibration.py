"""Calibration errors and the temperature, against values by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.evaluation import cells
from isd_pipeline.evaluation.calibration import (
    calibrate,
    calibration_metrics,
    cross_entropy,
    fit_temperature,
    reliability,
)


def matrix(true: list[int], probabilities: list[float]) -> tuple[sparse.csr_matrix, np.ndarray]:
    """One code, a document a cell."""
    p = np.array(probabilities)[:, None]
    return sparse.csr_matrix(np.array(true)[:, None] == 1), np.log(p / (1 - p))


def random_matrix(seed: int, sure: float = 1.0) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Cells that are true as often as their probability says, then made `sure` times as sure."""
    random = np.random.default_rng(seed)
    scores = random.normal(-1, 2, size=(300, 40))
    gold = random.random(scores.shape) < 1 / (1 + np.exp(-scores))
    return sparse.csr_matrix(gold), (sure * scores).astype(np.float32)


def test_the_error_by_hand():
    """Three of four cells at 0.8 are true, and one of two at 0.1."""
    gold, scores = matrix([1, 1, 1, 0, 1, 0], [0.8] * 4 + [0.1] * 2)
    found = reliability(gold, scores)
    assert (found.cells[11], found.true[11], found.probability[11]) == (4, 3, pytest.approx(3.2))
    assert (found.cells[1], found.true[1], found.probability[1]) == (2, 1, pytest.approx(0.2))
    assert found.cells.sum() == 6
    assert found.error == pytest.approx((0.2 + 0.8) / 6)


def test_the_edges_of_the_bins():
    """A bin has its upper edge; probability 0 is in the first bin and 1 in the last."""
    gold = sparse.csr_matrix((1, 4), dtype=bool)
    scores = np.array([[-np.inf, np.log(1 / 2), np.log(1 / 2) + 1e-6, np.inf]])
    assert np.flatnonzero(reliability(gold, scores).cells).tolist() == [0, 4, 5, 14]


def test_cells_that_nobody_would_show_hide_an_error_over_all_cells():
    """One cell at 0.5 is false; 99 at 0.001 are false."""
    gold, scores = matrix([0] * 100, [0.5] + [0.001] * 99)
    found = calibration_metrics(gold, scores)
    assert found["ece"] == pytest.approx((0.5 + 0.099) / 100)
    assert found["ece_shown"] == pytest.approx(0.5)
    assert found["cells_shown_per_document"] == 1 / 100


def test_cross_entropy_by_hand():
    gold, scores = matrix([1, 0], [0.8, 0.4])
    assert cross_entropy(gold, scores) == pytest.approx(-(np.log(0.8) + np.log(0.6)) / 2)
    huge = np.array([[1000.0], [1000.0]])
    assert cross_entropy(gold, huge) == 500
    assert cross_entropy(gold, huge, temperature=10) == 50


def test_the_temperature_turns_a_score_into_the_log_odds_of_being_right():
    """Three of four cells with score 2 are true: 2 / T = log 3."""
    gold = sparse.csr_matrix(np.array([[True], [True], [True], [False]]))
    scores = np.full((4, 1), 2.0, dtype=np.float32)
    assert fit_temperature(gold, scores) == pytest.approx(2 / np.log(3), rel=2e-4)


def test_a_model_three_times_too_sure_is_cooled_to_a_third():
    gold, scores = random_matrix(1, sure=3)
    honest = fit_temperature(*random_matrix(1))
    assert honest == pytest.approx(1, abs=0.05)
    temperature = fit_temperature(gold, scores)
    assert temperature == pytest.approx(3 * honest, rel=1e-3)
    before = calibration_metrics(*random_matrix(2, sure=3))
    after = calibration_metrics(*random_matrix(2, sure=3), temperature=temperature)
    assert after["bce"] < before["bce"]
    assert after["ece"] < before["ece"] / 3


def test_no_other_temperature_is_better():
    gold, scores = random_matrix(3, sure=0.4)
    least = cross_entropy(gold, scores, fit_temperature(gold, scores))
    for temperature in np.geomspace(0.01, 100, 60):
        assert cross_entropy(gold, scores, temperature) >= least - 1e-8


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ([[1.0, -1.0]], "without fault"),
        ([[18.0, -17.0]], "without fault"),  # whose loss is 0 long before an end of the search
        ([[-1.0, 1.0]], "do not tell true from false"),
        ([[0.0, 0.0]], "without fault"),
        ([[0.02, -0.02], [-1e-9, -0.02]], "beyond 1/100"),
    ],
)
def test_where_no_temperature_fits_probabilities_stay_and_it_is_said(scores, told, caplog):
    gold = sparse.csr_matrix(np.array([[True, False]] * len(scores)))
    assert fit_temperature(gold, np.array(scores)) == 1.0
    assert told in caplog.text


@pytest.mark.parametrize(("wrong", "surer"), [(1, False), (9, False), (10, True), (40, True)])
def test_a_handful_of_wrong_scores_makes_the_others_no_surer(wrong, surer, caplog):
    """All but so many of 4,000 scores are right, each barely: the least loss is far below 1."""
    is_true = np.tile([True, False], 2_000)
    scores = np.where(is_true, 1.0, -1.0)
    scores[:wrong] *= -1
    gold = sparse.csr_matrix(is_true.reshape(40, 100))
    temperature = fit_temperature(gold, scores.reshape(40, 100))
    assert (temperature < 0.3) == surer
    assert temperature == 1.0 or surer
    assert (f"have the wrong sign ({wrong}) to make" in caplog.text) != surer


def test_one_wrong_score_still_makes_the_others_less_sure():
    gold = sparse.csr_matrix(np.array([[True], [True], [True], [False]]))
    assert fit_temperature(gold, np.full((4, 1), 30.0)) == pytest.approx(30 / np.log(3), rel=2e-4)


def test_one_code_that_every_document_has_keeps_its_probabilities():
    gold = sparse.csr_matrix(np.ones((6, 1), dtype=bool))
    assert fit_temperature(gold, np.full((6, 1), 3.2)) == 1.0


def test_the_size_of_the_blocks_changes_nothing(monkeypatch):
    gold, scores = random_matrix(5)
    whole = calibration_metrics(gold, scores, temperature=1.5)
    monkeypatch.setattr(cells, "BLOCK", 64)
    assert calibration_metrics(gold, scores, temperature=1.5) == pytest.approx(whole)


def test_a_run_twice_too_sure_on_dev_is_cooled_on_test():
    dev, test = random_matrix(1, sure=2.0), random_matrix(2, sure=2.0)
    found = calibrate(dev, test)
    assert found["temperature"] == fit_temperature(*dev) == pytest.approx(2.0, abs=0.1)
    assert found["after"]["ece"] < found["before"]["ece"] / 4
    for when, temperature in (("before", 1.0), ("after", found["temperature"])):
        bins = reliability(*test, temperature=temperature)
        assert found[when]["bins"]["true"] == bins.true.tolist()
        assert found[when]["ece"] == bins.error
        assert sum(found[when]["bins"]["cells"]) == test[1].size
