"""What the pages of MLflow say above their figures, in Markdown: numbers and settings alone."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from isd_pipeline.config.cohorts import is_generated
from isd_pipeline.config.reading import flatten
from isd_pipeline.config.rows import own_row, system_of
from isd_pipeline.predictors.registry import kind_of
from isd_pipeline.reports.cells import NONE, Table, label, number
from isd_pipeline.reports.markdown import markdown
from isd_pipeline.tracking.tracker import RunKey

TOY = "Its notes are generated: a toy, whose figures say nothing of real notes."
TWICE = ("f1_micro", "f1_macro_caml")  # at 0.5 and at the threshold tuned on dev
ONCE = ("auc_micro", "auc_macro", "map", "p_at_5", "p_at_8")
LEADING = "f1_micro_tuned"
BEST = 6


def run_note(
    key: RunKey, parameters: Mapping[str, Any], metrics: Mapping[str, Mapping[str, float]]
) -> str:
    """The description of a training: what it is, its main figures, settings, how to make it again.

    Of an experiment whose row is gone the settings stay unsaid.
    """
    chosen = f"cohort={key.cohort},experiment={key.experiment},seed={key.seed}"
    known = key.experiment in parameters["experiments"]
    parts = [
        f"**{key.experiment}** on **{key.cohort}**, seed {key.seed}: {_in_short(metrics['test'])}.",
        _what(key, parameters) if known else "Its row is no longer among the experiments.",
        _figures(metrics["test"]),
        _settings(key, parameters) if known else "",
        f"Make it again: `kedro run --pipelines=train,evaluate --params={chosen}`. Hold that "
        f"against the record: `isd reproduce {key.cohort} {key.experiment} {key.seed}`.",
    ]
    return "\n\n".join(part for part in parts if part)


def cohort_note(
    cohort: str, parameters: Mapping[str, Any], runs: Sequence[Any], page: str = ""
) -> str:
    """The description of a cohort's run: its best experiments; `page` is where its report is."""
    by_experiment: dict[str, list[float]] = {}
    for run in runs:
        if (value := run.metrics["test"].get(LEADING)) is not None:
            by_experiment.setdefault(run.experiment, []).append(value)
    means = sorted(((fmean(values), name) for name, values in by_experiment.items()), reverse=True)
    rows = tuple((name, str(len(by_experiment[name])), number(mean)) for mean, name in means[:BEST])
    title = f"Best of {len(by_experiment)} experiments, {len(runs)} runs"
    best = markdown(Table(title, ("experiment", "seeds", label(LEADING)), rows, {"experiment"}))
    parts = [
        f"**{cohort}**: all trainings on this cohort stand below this run (**+** in the list).",
        TOY if is_generated(parameters["cohorts"], cohort) else "",
        best if rows else "",
        page,
        f"Compare them: `isd compare {cohort}`. Print them: `isd summary {cohort}`.",
    ]
    return "\n\n".join(part for part in parts if part)


def _in_short(test: Mapping[str, float]) -> str:
    """What is read first: MLflow folds a description after its first lines."""
    shown = [(name, f"{name}_tuned" if f"{name}_tuned" in test else name) for name in TWICE]
    best = ", ".join(f"{label(name)} {number(test.get(tuned))}" for name, tuned in shown)
    return f"{best}, both at the threshold tuned on dev; P@8 {number(test.get('p_at_8'))}"


def _what(key: RunKey, parameters: Mapping[str, Any]) -> str:
    row, system = own_row(parameters, key.experiment), system_of(parameters, key.experiment)
    title = f" ({row['title']})" if row.get("title") else ""
    toy = f" {TOY}" if is_generated(parameters["cohorts"], key.cohort) else ""
    return f"{kind_of(system).capitalize()}, system `{system}`{title}.{toy}"


def _figures(test: Mapping[str, float]) -> str:
    """A row of the figures at both thresholds, and a row of those that need none."""
    twice = tuple(
        (label(name), number(test.get(name)), number(test.get(f"{name}_tuned"))) for name in TWICE
    )
    once = tuple((label(name), number(test.get(name)), NONE) for name in ONCE if name in test)
    columns = ("test", "at 0.5 or of the ranking", "tuned on dev")
    return markdown(Table("Main figures", columns, (*twice, *once), {"test"}))


def _settings(key: RunKey, parameters: Mapping[str, Any]) -> str:
    row = own_row(parameters, key.experiment)
    given = flatten(
        {name: row[name] for name in ("model", "objective", "training") if row.get(name)}
    )
    own = ", ".join(f"`{name}` {_said(value)}" for name, value in given.items())
    differs = f"differs from its system's defaults in {own}" if own else "is its system's defaults"
    return (
        f"This row {differs}; what its cohort's profile adds stands under Parameters. "
        f"`isd show {key.cohort} {key.experiment}` prints where each setting comes from."
    )


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
