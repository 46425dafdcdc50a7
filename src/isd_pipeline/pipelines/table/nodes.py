"""Runs of a cohort > the rows of a table: every test metric's mean and sd over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.experiments import notes_of
from isd_pipeline.config.reading import choose
from isd_pipeline.config.sections import TABLES, table_layouts
from isd_pipeline.reports.layout import Layout
from isd_pipeline.tracking import tracker as tracking
from isd_pipeline.tracking.tables import TableRow, show_table

if TYPE_CHECKING:
    from isd_pipeline.catalog.runs import RunRecord


def make_table(runs: Sequence[RunRecord], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the run parameters: per row its seeds, and per test metric mean and sd.

    One seed has no sd. MLflow is shown the same numbers.
    """
    name, cohort = parameters["table"], parameters["cohort"]
    table = choose(name, table_layouts(parameters), TABLES)
    rows = rows_of(table, runs, notes_of(parameters))
    lacking = [row.experiment for row in rows if not row.seeds]
    if lacking:
        raise ValueError(
            f"{name} of {cohort} lacks {', '.join(lacking)}: make them and it with "
            f"`dvc repro studies/{cohort}/dvc.yaml:{name}`"
        )
    if (tracker := tracking.listening()) is not None:
        show_table(tracker, cohort, name, table, rows)
    return {row.experiment: {"seeds": len(row.seeds)} | nested(row) for row in rows}


def rows_of(table: Layout, runs: Sequence[RunRecord], notes: Mapping[str, str]) -> list[TableRow]:
    """The rows in the table's order, each over every seed that was evaluated; none may be."""
    return [
        TableRow.of(
            name,
            {run.seed: run.metrics["test"] for run in runs if run.experiment == name},
            notes.get(name, ""),
        )
        for name in table.experiments
    ]


def nested(row: TableRow) -> dict[str, dict[str, float]]:
    """{metric: {"mean": ..., "sd": ...}}."""
    return {
        metric: {"mean": found.mean} | ({} if found.sd is None else {"sd": found.sd})
        for metric, found in row.metrics.items()
    }
