"""Everything that was run on a cohort > one page, and its tables in Markdown."""

import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from isd_pipeline.catalog.results import Key, Run, contents
from isd_pipeline.config.cohorts import cohort_section, is_generated, name_in_paper
from isd_pipeline.config.experiments import notes_of
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reports import ReportSettings, published_task, stamp_of, table_layouts
from isd_pipeline.config.rows import merged_row
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.files import fingerprint_files
from isd_pipeline.predictors.registry import NETWORK
from isd_pipeline.reports.data_card import card_markdown, data_card
from isd_pipeline.reports.markdown import results_markdown
from isd_pipeline.reports.page import page
from isd_pipeline.reports.results import CohortStatistics, Report, RunResult, SplitStatistics
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.vocabulary import Vocabulary

SHOWN_VERSIONS = ("isd-pipeline", "torch", "gensim", "scikit-learn", "numpy", "pandas")


def make_data_card(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    cohort_counts: Mapping[str, float],
    parameters: Mapping[str, Any],
) -> tuple[dict[str, Any], str]:
    """What the cohort's data are, as JSON and as Markdown; needs no run."""
    cohort, cohorts = parameters["cohort"], parameters["cohorts"]
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    card = data_card(
        _statistics(documents, code_index, parameters),
        code_index,
        cohort_counts,
        cohort=cohort,
        source=_source(settings),
        fingerprints=_fingerprints(documents, code_index, vocabulary),
        raw=fingerprint_files(Path(settings.raw)),
    )
    return card, card_markdown(card, stamp_of(cohorts, cohort, cohort_counts))


def _source(settings: ExtractSettings) -> dict[str, Any]:
    """What the cohort's section says of its data, but for where they lie."""
    found: dict[str, Any] = {"source": settings.source, "codes": settings.codes}
    if settings.source == "codiesp":
        return {**found, "language": settings.language, "kind": settings.kind}
    if settings.source == "cantemist":
        return {**found, "system": "ICD-O-3", "dev": settings.dev}
    if settings.source == "custom":
        return {**found, "system": settings.custom.system}
    return {**found, "label_space": settings.label_space, "real": settings.real}


def _fingerprints(
    documents: Mapping[str, Documents], code_index: CodeIndex, vocabulary: Vocabulary
) -> dict[str, str]:
    """Of the codes, the words, and each split as a model reads it."""
    found = {"codes": code_index.fingerprint, "vocabulary": vocabulary.fingerprint}
    for split, those in documents.items():
        data = hashlib.sha256("\n".join(those.ids.tolist()).encode())
        for part in (those.tokens, those.token_starts, those.labels, those.label_starts):
            data.update(part.tobytes())
        found[split] = data.hexdigest()[:16]
    return found


def make_report(
    runs: list[Run],
    code_tables: Mapping[Key, pd.DataFrame],
    intervals: Mapping[str, Any],
    comparisons: Mapping[str, Any],
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any],
    data_card: Mapping[str, Any],
) -> tuple[str, str]:
    """The page as HTML and its tables as Markdown."""
    cohort = parameters["cohort"]
    settings = cohort_section(parameters["cohorts"], cohort, "report", ReportSettings)
    name, task = name_in_paper(parameters["cohorts"], cohort), settings.official
    notes, of_experiment = notes_of(parameters), contents(runs)
    of_these_runs = {
        experiment: known["intervals"]
        for experiment, known in intervals.items()
        if known["runs"] == of_experiment.get(experiment)
    }
    results = [
        RunResult(
            experiment=run.experiment,
            seed=run.seed,
            metrics=run.metrics["test"],
            history=run.history,
            strata=run.breakdowns,
            per_code=code_tables.get(run.key),
            calibration=run.calibration,
            evidence=run.evidence,
            intervals=of_these_runs.get(run.experiment, {}),
            minutes=run.training.get("minutes"),
            device=run.device.upper(),
            kind=run.kind or NETWORK,
            note=notes.get(run.experiment, ""),
        )
        for run in runs
    ]
    if not results:
        raise ValueError(f"results/{cohort}: no run yet; train, evaluate and record one first")
    for run in runs:
        if not run.breakdowns or not run.calibration:
            raise ValueError(
                f"results/{cohort}: {run.experiment}, seed {run.seed}, has no breakdowns or no "
                "calibration; evaluate it again: `kedro run --pipelines=evaluate,record` with its "
                "--params"
            )
    facts = {
        "codes": f"{len(code_index):,}, fingerprint {code_index.fingerprint}",
        "vocabulary": f"{len(vocabulary):,} words, fingerprint {vocabulary.fingerprint}",
        "python": platform.python_version(),
        **{name: version(name) for name in SHOWN_VERSIONS},
    }
    report = Report(
        runs=results,
        cohort=cohort,
        statistics=_statistics(documents, code_index, parameters),
        facts=facts,
        layouts=table_layouts(parameters),
        comparisons=comparisons,
        paper=parameters["paper"].get(name, {}),
        paper_cohort=parameters["paper_cohorts"].get(name, {}),
        k=settings.k,
        synthetic=is_generated(parameters["cohorts"], cohort),
        stamp=stamp_of(parameters["cohorts"], cohort, data_card["counts"]),
        card=data_card,
        published=published_task(parameters["published"], task) if task else None,
        translated=_is_translated(parameters["cohorts"], cohort),
    )
    return page(report), results_markdown(report)


def _is_translated(cohorts: Mapping[str, Any], cohort: str) -> bool:
    """Whether a cohort is CodiEsp's own English translation."""
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    return settings.source == "codiesp" and settings.language == "en"


def _statistics(
    documents: Mapping[str, Documents], code_index: CodeIndex, parameters: Mapping[str, Any]
) -> CohortStatistics:
    row = merged_row(parameters, "isd").settings
    return CohortStatistics(
        splits={
            split: SplitStatistics.of(those.lengths, those.label_matrix(len(code_index)))
            for split, those in documents.items()
        },
        max_tokens=row.get("training", {}).get("max_tokens", 4000),
    )
