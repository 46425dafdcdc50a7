"""A table of the paper in MLflow: a run that holds its rows, each over its seeds.

A training may stand in several tables, and a run of MLflow has one parent. So trainings stay below
their cohort's run, tagged with the tables they stand in (`table3 = yes`), and a table's own run
holds the mean and sd of what the paper prints of each row (`rows/isd.f1_micro_mean`), and
the whole of it as text. `comparing` opens the trainings of a table by that tag.

It is a view of files: other numbers replace what was shown before, the same change nothing.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from isd_pipeline.config.experiments import notes_of
from isd_pipeline.config.reading import choose
from isd_pipeline.config.reports import TABLES, table_layouts
from isd_pipeline.evaluation.resampling import Measured
from isd_pipeline.reports.cells import Table, cell
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.markdown import markdown
from isd_pipeline.tracking.tracker import RunKey, Tracker

PRINTED = ("auc_macro", "auc_micro", "f1_macro_caml", "f1_micro", "p_at_5", "p_at_8")


@dataclass(frozen=True)
class TableRow:
    """An experiment over its seeds: every metric that each of them has."""

    experiment: str
    seeds: tuple[int, ...]
    metrics: Mapping[str, Measured]
    note: str = ""

    @classmethod
    def of(
        cls, experiment: str, by_seed: Mapping[int, Mapping[str, float]], note: str = ""
    ) -> Self:
        """Of the metrics of each seed."""
        found = list(by_seed.values())
        shared = [name for name in (found[0] if found else {}) if all(name in one for one in found)]
        metrics = {name: Measured.of([one[name] for one in found]) for name in shared}
        return cls(experiment, tuple(sorted(by_seed)), metrics, note)


def table_and_rows(
    runs: Sequence[Any], parameters: Mapping[str, Any]
) -> tuple[Layout, list[TableRow]]:
    """The layout of the run parameters' table, and its rows over the runs of a cohort."""
    table = choose(parameters["table"], table_layouts(parameters), TABLES)
    return table, rows_of(table, runs, notes_of(parameters))


def rows_of(table: Layout, runs: Sequence[Any], notes: Mapping[str, str]) -> list[TableRow]:
    """The rows in the table's order, each over every seed that was evaluated; none may be."""
    return [
        TableRow.of(
            name,
            {run.seed: run.metrics["test"] for run in runs if run.experiment == name},
            notes.get(name, ""),
        )
        for name in table.experiments
    ]


def show_table(
    tracker: Tracker, cohort: str, name: str, table: Layout, rows: Sequence[TableRow]
) -> None:
    """Show the table `name` of a cohort in place of what was shown of it before."""
    tags = {"cohort": cohort, "table": name}
    text = as_text(table, rows)
    content = hashlib.sha256(text.encode()).hexdigest()[:16]
    shown = tracker.search(f"tags.cohort = '{cohort}' and tags.table = '{name}'")
    if not any(run.data.tags["content"] == content for run in shown):
        for run in shown:
            tracker.client.delete_run(run.info.run_id)
        tags |= {"content": content, "mlflow.note.content": text}
        tracker.record(f"{cohort}: {table.title}", tags, printed(rows))
    for row in rows:
        for seed in row.seeds:
            tracker.tag_newest(RunKey(cohort, row.experiment, seed), {name: "yes"})


def printed(rows: Sequence[TableRow]) -> dict[str, float]:
    """What the paper prints, as MLflow shows it: `rows/isd.f1_micro_mean` and `..._sd`."""
    return {
        f"rows/{row.experiment}.{name}_{what}": value
        for row in rows
        for what in ("mean", "sd")
        for name in PRINTED
        if name in row.metrics and (value := getattr(row.metrics[name], what)) is not None
    }


def as_text(table: Layout, rows: Sequence[TableRow]) -> str:
    """The table in Markdown, as the page of its MLflow run shows it."""
    names = [name for name in PRINTED if any(name in row.metrics for row in rows)]
    cells = tuple(
        (
            f"{row.experiment} ({row.note})" if row.note else row.experiment,
            str(len(row.seeds)),
            *(cell(row.metrics.get(name)) for name in names),
        )
        for row in rows
    )
    return markdown(Table(table.title, ("experiment", "seeds", *names), cells, {"experiment"}))
