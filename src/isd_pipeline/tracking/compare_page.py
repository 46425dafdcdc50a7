"""The link that opens MLflow on runs to compare, with their metrics and parameters chosen.

The address of MLflow's page of runs takes no choice but a key; under that key, a tag of the
MLflow experiment keeps the choice, as "Share" in the page's own menu does. Ours groups the
trainings by experiment, so that the page shows means over seeds. It has a bar chart for each
metric, the curves of the development set and, in the list, the parameters that differ. More than
six experiments nobody can tell apart by colour: the best six are chosen, and the others are told.

MLflow opens in its view of language models, where no training is to be found, unless the address
names the other one (OF_TRAININGS).
"""

import json
from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from isd_pipeline.config.reading import refuse_unknown
from isd_pipeline.tracking.about import NOTE, OF_EXPERIMENT
from isd_pipeline.tracking.tracker import Tracker

SHOWN = (
    *("test/f1_micro", "test/f1_macro_caml", "test/f1_micro_tuned", "test/f1_macro_caml_tuned"),
    *("test/auc_micro", "test/auc_macro", "test/p_at_5", "test/p_at_8"),
)
CURVE = "dev/f1_micro_tuned"
TELL_APART = ("cohort", "experiment", "seed")
SECTION = "compared"
OF_TRAININGS = "workflowType=machine_learning"
AT_MOST = 6
LEADING = "test/f1_micro_tuned"


class Compared(NamedTuple):
    """The address of the page, the experiments on it, best first, and those that are left out."""

    link: str
    shown: list[str]
    left_out: list[str]


def start_link(tracker: Tracker) -> str:
    """The address of the list of all trainings."""
    experiment = tracker.experiment_id
    tracker.client.set_experiment_tag(experiment, NOTE, OF_EXPERIMENT)  # of an older one, too
    return f"{tracker.settings.ui}/#/experiments/{experiment}/runs?{OF_TRAININGS}"


def compare_link(
    tracker: Tracker, cohort: str, table: str | None = None, only: Sequence[str] = ()
) -> Compared:
    """What compares the trainings of a cohort, or those of one of its tables.

    `only` names the experiments; without it they are the best six by micro-F1.
    """
    condition = f"tags.cohort = '{cohort}' and metrics.`{SHOWN[0]}` >= 0"
    making = f"`kedro run --pipelines=publish --params cohort={cohort}` fills it from files"
    if table is not None:
        condition += f" and tags.{table} = 'yes'"
        making = f"`dvc repro studies/{cohort}/dvc.yaml:{table}` makes them"
    runs = newest(tracker.search(condition))
    if not runs:
        raise ValueError(f"MLflow has no runs of {table or 'any table'} on {cohort}: {making}")
    ranked = best_first(runs)
    for name in only:
        refuse_unknown(name, ranked, f"--only: MLflow's runs of {cohort}")
    shown = [*only] or ranked[:AT_MOST]
    state = view([run for run in runs if run.data.tags["experiment"] in shown])
    key = "-".join([cohort, table or "all", *only])
    name = f"mlflow.sharedViewState.{key}"
    tracker.client.set_experiment_tag(tracker.experiment_id, name, json.dumps(state))
    link = f"{start_link(tracker)}&viewStateShareKey={key}&compareRunsMode=CHART"
    return Compared(link, shown, [name for name in ranked if name not in shown])


def best_first(runs: Sequence[Any]) -> list[str]:
    """The experiments, by the mean over their runs of micro-F1 at the tuned threshold."""
    found: dict[str, list[float]] = {}
    for run in runs:
        value = run.data.metrics.get(LEADING, run.data.metrics[SHOWN[0]])
        found.setdefault(run.data.tags["experiment"], []).append(value)
    return sorted(found, key=lambda name: -fmean(found[name]))


def newest(runs: Sequence[Any]) -> list[Any]:
    """Of runs that come newest first, one of each experiment and seed."""
    found: dict[tuple[str, str], Any] = {}
    for run in runs:
        found.setdefault((run.data.tags["experiment"], run.data.tags["seed"]), run)
    return list(found.values())


def view(runs: Sequence[Any]) -> dict[str, Any]:
    """The state of the page that shows these runs, under MLflow's own names."""
    metrics = [name for name in SHOWN if any(name in run.data.metrics for run in runs)]
    columns = [f"metrics.`{name}`" for name in metrics]
    columns += [f"params.`{name}`" for name in differing(runs)]
    charts = [_chart("BAR", name, metricKey=name) for name in metrics]
    charts += [_chart("LINE", CURVE, metricKey=CURVE)]
    ids = ", ".join(f"'{run.info.run_id}'" for run in runs)
    by = [{"mode": "param", "groupByData": "experiment"}]
    groups = {f"param.experiment.{run.data.tags['experiment']}": False for run in runs}
    section = {"uuid": SECTION, "name": "Compared", "display": True, "isReordered": True}
    section |= {"columns": 2, "cardHeight": 440}  # room for six names on a laptop
    return {
        "searchFilter": f"attributes.run_id IN ({ids})",
        "orderByKey": "attributes.start_time",
        "orderByAsc": True,
        "selectedColumns": columns,
        "groupBy": {"aggregateFunction": "average", "groupByKeys": by},
        "groupsExpanded": groups,  # a line a group, in the order of the bars
        "runsHiddenMode": "SHOW_ALL",
        "compareRunSections": [section],
        "compareRunCharts": charts,
        "isAccordionReordered": True,  # ours stays above those that MLflow adds
    }


def differing(runs: Sequence[Any]) -> list[str]:
    """The parameters that have more than one value, but for those that tell the runs apart."""
    pairs = {pair for run in runs for pair in run.data.params.items()}
    several = sorted(name for name, n in Counter(name for name, _ in pairs).items() if n > 1)
    return [name for name in several if name not in TELL_APART]


def _chart(kind: str, name: str, **settings: Any) -> dict[str, Any]:
    fixed = {"metricSectionId": SECTION, "deleted": False, "isGenerated": False}
    own = {"type": kind, "uuid": f"{SECTION}-{name}", "runsCountToCompare": 100}
    return {**fixed, **own, **settings}
