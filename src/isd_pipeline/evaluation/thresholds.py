"""One threshold for all codes, chosen on the dev split: the numbers it gives are called *tuned*.

CAML, LAAT, MultiResCNN and ISD publish at probability 0.5 (score 0). Edin et al. (2023) tune one
threshold on the dev split's micro F1, over 100 points; here the search is exact. Tuning alone
raises F1 by several points, so its numbers never stand beside the others without the word.
"""

from collections.abc import Mapping

import numpy as np

from isd_pipeline.evaluation.cells import Gold, cells_up_to
from isd_pipeline.evaluation.metrics import threshold_metrics
from isd_pipeline.shapes import Float

TOO_FEW, TOO_MANY = 0.05, 10.0


def tune_threshold(gold: Gold, scores: Float[np.ndarray, "D L"], *, missed: int = 0) -> float:
    """The threshold with the highest micro F1 on these documents, on the scale of the scores.

    The best cut is always just below the score of a true cell, so only those are tried: with c
    the score, tp = true cells not below c, predicted = cells not below c. The threshold lies
    midway between c and the next lower score; of two cuts with the same F1 the higher is taken,
    which predicts less. `missed` is how many true cells there are beside these that no threshold
    reaches. Raises ValueError where no document has a code.
    """
    true_scores = _scores_of_true_cells(gold, scores)
    if not len(true_scores):
        raise ValueError(
            "no document of the dev split has a code, so no threshold can be tuned on it; "
            "check that the split's codes are among the cohort's"
        )
    cuts, first = np.unique(true_scores, return_index=True)
    predicted = scores.size - cells_up_to(scores, cuts)[0]
    right = len(true_scores) - first
    f1 = 2 * right / (predicted + len(true_scores) + missed)
    best = len(f1) - 1 - int(np.argmax(f1[::-1]))
    return _just_below(scores, cuts[best])


def tuned_metrics(
    gold: Gold, scores: Float[np.ndarray, "D L"], threshold: float
) -> dict[str, float]:
    """`threshold_metrics` at a threshold tuned elsewhere; every name ends in `_tuned`.

    `threshold_tuned` is the threshold itself. Rankings and AUCs do not depend on it.
    """
    metrics = threshold_metrics(gold, scores, threshold=threshold)
    fixed = {"codes_present", "f1_macro_caml_ceiling", "gold_per_document"}
    tuned = {f"{name}_tuned": value for name, value in metrics.items() if name not in fixed}
    return {**tuned, "threshold_tuned": float(threshold)}


def collapse_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """The alarm of a run that predicts next to nothing, or next to everything.

    Its F1 is then that of a degenerate answer, and says nothing of what the model has learnt.
    `collapsed` at 0.5 and `collapsed_tuned` at the tuned threshold: 1.0 or 0.0. Collapsed is a run
    that predicts a document fewer than `TOO_FEW` times the codes it truly has, or more than
    `TOO_MANY` times, on average. `metrics` are those of `thresholds` and `metrics`.
    """
    gold = metrics["gold_per_document"]
    return {
        f"collapsed{ending}": float(
            not TOO_FEW * gold <= metrics[f"predicted_per_document{ending}"] <= TOO_MANY * gold
        )
        for ending in ("", "_tuned")
    }


def _scores_of_true_cells(gold: Gold, scores: np.ndarray) -> np.ndarray:
    """Ascending."""
    if gold.shape != scores.shape:
        raise ValueError(f"gold is {gold.shape} and scores are {scores.shape}: not the same")
    rows, codes = gold.nonzero()
    return np.sort(scores[rows, codes])


def _just_below(scores: np.ndarray, score: np.floating) -> float:
    """Midway between a score and the next lower one, if need be rounded towards the lower."""
    lower = max((row[row < score].max(initial=-np.inf) for row in scores), default=-np.inf)
    if np.isneginf(lower):
        return float(np.nextafter(score, score.dtype.type(-np.inf)))
    middle = score.dtype.type(lower / 2 + score / 2)
    return float(middle if lower <= middle < score else lower)
