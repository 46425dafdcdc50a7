"""A cohort's sections, and what is asked of a cohort by its name."""

from collections.abc import Mapping
from typing import Any, TypeVar

from isd_pipeline.config.reading import choose, read_config

T = TypeVar("T")
COHORTS = "conf/base/parameters_cohorts.yml: cohorts"


def cohort_section(cohorts: Mapping[str, Any], cohort: str, section: str, cls: type[T]) -> T:
    """One section of a cohort as the dataclass that reads it."""
    row = choose(cohort, cohorts, COHORTS)
    return read_config(cls, row.get(section), f"{COHORTS}.{cohort}.{section}")


def name_in_paper(cohorts: Mapping[str, Any], cohort: str) -> str:
    """Which data set of the paper a cohort is: what its key `paper` says, or its own name."""
    return str(choose(cohort, cohorts, COHORTS).get("paper", cohort))


def is_generated(cohorts: Mapping[str, Any], cohort: str) -> bool:
    """Whether a cohort is the synthetic hospital's."""
    return "generate" in choose(cohort, cohorts, COHORTS)
