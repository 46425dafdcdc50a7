"""What is measured of the development set after every epoch, and chosen by."""

import numpy as np

from isd_pipeline.evaluation.cells import Gold
from isd_pipeline.evaluation.metrics import ranking_metrics, threshold_metrics
from isd_pipeline.evaluation.thresholds import tune_threshold

WATCHED = (
    *("f1_micro", "f1_macro_caml", "f1_micro_tuned", "f1_macro_caml_tuned"),
    *("p_at_5", "p_at_8", "map"),
)


def dev_figures(gold: Gold, scores: np.ndarray) -> dict[str, float]:
    """Of gold [D, L] and scores [D, L]; every name starts with `dev_`."""
    tuned = threshold_metrics(gold, scores, threshold=tune_threshold(gold, scores))
    found = {
        **threshold_metrics(gold, scores),
        **ranking_metrics(gold, scores, ks=(5, 8)),
        "f1_micro_tuned": tuned["f1_micro"],
        "f1_macro_caml_tuned": tuned["f1_macro_caml"],
    }
    return {f"dev_{name}": found[name] for name in WATCHED}
