"""Everything that was run on a cohort > one page, and its tables in Markdown."""

import hashlib
import logging
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from isd_pipeline.catalog.results import Key, Run, contents
from isd_pipeline.catalog.training_terms import language_of, terms_of
from isd_pipeline.config.cohorts import cohort_section, is_generated, name_in_paper
from isd_pipeline.config.experiments import notes_of, titles_of
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reports import ReportSettings, published_task, stamp_of, table_layouts
from isd_pipeline.config.rows import merged_row, run_of
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.files import fingerprint_files
from isd_pipeline.predictors.registry import NETWORK
from isd_pipeline.reports.again import commands_of
from isd_pipeline.reports.data_card import card_markdown, data_card
from isd_pipeline.reports.leading import leading_metric
from isd_pipeline.reports.markdown import results_markdown
from isd_pipeline.reports.page import page
from isd_pipeline.reports.recorded import recorded_codes
from isd_pipeline.reports.results import (
    CohortStatistics,
    Report,
    RunResult,
    SplitStatistics,
    best,
    experiments,
)
from isd_pipeline.reports.tables import codes_tables
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

SHOWN_VERSIONS = ("isd-pipeline", "torch", "gensim", "scikit-learn", "numpy", "pandas")


def make_data_card(
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    cohort_counts: Mapping[str, float],
    parameters: Mapping[str, Any],
    recorded_data_card: Mapping[str, Any],
) -> tuple[dict[str, Any], str]:
    """What the cohort's data are, as JSON and as Markdown; needs no run."""
    cohort, cohorts = parameters["cohort"], parameters["cohorts"]
    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    fingerprints = _fingerprints(documents, code_index, vocabulary)
    card = data_card(
        _statistics(documents, code_index, parameters),
        code_index,
        cohort_counts,
        cohort=cohort,
        source=_source(settings),
        fingerprints=fingerprints,
        raw=raw_files(Path(settings.raw), fingerprints, recorded_data_card),
    )
    return card, card_markdown(card, stamp_of(cohorts, cohort, cohort_counts))


def raw_files(
    raw: Path, fingerprints: Mapping[str, str], recorded: Mapping[str, Any]
) -> Mapping[str, Any]:
    """Size and SHA-256 of each raw file.

    Of raw files that are not on this machine what was recorded, if these very documents were made
    of them.
    """
    here, known = fingerprint_files(raw), recorded.get("raw_files") or {}
    if here or not known:
        return here
    if recorded.get("fingerprints") == fingerprints:
        return dict(known)
    logger.warning(
        "the data card goes without the sums of raw files: they are not on this machine, and those "
        "recorded are of other documents"
    )
    return here


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
    recorded_report_tables: str,
) -> tuple[str, str]:
    """The page as HTML and its tables as Markdown.

    What needs files that are not in git, and is not on this machine, is kept as it was recorded of
    these very runs, or left out and told.
    """
    cohort = parameters["cohort"]
    settings = cohort_section(parameters["cohorts"], cohort, "report", ReportSettings)
    name, task = name_in_paper(parameters["cohorts"], cohort), settings.official
    notes, titles = notes_of(parameters), titles_of(parameters)
    of_experiment = contents(runs)
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
            title=titles.get(run.experiment, ""),
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
    if not codes_tables(results, report.against):
        kept = recorded_codes(recorded_report_tables, results, report.against)
        report = replace(report, recorded_codes=kept)
    notes_are = f"{terms_of(parameters['cohorts'], cohort)[0]}, "
    notes_are += language_of(parameters["cohorts"], cohort)
    report = replace(report, commands=_commands(runs, results, parameters), source=notes_are)
    return page(report), results_markdown(report)


def _commands(
    runs: Sequence[Run], found: Sequence[RunResult], parameters: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """What makes the best system and the page again."""
    cohort, tried = parameters["cohort"], experiments(found)
    first = best(tried, leading_metric(tried))
    if first is None:
        return []
    settings = next(run.settings for run in runs if run.experiment == first.name) or {}
    seeds_of = {one.name: [run.seed for run in one.runs] for one in tried}
    seeds = seeds_of[first.name]
    named = [run_of(name, cohort) for name in (settings.get("model") or {}).get("base_models", ())]
    bases = [(of, name, seeds_of.get(name, seeds) if of == cohort else seeds) for of, name in named]
    generated = is_generated(parameters["cohorts"], cohort)
    return commands_of(cohort, (cohort, first.name, seeds), bases, generated=generated)


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
