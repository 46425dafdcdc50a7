"""The evaluated runs on this machine > the record of all runs, in git."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.results import Run, merge
from isd_pipeline.config.experiments import kind_of


def record_runs(
    evaluated_runs: Sequence[Run], parameters: Mapping[str, Any]
) -> Callable[[Path], dict[str, int]]:
    """What writes them into the record; what a run does not say of its kind, its row says."""
    experiments = parameters["experiments"]
    runs = [
        run if run.kind else replace(run, kind=kind_of(experiments.get(run.experiment)))
        for run in evaluated_runs
    ]
    return partial(merge, runs=runs, order=list(experiments))
