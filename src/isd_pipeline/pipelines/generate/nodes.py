"""The synthetic hospital, as files in one of MIMIC's layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline.config.cohorts import COHORTS, cohort_section
from isd_pipeline.config.reading import choose


def generate_hospital(cohorts: Mapping[str, Any], cohort: str) -> Callable[[Path], None]:
    """What writes the hospital into a folder: it never stands in memory as a whole."""
    from isd_pipeline import synthetic

    if "generate" not in choose(cohort, cohorts, COHORTS):
        raise ValueError(f"{COHORTS}.{cohort} has no section `generate`: it is no synthetic cohort")
    settings = cohort_section(cohorts, cohort, "generate", synthetic.HospitalSettings)
    writers = {
        "mimic2": synthetic.write_mimic2,
        "mimic3": synthetic.write_hospital,
        "mimic4": synthetic.write_mimic4,
    }
    return lambda folder: writers[settings.layout](folder, settings)
