"""The runs of a cohort > intervals of each experiment, and it against its tables' references.

Both need scores and bootstrap replicates, which are not in git. Where some are absent, what was
recorded of these very runs is kept, and anything else left out and told.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from math import isclose
from typing import Any

import numpy as np

from isd_pipeline.catalog.results import Key, Run, contents
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.reports import ReportSettings, table_layouts
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.evaluation.official import known_codes, official_predictions
from isd_pipeline.evaluation.resampling import Bootstrap, over_seeds
from isd_pipeline.evaluation.significance import ComparedRun, Difference, compare, holm
from isd_pipeline.predictors.registry import BASELINE
from isd_pipeline.reports.layout import Layout
from isd_pipeline.text.documents import Documents

logger = logging.getLogger(__name__)

Compared = Callable[[str, str], tuple[int, dict[str, Difference]]]

# Draws of approximate randomisation: the smallest p value is 1 / (1 + DRAWS), and Holm's correction
# multiplies it by the comparisons of a table, up to about a hundred.
DRAWS = 5_000


def find_intervals(
    runs: Sequence[Run],
    replicates_of_runs: Mapping[Key, Bootstrap],
    recorded_intervals: Mapping[str, Any],
) -> dict[str, Any]:
    """By experiment: the runs, and the 95 % intervals of their mean over bootstrapped documents."""
    here, found = replicates_of_these(runs, replicates_of_runs), {}
    for experiment, seeds in contents(runs).items():
        resampled = [here[key] for seed in seeds if (key := (experiment, int(seed))) in here]
        if len(resampled) == len(seeds):
            found[experiment] = {"runs": seeds, "intervals": over_seeds(resampled).intervals()}
        elif recorded_intervals.get(experiment, {}).get("runs") == seeds:
            found[experiment] = recorded_intervals[experiment]
        else:
            logger.warning(
                "%s: no bootstrap intervals, for the replicates of some seeds are not on this "
                "machine; `kedro run --pipelines=evaluate` makes them",
                experiment,
            )
    return found


def replicates_of_these(
    runs: Sequence[Run], replicates_of_runs: Mapping[Key, Bootstrap]
) -> dict[Key, Bootstrap]:
    """The replicates of these runs that lie here; those of other numbers are passed over."""
    name = "f1_micro_tuned"
    return {
        run.key: resampled
        for run in runs
        if (resampled := replicates_of_runs.get(run.key))
        and isclose(resampled.observed[name], run.metrics["test"][name], abs_tol=1e-6)
    }


def compare_experiments(
    runs: list[Run],
    scores_of_runs: Callable[[], Mapping[Key, Callable[[], Mapping[str, np.ndarray]]]],
    replicates_of_runs: Mapping[Key, Bootstrap],
    recorded_comparisons: Mapping[str, Any],
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    parameters: Mapping[str, Any],
) -> dict[str, Any]:
    """By table: the reference and, for each other experiment and metric, how far it is from it."""
    gold = documents["test"].label_matrix(len(code_index))
    tuned = {run.key: run.metrics["test"]["threshold_tuned"] for run in runs}
    official = {
        run.key: run.metrics["test"]["official_threshold"]
        for run in runs
        if "official_threshold" in run.metrics["test"]
    }
    here, scores = replicates_of_these(runs, replicates_of_runs), scores_of_runs()
    baselines = {run.experiment for run in runs if run.kind == BASELINE}

    @cache
    def compared_run(key: Key) -> ComparedRun:
        of_test = scores[key]()["test"]
        run = ComparedRun.of(gold, of_test, tuned[key], here[key])
        if key not in official:
            return run
        known = known_codes(documents["train"].label_matrix(len(code_index)))
        seen = official_predictions(gold, of_test, known, threshold=official[key])
        return replace(run, official=seen)

    @cache
    def compared(experiment: str, reference: str) -> tuple[int, dict[str, Difference]]:
        pairs = paired_runs(experiment, reference, list(tuned), baselines)
        if not pairs:
            return 0, {}
        sides = ([compared_run(key) for key in side] for side in zip(*pairs, strict=True))
        return len(pairs), compare(*sides, draws=DRAWS)

    k = cohort_section(parameters["cohorts"], parameters["cohort"], "report", ReportSettings).k
    tables = {}
    for name, layout in table_layouts(parameters).items():
        of_it = [run for run in runs if run.experiment in layout.experiments]
        these, metrics = {"runs": contents(of_it)}, compared_metrics(layout, k)
        if layout.reference not in these["runs"] or len(these["runs"]) < 2 or not metrics:
            continue
        if all(run.key in here and run.key in scores for run in of_it):
            tables[name] = these | table_of_comparisons(layout, metrics, compared)
        elif recorded_comparisons.get(name, {}).get("runs") == these["runs"]:
            tables[name] = recorded_comparisons[name]
        else:
            said = (
                "Not tested, for the scores of some runs are not on this machine, and none of just "
                "these runs is recorded; "
                f"`dvc repro studies/{parameters['cohort']}/dvc.yaml:{name}` makes it"
            )
            logger.warning("%s: %s", name, said)
            untested = {"rows": [], "left_out": said}
            tables[name] = {"reference": layout.reference, "draws": DRAWS, **untested}
    return {name: table for name, table in tables.items() if table["rows"] or "left_out" in table}


def compared_metrics(layout: Layout, k: int) -> list[str]:
    """What is compared, where runs have it: with the tests of these, Holm's correction counts."""
    macro = ("f1_macro_caml", "f1_macro_per_code")
    at_half = ["f1_micro", *macro, f"p_at_{k}", "map"]
    names = [
        "official_map",
        "official_f1",
        *at_half,
        *(f"{name}_tuned" for name in ("f1_micro", *macro)),
    ]
    return [name for name in names if not layout.metrics or name in layout.metrics]


def paired_runs(
    first: str, second: str, keys: Sequence[Key], baselines: Collection[str]
) -> list[tuple[Key, Key]]:
    """The runs of the seeds that both have; a baseline, which no seed moves, stands for any."""
    of_first, of_second = (
        {seed: (name, seed) for experiment, seed in keys if experiment == name}
        for name in (first, second)
    )
    if first in baselines and second not in baselines:
        of_first = {seed: key for seed in of_second for key in of_first.values()}
    elif second in baselines and first not in baselines:
        of_second = {seed: key for seed in of_first for key in of_second.values()}
    return [(of_first[seed], of_second[seed]) for seed in sorted(of_first.keys() & of_second)]


def table_of_comparisons(layout: Layout, metrics: list[str], compared: Compared) -> dict[str, Any]:
    """Every row of a table against its reference, the p values adjusted over all its tests."""
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
