"""The alarm of a run that predicts next to nothing, or next to everything.

Its F1 is then that of a degenerate answer, and says nothing of what the model has learnt.
"""

from collections.abc import Mapping

TOO_FEW, TOO_MANY = 0.05, 10.0


def collapse_metrics(metrics: Mapping[str, float]) -> dict[str, float]:
    """`collapsed` at 0.5 and `collapsed_tuned` at the tuned threshold: 1.0 or 0.0.

    Collapsed is a run that predicts a document fewer than `TOO_FEW` times the codes it truly has,
    or more than `TOO_MANY` times, on average. `metrics` are those of `thresholds` and `metrics`.
    """
    gold = metrics["gold_per_document"]
    return {
        f"collapsed{ending}": float(
            not TOO_FEW * gold <= metrics[f"predicted_per_document{ending}"] <= TOO_MANY * gold
        )
        for ending in ("", "_tuned")
    }
