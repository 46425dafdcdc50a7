"""Runs of a cohort > the rows of a table: every test metric's mean and sd over the seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from isd_pipeline.catalog.results import Run
from isd_pipeline.tracking.tables import TableRow, table_and_rows


def make_table(runs: Sequence[Run], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The table of the run parameters: per row its seeds, and per test metric mean and sd.

    One seed has no sd. MLflow is shown the same numbers, by the hook.
    """
    name, cohort = parameters["table"], parameters["cohort"]
    _, rows = table_and_rows(runs, parameters)
    lacking = [row.experiment for row in rows if not row.seeds]
    if lacking:
        raise ValueError(
            f"{name} of {cohort} lacks {', '.join(lacking)}: make them and it with "
            f"`dvc repro studies/{cohort}/dvc.yaml:{name}`"
        )
    return {row.experiment: {"seeds": len(row.seeds)} | nested(row) for row in rows}


def nested(row: TableRow) -> dict[str, dict[str, float]]:
    """{metric: {"mean": ..., "sd": ...}}."""
    return {
        metric: {"mean": found.mean} | ({} if found.sd is None else {"sd": found.sd})
        for metric, found in row.metrics.items()
    }
