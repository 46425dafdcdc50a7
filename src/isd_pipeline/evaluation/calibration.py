"""Whether a probability of 0.8 is right 8 times in 10, and one temperature to make it so.

Axes: D documents, L codes, B bins.  Scores are log-odds; probabilities are their sigmoid.

Of 3,372 x 8,921 cells 99.8 % are false, and any model gives nearly all of them a probability near
0: over all cells the calibration error is tiny, whatever the model does where it decides. So it is
also given over the cells with a probability of at least 0.01, those that a coder could be shown.
"""

import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from isd_pipeline.evaluation.cells import Gold, blocks, checked
from isd_pipeline.shapes import Bool, Float, Int

LOG = logging.getLogger(__name__)
BINS = 15  # of equal width, as Guo et al. (2017)
SHOWN = 0.01
HOTTEST = 100.0
FEW = 10
"""Scores of the wrong sign. So few do not tell how much surer the others may be made."""


class Reliability(NamedTuple):
    """Cells by probability, in bins of equal width; bin b holds those in (b / B, (b + 1) / B].

    cells: [B], how many.  probability: [B], the sum of theirs.  true: [B], how many are true.
    Probability 0 is in the first bin. Divided by `cells`, the two are a reliability plot.
    """

    cells: Int[np.ndarray, " B"]
    probability: Float[np.ndarray, " B"]
    true: Int[np.ndarray, " B"]

    @property
    def error(self) -> float:
        """Expected calibration error: the mean over cells of |share true - mean probability|."""
        return float(np.abs(self.true - self.probability).sum() / max(self.cells.sum(), 1))


def reliability(
    gold: Gold, scores: Float[np.ndarray, "D L"], *, temperature: float = 1.0, at_least: float = 0.0
) -> Reliability:
    """Of the cells whose probability at this temperature is `at_least` so much."""
    cells, true = np.zeros(BINS, dtype=np.int64), np.zeros(BINS, dtype=np.int64)
    sums = np.zeros(BINS)
    for is_true, log_odds in _cells(gold, scores):
        probability = expit(log_odds / temperature)
        taken = probability >= at_least
        probability, is_true = probability[taken], is_true[taken]
        place = np.maximum(np.ceil(probability * BINS).astype(np.int64) - 1, 0)
        cells += np.bincount(place, minlength=BINS)
        sums += np.bincount(place, weights=probability, minlength=BINS)
        true += np.bincount(place[is_true], minlength=BINS)
    return Reliability(cells, sums, true)


def calibration_metrics(
    gold: Gold, scores: Float[np.ndarray, "D L"], *, temperature: float = 1.0
) -> dict[str, float]:
    """How far probabilities are from frequencies.

    - ece: expected calibration error over all cells; ece_shown: over those of at least 0.01. Which
      these are depends on the temperature.
    - cells_shown_per_document: how many cells a document these are.
    - bce: mean binary cross-entropy of a cell in nats, which also rewards telling codes apart.
    """
    shown = reliability(gold, scores, temperature=temperature, at_least=SHOWN)
    return {
        "ece": reliability(gold, scores, temperature=temperature).error,
        "ece_shown": shown.error,
        "cells_shown_per_document": float(shown.cells.sum() / len(scores)),
        "bce": cross_entropy(gold, scores, temperature),
    }


def calibrate(
    dev: tuple[Gold, Float[np.ndarray, "D L"]], test: tuple[Gold, Float[np.ndarray, "D L"]]
) -> dict[str, Any]:
    """How well a run's test probabilities are calibrated, and at the temperature fitted on dev.

    temperature; before, after: each `calibration_metrics` of the test split, and `bins`, its
    `Reliability` as lists.
    """
    temperature = fit_temperature(*dev)
    found: dict[str, Any] = {"temperature": temperature}
    for when, at in (("before", 1.0), ("after", temperature)):
        bins = reliability(*test, temperature=at)._asdict().items()
        listed = {name: values.tolist() for name, values in bins}
        found[when] = {**calibration_metrics(*test, temperature=at), "bins": listed}
    return found


def fit_temperature(gold: Gold, scores: Float[np.ndarray, "D L"]) -> float:
    """The temperature with the least cross-entropy on these documents, of the dev split.

    Guo et al. (2017), with one sigmoid a cell for their softmax. Above 1 the model was too sure. It
    changes no ranking, and nothing at probability 0.5. The loss is convex in 1 / T and so has one
    minimum, found to 0.01 %. It is looked for between 1/100 and 100. Where the scores tell true
    from false without fault, or not at all, there is none: it is then 1, and a warning says so.
    So it is where fewer than `FEW` scores are wrong and the least is below 1: one of 225 had
    made probabilities of 1e-19, and a test cross-entropy of 0.52 in place of 0.09.
    """
    gold = checked(gold, scores)
    wrong, slope = _signs(gold, scores)
    if why := _without_minimum(wrong, slope):
        LOG.warning("no temperature fits the dev split, %s: probabilities stay as they are", why)
        return 1.0
    temperature = _least(gold, scores)
    if abs(np.log(temperature)) > 0.99 * np.log(HOTTEST):
        LOG.warning("the dev split's temperature lies beyond 1/100 or 100: 1 is taken instead")
        return 1.0
    if temperature < 1 and wrong < FEW:
        LOG.warning(
            "too few scores of the dev split have the wrong sign (%d) to make the others surer: "
            "probabilities stay as they are",
            wrong,
        )
        return 1.0
    return temperature


def _signs(gold: Gold, scores: Float[np.ndarray, "D L"]) -> tuple[int, float]:
    """How many scores have the wrong sign; the slope of the loss over 1 / T where that is 0."""
    wrong, slope = 0, 0.0
    for is_true, log_odds in _cells(gold, scores):
        away_from_truth = np.where(is_true, -log_odds, log_odds)
        wrong += int(np.count_nonzero(away_from_truth > 0))
        slope += float(away_from_truth.sum())
    return wrong, slope


def _without_minimum(wrong: int, slope: float) -> str:
    """Why the loss falls for ever: with 1 / T, if no score has the wrong sign; or with T."""
    if not wrong:
        return "for its scores tell true from false without fault"
    return "for its scores do not tell true from false" if slope >= 0 else ""


def _least(gold: Gold, scores: Float[np.ndarray, "D L"]) -> float:
    reach = np.log(HOTTEST)
    found = minimize_scalar(
        lambda log: cross_entropy(gold, scores, float(np.exp(log))),
        bounds=(-reach, reach),
        method="bounded",
        options={"xatol": 1e-4},
    )
    return float(np.exp(found.x))


def cross_entropy(gold: Gold, scores: Float[np.ndarray, "D L"], temperature: float = 1.0) -> float:
    """Mean over all cells of log(1 + exp(s / T)), less s / T where the cell is true."""
    total = 0.0
    for is_true, log_odds in _cells(gold, scores):
        away_from_truth = np.where(is_true, -log_odds, log_odds) / temperature
        total += float(np.logaddexp(0, away_from_truth).sum(dtype=np.float64))
    return total / scores.size


def _cells(
    gold: Gold, scores: np.ndarray
) -> Iterator[tuple[Bool[np.ndarray, " C"], Float[np.ndarray, " C"]]]:
    """Whether each cell is true, and its score, block by block."""
    gold = checked(gold, scores)
    for rows in blocks(scores):
        yield gold[rows].toarray().ravel(), scores[rows].astype(np.float64).ravel()
