"""The raw files of a cohort: ours are generated, all others lie there or do not."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline.config.cohorts import is_generated
from isd_pipeline.pipelines.generate.nodes import generate_hospital


def generate_if_missing(cohorts: Mapping[str, Any], cohort: str) -> Callable[[Path], None]:
    """What writes the hospital of a synthetic cohort; nothing for any other, or where it lies.

    A hospital that lies there is left as it is: its settings may have changed since, and then
    `kedro run --pipelines=generate` makes it anew.
    """
    if not is_generated(cohorts, cohort):
        return lambda folder: None
    write = generate_hospital(cohorts, cohort)
    return lambda folder: None if any(folder.glob("*")) else write(folder)
