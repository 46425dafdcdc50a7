"""Everything that was run on a cohort > one page, and its tables in Markdown."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.pipelines import formats
from isd_pipeline.pipelines.plans import FLOORS
from isd_pipeline.pipelines.sections import ReportSettings, cohort_section, experiment_row

if TYPE_CHECKING:
    import pandas as pd

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.reports.results import CohortStatistics, RunResult
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary

DEVICES = {0.0: "CPU", 1.0: "GPU"}
SHOWN_VERSIONS = ("isd-pipeline", "torch", "gensim", "scikit-learn", "numpy", "pandas")


@dataclass(frozen=True)
class RunRecord:
    """The small files of one run, as the stages left them."""

    experiment: str
    seed: int
    metrics: Mapping[str, Mapping[str, float]]
    by_frequency: list[dict[str, Any]]
    training: Mapping[str, float]
    history: pd.DataFrame | None


def read_runs(folder: Path) -> list[RunRecord]:
    """Every evaluated run of a cohort; a training that was not evaluated yet is passed over."""
    return [_read_run(path.parent) for path in sorted(folder.glob("*/seed_*/metrics.json"))]


def read_code_tables(folder: Path) -> dict[tuple[str, int], pd.DataFrame]:
    """The table by code of every run, by (experiment, seed)."""
    return {
        _key(path.parent): formats.read_frame(path)
        for path in sorted(folder.glob("*/seed_*/by_code.parquet"))
    }


def make_report(
    runs: list[RunRecord],
    code_tables: Mapping[tuple[str, int], pd.DataFrame],
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any],
) -> tuple[str, str]:
    """The page as HTML and its tables as Markdown."""
    from isd_pipeline.reports.markdown import results_markdown
    from isd_pipeline.reports.page import page

    cohort = parameters["cohort"]
    settings = cohort_section(parameters["cohorts"], cohort, "report", ReportSettings)
    results = [_result(run, code_tables) for run in _in_order(runs, parameters)]
    if not results:
        raise ValueError(
            f"data/08_reporting/{cohort}/runs: no evaluated run yet; train and evaluate one first"
        )
    paper = (parameters.get("paper") or {}).get(cohort) or {}
    html = page(
        results,
        cohort=cohort,
        statistics=_statistics(documents, code_index, parameters),
        facts=_facts(code_index, vocabulary),
        paper=paper,
        paper_cohort=(parameters.get("paper_cohorts") or {}).get(cohort),
        synthetic=bool(settings.stamp),
    )
    tables = results_markdown(results, cohort=cohort, paper=paper, synthetic=bool(settings.stamp))
    return html, tables


def _read_run(folder: Path) -> RunRecord:
    history = folder / "history.csv"
    return RunRecord(
        *_key(folder),
        metrics=formats.read_json(folder / "metrics.json"),
        by_frequency=formats.read_json(folder / "by_frequency.json"),
        training=formats.read_json(folder / "training.json"),
        history=formats.read_csv(history) if history.exists() else None,
    )


def _key(folder: Path) -> tuple[str, int]:
    return folder.parent.name, int(folder.name.removeprefix("seed_"))


def _in_order(runs: list[RunRecord], parameters: Mapping[str, Any]) -> list[RunRecord]:
    """As the experiments stand in their file; what is no longer there comes last."""
    order = list(parameters["experiments"])
    return sorted(
        runs,
        key=lambda run: order.index(run.experiment) if run.experiment in order else len(order),
    )


def _result(
    run: RunRecord,
    code_tables: Mapping[tuple[str, int], pd.DataFrame],
) -> RunResult:
    from isd_pipeline.reports.results import RunResult

    return RunResult(
        experiment=run.experiment,
        seed=run.seed,
        metrics=run.metrics["test"],
        history=run.history,
        by_frequency=run.by_frequency,
        per_code=code_tables.get((run.experiment, run.seed)),
        minutes=run.training.get("minutes"),
        device=DEVICES.get(run.training.get("on_gpu", -1.0), ""),
        floor=run.experiment in FLOORS,
    )


def _statistics(
    documents: Mapping[str, Documents], code_index: CodeIndex, parameters: Mapping[str, Any]
) -> CohortStatistics:
    from isd_pipeline.reports.results import CohortStatistics, SplitStatistics

    row = experiment_row(
        parameters["cohorts"], parameters["cohort"], parameters["experiments"], "isd"
    )
    return CohortStatistics(
        splits={
            split: SplitStatistics.of(those.lengths, those.label_matrix(len(code_index)))
            for split, those in documents.items()
        },
        max_tokens=row.get("training", {}).get("max_tokens", 4000),
    )


def _facts(code_index: CodeIndex, vocabulary: Vocabulary) -> dict[str, Any]:
    return {
        "codes": f"{len(code_index):,}, fingerprint {code_index.fingerprint}",
        "vocabulary": f"{len(vocabulary):,} words, fingerprint {vocabulary.fingerprint}",
        "python": platform.python_version(),
        **{name: version(name) for name in SHOWN_VERSIONS},
    }
