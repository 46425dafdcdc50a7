"""Everything that was run on a cohort > one page, and its tables in Markdown."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from isd_pipeline.pipelines.plans import FLOORS, notes_of
from isd_pipeline.pipelines.sections import (
    ReportSettings,
    cohort_section,
    experiment_row,
    table_layouts,
)

if TYPE_CHECKING:
    import pandas as pd

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.evaluation.resampling import Bootstrap
    from isd_pipeline.pipelines.runs import Key, RunRecord
    from isd_pipeline.reports.results import CohortStatistics, RunResult
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary

DEVICES = {0.0: "CPU", 1.0: "GPU"}
SHOWN_VERSIONS = ("isd-pipeline", "torch", "gensim", "scikit-learn", "numpy", "pandas")


def make_report(
    runs: list[RunRecord],
    code_tables: Mapping[Key, pd.DataFrame],
    draws_of_runs: Mapping[Key, Bootstrap],
    comparisons: Mapping[str, Any],
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
    notes = notes_of(parameters)
    results = [
        _result(
            run,
            code_tables.get(run.key),
            draws_of_runs.get(run.key),
            notes.get(run.experiment, ""),
        )
        for run in _in_order(runs, parameters)
    ]
    if not results:
        raise ValueError(
            f"data/08_reporting/{cohort}/runs: no evaluated run yet; train and evaluate one first"
        )
    _refuse_half_evaluated(runs, cohort)
    shared: dict[str, Any] = {
        "cohort": cohort,
        "layouts": table_layouts(parameters),
        "comparisons": comparisons,
        "paper": parameters["paper"].get(cohort),
        "k": settings.k,
        "synthetic": bool(settings.stamp),
    }
    html = page(
        results,
        **shared,
        statistics=_statistics(documents, code_index, parameters),
        facts=_facts(code_index, vocabulary),
        paper_cohort=parameters["paper_cohorts"].get(cohort),
    )
    return html, results_markdown(results, **shared)


def _refuse_half_evaluated(runs: list[RunRecord], cohort: str) -> None:
    for run in runs:
        if not run.strata or not run.calibration:
            folder = f"data/08_reporting/{cohort}/runs/{run.experiment}/seed_{run.seed}"
            raise ValueError(
                f"{folder}: evaluated before strata and calibration were; evaluate it again: "
                "`kedro run --pipelines=evaluate` (a linear floor: `floor`) with its --params"
            )


def _in_order(runs: list[RunRecord], parameters: Mapping[str, Any]) -> list[RunRecord]:
    """As the experiments stand in their file; what is no longer there comes last."""
    order = list(parameters["experiments"])
    return sorted(
        runs,
        key=lambda run: order.index(run.experiment) if run.experiment in order else len(order),
    )


def _result(
    run: RunRecord, per_code: pd.DataFrame | None, drawn: Bootstrap | None, note: str
) -> RunResult:
    from isd_pipeline.reports.results import RunResult

    return RunResult(
        experiment=run.experiment,
        seed=run.seed,
        metrics=run.metrics["test"],
        history=run.history,
        strata=run.strata,
        per_code=per_code,
        calibration=run.calibration,
        drawn=drawn,
        minutes=run.training.get("minutes"),
        device=DEVICES.get(run.training.get("on_gpu", -1.0), ""),
        floor=run.experiment in FLOORS,
        note=note,
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
