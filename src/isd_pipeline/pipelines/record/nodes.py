"""The evaluated runs on this machine > the record of all runs, in git."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.results import Run, merge


def record_runs(
    evaluated_runs: Sequence[Run], parameters: Mapping[str, Any]
) -> Callable[[Path], dict[str, int]]:
    """What writes them into the record, in the order of the experiments' file."""
    return partial(merge, runs=evaluated_runs, order=list(parameters["experiments"]))
