"""Fill the tables of docs/results.md from the record of all runs, results/.

    python docs/results_tables.py            writes the page anew
    python docs/results_tables.py --check    says whether the page holds what the files hold

A table stands between `<!-- table {...} -->` and `<!-- end -->`; the braces say, in YAML, of which
`cohort` and `table` (the comparison), its `rows` and their names, its `columns`, and the `metric`
whose difference to the table's reference comes last. `evidence: true` makes one of plausibility.
What ends in `_cpu` or `_gpu` is of the seeds that were trained there. A row with † was made with
the former regression, whose intercept was penalised.

Between `<!-- published {...} -->` and `<!-- end -->` stand the published systems of an official
`task` (conf/base/parameters_published.yml) and, of a `cohort`, its `rows`, the highest MAP first.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cache
from math import isnan, nan
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import yaml

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.catalog.results import Run, read_results
from isd_pipeline.config.reports import published_task
from isd_pipeline.reports.official import place, printed_row

PAGE = Path(__file__).parent / "results.md"
RESULTS = Path(__file__).parents[1] / "results"
PUBLISHED = Path(__file__).parents[1] / "conf/base/parameters_published.yml"
MARKED = re.compile(r"<!-- (table|published) (\{.*?\}) -->\n.*?<!-- end -->", re.S)
OFFICIAL = ("official_map", "official_f1")
HEADINGS = {
    "seeds": "seeds",
    "official_map": "MAP, official",
    "official_f1": "F1, official",
    "f1_micro": "micro-F1 at 0.5",
    "f1_micro_tuned": "micro-F1, tuned",
    "f1_macro_caml": "macro-F1 at 0.5",
    "f1_macro_caml_tuned": "macro-F1, tuned",
    "p_at_5": "P@5",
    "p_at_8": "P@8",
    "auc_micro": "micro-AUC",
    "trained_on": "on",
    "minutes": "minutes",
    "minutes_cpu": "minutes, CPU",
    "minutes_gpu": "minutes, GPU",
    "epochs": "epochs",
    "peak_memory_gb": "GB",
    "peak_memory_gb_cpu": "GB, CPU",
    "peak_memory_gb_gpu": "GB, GPU",
    "attention_sd": "deviation of the attention, ×10⁻³",
    "attention_entropy": "entropy, nats",
    "attention_words": "words attended to",
    "average_precision": "average precision",
    "precision_at_5": "precision, 5 words",
    "recall_at_5": "recall, 5 words",
    "iou_at_5": "IoU, 5 words",
    "first": "first word annotated",
}
DIGITS = {"minutes": 1, "epochs": 0, "seeds": 0, "peak_memory_gb": 2, "attention_words": 0}
DEVICES = ("cpu", "gpu")
REGRESSION = "logistic_regression"
FORMER = ("codiesp_50", "codiesp_full", "codiesp_es_50", "synthetic_3000", "synthetic_30000")
SCALES = {"attention_sd": 1000.0}


@cache
def recorded(cohort: str) -> list[Run]:
    """Every run of a cohort."""
    return read_results(RESULTS / cohort)


def runs_of(cohort: str, experiment: str, device: str = "") -> list[Run]:
    """Its seeds; those trained on a device, if one is named."""
    runs = [run for run in recorded(cohort) if run.experiment == experiment]
    if not runs:
        raise FileNotFoundError(f"{cohort}: no run of {experiment} is recorded")
    return [run for run in runs if device in ("", run.device)]


def row_name(cohort: str, experiment: str, name: str | None) -> str:
    """As the table calls it, or as the experiment; with † where it is of the former regression."""
    called = name or f"`{experiment}`"
    if cohort in FORMER and any(map(weighs_regression, runs_of(cohort, experiment))):
        return f"{called} †"
    return called


def weighs_regression(run: Run) -> bool:
    """Whether it is the regression or an ensemble that has it among its base models."""
    base = ((run.settings or {}).get("model") or {}).get("base_models", ())
    return REGRESSION in (run.experiment, *base)


def values_of(cohort: str, experiment: str, column: str) -> list[float]:
    """One number a seed: a test metric, a figure of the training, or the F1 of a frequency."""
    name, _, device = column.rpartition("_")
    name, device = (name, device) if device in DEVICES else (column, "")
    runs = runs_of(cohort, experiment, device)
    if name == "seeds":
        return [float(len(runs))]
    return [_value(run, name) * SCALES.get(name, 1.0) for run in runs]


def trained_on(cohort: str, experiment: str) -> str:
    """How many seeds were trained on which device."""
    counts = {name.upper(): len(runs_of(cohort, experiment, name)) for name in DEVICES}
    return ", ".join(f"{name} {count}" for name, count in counts.items() if count) or "–"


def _value(run: Run, column: str) -> float:
    found = {**run.training, **run.metrics["test"]}
    if column in found:
        return float(found[column])
    if column in HEADINGS:  # a linear baseline has no epochs and no memory of its own
        return nan
    frequency = {row["stratum"]: row for row in run.breakdowns["frequency"]}
    value = frequency[column]["f1_macro_per_code_present"]
    return nan if value is None else float(value)


def shown(values: list[float], digits: int) -> str:
    """The mean and, of several seeds that differ, the standard deviation."""
    if not values or any(map(isnan, values)):
        return "–"
    mean = f"{fmean(values):.{digits}f}"
    spread = stdev(values) if len(values) > 1 else 0.0
    return f"{mean} ± {spread:.{digits}f}" if spread > 0 else mean


def difference(cohort: str, table: str, experiment: str, metric: str) -> str:
    """To the table's reference: paired-bootstrap interval, and Holm's p over the table."""
    compared = read_json(RESULTS / cohort / "comparisons.json")[table]
    if experiment == compared["reference"]:
        return "–"
    keys = (experiment, metric)
    found = [row for row in compared["rows"] if (row["experiment"], row["metric"]) == keys]
    if not found:  # stands beside the table and is no row of it
        return ""
    (row,) = found
    number = "{:+.3f}".format
    told = f"{number(row['difference'])} [{number(row['low'])}, {number(row['high'])}]"
    p = "< 0.001" if row["p_holm"] < 0.001 else f"= {row['p_holm']:.3f}".removesuffix(".000")
    return f"{told}, p {p}".replace("-", "−")


def cell(cohort: str, experiment: str, column: str) -> str:
    """What a table says of an experiment in one column."""
    if column == "trained_on":
        return trained_on(cohort, experiment)
    digits = DIGITS.get(column.removesuffix("_cpu").removesuffix("_gpu"), 3)
    return shown(values_of(cohort, experiment, column), digits)


def comparison(asked: dict[str, Any]) -> list[list[str]]:
    """Experiments in rows."""
    cohort, table, columns = asked["cohort"], asked["table"], asked["columns"]
    metric, against = asked.get("metric"), asked.get("against")
    heads = ["", *(HEADINGS.get(column, column) for column in columns)]
    lines = [[*heads, *([f"{HEADINGS[metric]}, against {against}"] if metric else [])]]
    for experiment, name in asked["rows"].items():
        cells = [cell(cohort, experiment, column) for column in columns]
        tested = [difference(cohort, table, experiment, metric)] if metric else []
        lines.append([row_name(cohort, experiment, name), *cells, *tested])
    return lines


def plausibility(asked: dict[str, Any]) -> list[list[str]]:
    """Sources of evidence in rows, the worst first; the seed that was measured first."""
    cohort, columns = asked["cohort"], asked["columns"]
    found: dict[str, dict[str, float]] = {}
    for experiment, name in asked["rows"].items():
        runs = [run for run in runs_of(cohort, experiment) if run.evidence]
        sources = runs[0].evidence["sources"]
        found |= {source: of for source, of in sources.items() if source != "model"}
        found[row_name(cohort, experiment, name)] = sources["model"]
    order = sorted(found, key=lambda source: found[source]["average_precision"])
    lines = [["source", *(HEADINGS[column] for column in columns)]]
    return lines + [[of, *(f"{found[of][column]:.3f}" for column in columns)] for of in order]


def published(asked: dict[str, Any]) -> list[list[str]]:
    """Systems in rows: those that others published, in italics, and ours with their intervals."""
    sections = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))["published"]
    found = []
    for system, of in published_task(sections, asked["task"]).systems.items():
        name, *cells = printed_row(system, of)
        found.append((place(of.map, of.f1), [f"*{name}*", *cells[: 1 + len(OFFICIAL)]]))
    for experiment, name in asked.get("rows", {}).items():
        values = [values_of(asked["cohort"], experiment, column) for column in OFFICIAL]
        means = [None if any(map(isnan, of_seeds)) else fmean(of_seeds) for of_seeds in values]
        cells = [measured(asked["cohort"], experiment, column) for column in OFFICIAL]
        called = row_name(asked["cohort"], experiment, name)
        row = [called, f"here, `{asked['cohort']}`", *cells]
        found.append((place(*means), row))
    found.sort(key=lambda row: row[0], reverse=True)
    head = ["system", "source, year", *(HEADINGS[column] for column in OFFICIAL)]
    return [head, *(row for _, row in found)]


def measured(cohort: str, experiment: str, column: str) -> str:
    """Mean and deviation over seeds, and the mean's recorded interval over test documents."""
    path = RESULTS / cohort / "intervals.json"
    known = read_json(path).get(experiment, {}).get("intervals", {}) if path.exists() else {}
    bounds = [f"{bound:.3f}" for bound in known.get(column, ())]
    return cell(cohort, experiment, column) + (f" [{', '.join(bounds)}]" if bounds else "")


def filled(page: str) -> str:
    """The page with every marked table made anew."""

    def table(match: re.Match[str]) -> str:
        kind, asked = match[1], yaml.safe_load(match[2])
        make: Callable[[dict[str, Any]], list[list[str]]] = (
            plausibility if asked.get("evidence") else comparison
        )
        head, *rows = published(asked) if kind == "published" else make(asked)
        last = "---" if asked.get("metric") else "--:"
        words = 2 if kind == "published" else 1
        rule = [*["---"] * words, *["--:"] * (len(head) - words - 1), last]
        lines = ["| " + " | ".join(cells) + " |" for cells in (head, rule, *rows)]
        return "\n".join([f"<!-- {kind} {match[2]} -->", *lines, "<!-- end -->"])

    return MARKED.sub(table, page)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    made = filled(text)
    if "--check" in sys.argv:
        sys.exit(f"{PAGE}: run `python docs/results_tables.py`" if made != text else 0)
    PAGE.write_text(made, encoding="utf-8")
