"""The numbers of a run under the names by which MLflow shows them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def shown_figure(name: str) -> str:
    """MLflow groups its charts by what stands before the slash."""
    if name.startswith("dev_"):
        return f"dev/{name.removeprefix('dev_')}"
    return name if name in ("learning_rate", "gradient_norm") else f"loss/{name}"


def content_of(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """16 hexadecimal digits of a run's final metrics: the same numbers are the same run."""
    text = json.dumps({split: metrics[split] for split in ("dev", "test")}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def shown_metrics(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Final metrics under MLflow's names: `test/f1_micro`; those of dev beside the epochs' own."""
    names = {"dev": "dev_final", "test": "test"}
    return {f"{names[split]}/{name}": v for split in names for name, v in metrics[split].items()}


def shown_tags(metrics: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """MLflow's tags of final metrics: what they are, and at which threshold test is collapsed."""
    thresholds = {"collapsed": "at 0.5", "collapsed_tuned": "tuned"}
    collapsed = [words for name, words in thresholds.items() if metrics["test"].get(name)]
    return {"content": content_of(metrics), "collapsed": ", ".join(collapsed) or "no"}


def shown_calibration(calibration: Mapping[str, Any]) -> dict[str, float]:
    """The few numbers of a calibration that MLflow shows, under its names."""
    errors = {
        f"test/{name}{ending}": calibration[when][name]
        for when, ending in (("before", ""), ("after", "_calibrated"))
        for name in ("ece", "ece_shown")
    }
    return {"test/temperature": calibration["temperature"], **errors}
