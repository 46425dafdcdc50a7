"""What there is: cohorts, experiments, tables, bundles; what lies here and what is recorded."""

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from isd_pipeline.catalog.results import RUNS
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.loading import read_parameters
from isd_pipeline.config.reports import read_tables
from isd_pipeline.config.rows import system_of
from isd_pipeline.studies.clock import has_files

Row = dict[str, Any]


def cohorts(root: Path) -> list[Row]:
    """Each cohort, whether its raw files and prepared documents lie here, how many runs it has."""
    sections = read_parameters(root / "conf")["cohorts"]
    return [_cohort(name, sections, root) for name in sections]


def _cohort(name: str, sections: Mapping[str, Any], root: Path) -> Row:
    settings = cohort_section(sections, name, "extract", ExtractSettings)
    is_there = has_files(root / settings.raw)
    generated = "generate" in sections[name]
    return {
        "name": name,
        "source": "generated" if generated else settings.source,
        "raw_files": "here" if is_there else "made by `generate`" if generated else "missing",
        "prepared": (root / "data/05_model_input" / name).is_dir(),
        "recorded_runs": len(_lines(root / "results" / name / RUNS)),
        "raw": settings.raw,
    }


def experiments(root: Path) -> list[Row]:
    """Each experiment, its system and what is in it."""
    parameters = read_parameters(root / "conf")
    rows = parameters["experiments"]
    return [
        {
            "name": name,
            "system": system_of(parameters, name),
            "title": (rows[name] or {}).get("title", ""),
        }
        for name in rows
    ]


def tables(root: Path) -> list[Row]:
    """Each table, how many rows it has, and the cohorts of which it is recorded."""
    found = read_tables(read_parameters(root / "conf"))
    recorded = {
        name: sorted(path.parents[1].name for path in root.glob(f"results/*/tables/{name}.json"))
        for name in found
    }
    return [
        {
            "name": name,
            "rows": len(table.experiments),
            "title": table.title,
            "recorded_for": recorded[name],
        }
        for name, table in found.items()
    ]


def bundles(root: Path) -> list[Row]:
    """Each bundle under bundles/, by its own words; it is not opened."""
    from isd_pipeline.coding.bundle import RECORD  # with torch, which the others do without

    records = sorted(root.glob(f"bundles/*/{RECORD}"))
    said = [(path.parent, json.loads(path.read_text(encoding="utf-8"))) for path in records]
    return [
        {
            "name": folder.relative_to(root).as_posix(),
            "cohort": record.get("cohort", ""),
            "experiment": record.get("experiment", ""),
            "codes": len(record.get("training_counts", ())),
            "sha256": record.get("sha256", ""),
        }
        for folder, record in said
    ]


KINDS: dict[str, Callable[[Path], list[Row]]] = {
    "cohorts": cohorts,
    "experiments": experiments,
    "tables": tables,
    "bundles": bundles,
}


def overview(root: Path) -> list[str]:
    """A line for each kind, with the command that lists it."""
    found = {name: of(root) for name, of in KINDS.items()}
    of_cohorts = found["cohorts"]
    here = sum(one["raw_files"] == "here" for one in of_cohorts)
    recorded = sum(one["recorded_runs"] > 0 for one in of_cohorts)
    told = {"cohorts": f", {here} with raw files here, {recorded} with recorded runs"}
    return [
        f"{len(rows):3} {name + told.get(name, '')}: `isd list {name}`"
        for name, rows in found.items()
    ]


def as_lines(rows: Iterable[Row]) -> list[str]:
    """Rows as columns, each as wide as its widest cell; the last as it is."""
    rows = [*rows]
    if not rows:
        return ["none: `isd bundle COHORT EXPERIMENT` makes one of a run"]  # all others are there
    heads = [name for name in rows[0] if name not in ("raw", "sha256")]
    cells = [[_cell(row[name]) for name in heads] for row in rows]
    cells = [[name.replace("_", " ") for name in heads], *cells]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    ]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)


def summary_of(folder: Path) -> dict[str, Any]:
    """The test metrics of each experiment of a cohort's record, mean and sd (n - 1) over seeds."""
    by_experiment: dict[str, list[Mapping[str, float]]] = {}
    for line in _lines(folder / RUNS):
        by_experiment.setdefault(line["experiment"], []).append(line["metrics"]["test"])
    return {
        name: {"seeds": len(runs), "test": {key: _mean(key, runs) for key in runs[0]}}
        for name, runs in by_experiment.items()
    }


def _mean(key: str, runs: Iterable[Mapping[str, float]]) -> dict[str, float]:
    values = [run[key] for run in runs if run.get(key) is not None]
    return {"mean": fmean(values)} | ({"sd": stdev(values)} if len(values) > 1 else {})


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
