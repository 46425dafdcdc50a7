"""The synthetic hospital, as files in MIMIC-III's layout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline.pipelines.configuration import choose
from isd_pipeline.pipelines.sections import COHORTS, cohort_section


def generate_hospital(cohorts: Mapping[str, Any], cohort: str) -> Callable[[Path], None]:
    """What writes the hospital into a folder: it never stands in memory as a whole."""
    from isd_pipeline.data.synthetic import HospitalSettings, write_hospital

    if "generate" not in choose(cohort, cohorts, COHORTS):
        raise ValueError(f"{COHORTS}.{cohort} has no section `generate`: it is no synthetic cohort")
    settings = cohort_section(cohorts, cohort, "generate", HospitalSettings)
    return lambda folder: write_hospital(folder, settings)
