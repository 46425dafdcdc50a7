"""The numbers of a run under the names by which MLflow shows them.

MLflow groups its charts by what stands before the slash. `test/` holds what papers print, at 0.5
and, `_tuned`, at the threshold that is best on dev; the rest stands in groups of its own. Under
`results/` and `data/` the names have no group.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

PRINTED = (
    *("f1_micro", "f1_macro_caml", "auc_micro", "auc_macro", "map", "p_at_5", "p_at_8", "p_at_15"),
    *("official_map", "official_f1", "official_precision", "official_recall"),
)
GROUPS = {  # of test's other figures, by how their names begin
    "test_precision_recall": ("precision_", "recall_", "r_at_", "r_precision"),
    "test_other_f1": ("f1_", "jaccard_", "exact_match", "official_"),
    "test_calibration": ("ece", "temperature"),
}
CHECKS = "test_checks"  # collapsed, how many codes are predicted, thresholds, attention
OF_TRAINING = ("learning_rate", "gradient_norm")


def shown_figure(name: str) -> str:
    """A figure of an epoch: `dev/f1_micro`, `loss/distillation`, `training/learning_rate`."""
    if name.startswith("dev_"):
        return f"dev/{name.removeprefix('dev_')}"
    return f"training/{name}" if name in OF_TRAINING else f"loss/{name}"


def shown_training(figures: Mapping[str, Any]) -> dict[str, float]:
    """Minutes, epochs, memory: `training/minutes`."""
    return {f"training/{name}": value for name, value in figures.items() if name != "run"}


def content_of(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """16 hexadecimal digits of a run's final metrics: the same numbers are the same run."""
    text = json.dumps({split: metrics[split] for split in ("dev", "test")}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shown_metrics(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Final metrics: `test/f1_micro`, and those of dev apart from the epochs' own."""
    of_test = {shown_of_test(name): value for name, value in metrics["test"].items()}
    of_dev = {
        f"{'dev_final' if _is_printed(name) else 'dev_final_more'}/{name}": value
        for name, value in metrics["dev"].items()
    }
    return of_dev | of_test


def shown_of_test(name: str) -> str:
    """A figure of test in its group."""
    if _is_printed(name):
        return f"test/{name}"
    of_group = (group for group, starts in GROUPS.items() if name.startswith(starts))
    return f"{next(of_group, CHECKS)}/{name}"


def _is_printed(name: str) -> bool:
    return name.removesuffix("_tuned") in PRINTED


def shown_tags(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """MLflow's tags of final metrics: what they are, and at which threshold test is collapsed."""
    thresholds = {"collapsed": "at 0.5", "collapsed_tuned": "tuned"}
    collapsed = [words for name, words in thresholds.items() if metrics["test"].get(name)]
    return {"content": content_of(metrics), "collapsed": ", ".join(collapsed) or "no"}


def shown_calibration(calibration: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers of a calibration that MLflow shows, under its names."""
    errors = {
        f"{name}{ending}": calibration[when][name]
        for when, ending in (("before", ""), ("after", "_calibrated"))
        for name in ("ece", "ece_shown")
    }
    figures = {"temperature": calibration["temperature"], **errors}
    return {shown_of_test(name): value for name, value in figures.items()}
