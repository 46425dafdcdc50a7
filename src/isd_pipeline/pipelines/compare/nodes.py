"""The runs of a cohort > within each table, every experiment against the table's reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.sections import ReportSettings, cohort_section, table_layouts
from isd_pipeline.models.names import FLOORS

if TYPE_CHECKING:
    import numpy as np

    from isd_pipeline.catalog.runs import Key, RunRecord
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.evaluation.comparisons import Contestant
    from isd_pipeline.evaluation.resampling import Bootstrap
    from isd_pipeline.evaluation.significance import Difference
    from isd_pipeline.reports.layout import Layout
    from isd_pipeline.text.documents import Documents

Compared = Callable[[str, str], tuple[int, dict[str, "Difference"]]]

# Draws of approximate randomisation: the smallest p value is 1 / (1 + DRAWS), and Holm's correction
# multiplies it by the comparisons of a table, up to about a hundred.
DRAWS = 5_000


def compare_experiments(
    runs: list[RunRecord],
    scores_of_runs: Mapping[Key, Callable[[], Mapping[str, np.ndarray]]],
    draws_of_runs: Mapping[Key, Bootstrap],
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """By table: the reference and, for each other experiment and metric, how far it is from it."""
    from isd_pipeline.evaluation.comparisons import Contestant, compare

    gold = documents["test"].label_matrix(len(code_index))
    tuned = {run.key: run.metrics["test"]["threshold_tuned"] for run in runs}

    @cache
    def contestant(key: Key) -> Contestant:
        return Contestant.of(gold, scores_of_runs[key]()["test"], tuned[key], draws_of_runs[key])

    @cache
    def compared(experiment: str, reference: str) -> tuple[int, dict[str, Difference]]:
        pairs = paired_runs(experiment, reference, [key for key in draws_of_runs if key in tuned])
        if not pairs:
            return 0, {}
        sides = ([contestant(key) for key in side] for side in zip(*pairs, strict=True))
        return len(pairs), compare(*sides, draws=DRAWS)

    k = cohort_section(parameters["cohorts"], parameters["cohort"], "report", ReportSettings).k
    tables = {
        name: table_of_comparisons(layout, compared_metrics(layout, k), compared)
        for name, layout in table_layouts(parameters).items()
    }
    return {name: table for name, table in tables.items() if table["rows"]}


def compared_metrics(layout: Layout, k: int) -> list[str]:
    """What is compared: with the tests of these, Holm's correction counts."""
    macro = ("f1_macro_caml", "f1_macro_per_code")
    at_half = ["f1_micro", *macro, f"p_at_{k}", "map"]
    names = [*at_half, *(f"{name}_tuned" for name in ("f1_micro", *macro))]
    return [name for name in names if not layout.metrics or name in layout.metrics]


def paired_runs(first: str, second: str, keys: list[Key]) -> list[tuple[Key, Key]]:
    """The runs of the seeds that both have; a floor, which no seed moves, stands for any seed."""
    of_first, of_second = (
        {seed: (name, seed) for experiment, seed in keys if experiment == name}
        for name in (first, second)
    )
    if first in FLOORS and second not in FLOORS:
        of_first = {seed: key for seed in of_second for key in of_first.values()}
    elif second in FLOORS and first not in FLOORS:
        of_second = {seed: key for seed in of_first for key in of_second.values()}
    return [(of_first[seed], of_second[seed]) for seed in sorted(of_first.keys() & of_second)]


def table_of_comparisons(layout: Layout, metrics: list[str], compared: Compared) -> dict[str, Any]:
    """Every row of a table against its reference, the p values adjusted over all its tests."""
    from isd_pipeline.evaluation.significance import holm

    rows: list[dict[str, Any]] = []
    for experiment in (name for name in layout.experiments if name != layout.reference):
        seeds, found = compared(experiment, layout.reference)
        rows += [
            {"experiment": experiment, "metric": name, "seeds": seeds, **found[name]._asdict()}
            for name in metrics
            if name in found
        ]
    for row, adjusted in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = adjusted
    return {"reference": layout.reference, "draws": DRAWS, "rows": rows}
