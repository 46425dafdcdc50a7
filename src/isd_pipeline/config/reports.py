"""How a cohort's report page is headed, and its tables of experiments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reading import choose, read_config, refuse_unknown
from isd_pipeline.evaluation.official import TASKS
from isd_pipeline.reports.layout import Layout, PublishedTask

TABLES_FILE = "conf/base/parameters_tables.yml"
TABLES = f"{TABLES_FILE}: tables"
PUBLISHED = "conf/base/parameters_published.yml: published"
SELECTED_ON_TEST = "no dev set: every model was chosen on test, as CAML chose it"
OUR_SPLIT = "our own split, not the published one"


@dataclass(frozen=True, kw_only=True)
class ReportSettings:
    """How a cohort's page is headed, and what its runs are measured by."""

    k: int = 8  # the P@k of the paper's table
    stamp: str = ""  # shown over every table, where the numbers want a warning
    official: str = ""  # the task whose official figures are measured, and whose systems are shown

    def __post_init__(self) -> None:
        if self.official:
            refuse_unknown(self.official, list(TASKS), "the list of official tasks")


def stamp_of(
    cohorts: Mapping[str, Any], cohort: str, counts: Mapping[str, float] | None = None
) -> str:
    """What stands over every table of a cohort.

    That a model was chosen on test always does; and, where its `counts` say so, that a split of
    ours stands in for a published one.
    """
    stamp = cohort_section(cohorts, cohort, "report", ReportSettings).stamp
    split = cohort_section(cohorts, cohort, "extract", ExtractSettings).split
    ours = bool((counts or {}).get("split_is_ours"))
    parts = (stamp, SELECTED_ON_TEST * (split == "caml"), OUR_SPLIT * ours)
    return "; ".join(part for part in parts if part)


def published_task(published: Mapping[str, Any], task: str) -> PublishedTask:
    """The published systems of one official task."""
    section = choose(task, published, PUBLISHED)
    return read_config(PublishedTask, section, f"{PUBLISHED}.{task}")


def table_layouts(parameters: Mapping[str, Any]) -> dict[str, Layout]:
    """Every table, by its key. An experiment is one of ours, or one that the paper printed."""
    printed = [name for rows in parameters["paper"].values() for name in rows]
    known = [*parameters["experiments"], *printed]
    tables = read_tables(parameters)
    for key, table in tables.items():
        for name in table.experiments:
            refuse_unknown(name, known, f"{TABLES}.{key}.experiments")
    return tables


def read_tables(parameters: Mapping[str, Any]) -> dict[str, Layout]:
    """Every table of the section `tables`, by its key, whatever experiments there are."""
    return {
        key: read_config(Layout, section, f"{TABLES}.{key}")
        for key, section in parameters["tables"].items()
    }
