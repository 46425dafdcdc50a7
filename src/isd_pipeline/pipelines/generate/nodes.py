"""The synthetic hospital, as files in one of MIMIC's layouts."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline import synthetic
from isd_pipeline.config.cohorts import COHORTS, cohort_section, is_generated


def generate_hospital(cohorts: Mapping[str, Any], cohort: str) -> Callable[[Path], None]:
    """What writes the hospital into a folder: it never stands in memory as a whole."""
    if not is_generated(cohorts, cohort):
        raise ValueError(f"{COHORTS}.{cohort} has no section `generate`: it is no synthetic cohort")
    settings = cohort_section(cohorts, cohort, "generate", synthetic.HospitalSettings)
    writers = {
        "mimic2": synthetic.write_mimic2,
        "mimic3": synthetic.write_hospital,
        "mimic4": synthetic.write_mimic4,
    }
    return lambda folder: writers[settings.layout](folder, settings)
