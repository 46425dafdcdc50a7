"""One cohort's results as one HTML file, which needs nothing else and holds no note's text.

The first screen says what came of it: a verdict and one chart. All else is folded below. What is
said below its figures stands in the template.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from isd_pipeline.one_file_page import script_of
from isd_pipeline.reports import breakdown_figures as where_figures
from isd_pipeline.reports import breakdowns as where
from isd_pipeline.reports import figures, leading, results, tables
from isd_pipeline.reports.cells import Table, cell, label, number, seeds, stamped, template
from isd_pipeline.reports.data_card import card_tables
from isd_pipeline.reports.official import official_tables
from isd_pipeline.reports.paper import tables_of_paper

OF_FREQUENCY = ("f1_macro_per_code_present", "f1_macro_caml_present", "f1_micro")
SECTIONS = {  # by anchor, in the order of the page: the title, and what is inside
    "official": ("Official figures", "by the task's own rules, beside published systems"),
    "results": ("All results", "every system and metric, at 0.5 and at the tuned threshold"),
    "paper": ("The paper's tables", "its numbers beside ours, and what the rows differ by"),
    "frequency": ("Rare and frequent codes", "by how many training documents have the code"),
    "where": ("Where it helps", "by chapter, length, number of codes"),
    "trust": ("Calibration, attention, evidence", "how far to trust a score"),
    "codes": ("Code by code", "where the best system gains and loses most"),
    "training": ("Training", "losses and dev metrics by epoch"),
    "run": ("What was run", "seeds, epochs, minutes, versions"),
    "data": ("The data", "documents, lengths, codes"),
    "card": ("Data card", "what was left out, and why; fingerprints"),
    "again": ("How to make this again", "the commands, in their order"),
    "glossary": ("Glossary", "what the words of this page mean"),
}
TEMPLATE, SCRIPT = "templates/page.html.jinja", "templates/page.js"


def page(report: results.Report) -> str:
    """The page of one cohort, in whole."""
    runs, found = report.runs, results.experiments(report.runs)
    references = {layout.reference for layout in report.layouts.values()}
    shown = where.legible(found, "f1_micro_tuned", references)

    def stamp(some: Iterable[Table | None]) -> list[Table]:
        return [stamped(table, report.warning) for table in some if table]

    made = (where.calibration_table, where.sharpness_table, where.plausibility_table)
    places = (where.places_table(runs, by) for by in where.PLACES)
    small = [where.strata_table(runs, kind, "f1_micro") for kind in where.SMALL]
    parts: dict[str, Any] = {
        "official": stamp(official_tables(report)),
        "data": _data(report.statistics, report.paper_cohort) if report.statistics else None,
        "card": stamp(card_tables(report.card)) if report.card else [],
        "paper": stamp(tables_of_paper(report)),
        "frequency": stamp(where.strata_table(runs, "frequency", each) for each in OF_FREQUENCY),
        "where": stamp([*small, where.chapter_table(shown, "f1_micro")]),
        "trust": stamp([*(table(runs) for table in made), *places]),
        "training": _curves(shown),
        "again": report.commands,
    }
    metric, script = leading.leading_metric(found), script_of("isd_pipeline.reports", SCRIPT)
    return template(TEMPLATE).render(
        **parts,
        report=report,
        script=script,
        verdict=leading.verdict(found, metric, report.comparisons),
        chart=_chart(found, metric),
        first=leading.summary_table(found),
        metric=label(metric),
        summary=summary(runs),
        sections=SECTIONS,
        experiments=tables.experiments_table(runs),
        facts=tables.facts_table(report.facts),
        results=stamp(tables.result_tables(runs)),
        codes=stamp(tables.codes_tables(runs, report.against) or report.recorded_codes),
        no_codes=tables.no_codes(report.against),
        figures=_figures(shown),
        by_seed=[(layout, figures.by_seed(layout, runs)) for layout in report.layouts.values()],
        several=any(len(one.runs) > 1 for one in shown),
        fewer=len(shown) < len(found),
        fewest_cells=where_figures.FEWEST_CELLS,
    )


def summary(runs: Sequence[results.RunResult]) -> list[str]:
    """The result in two or three sentences, the unwelcome ones too."""
    found = results.experiments(runs)
    if not found:
        return ["Nothing was run yet."]
    metric = leading.leading_metric(found)
    sentences = [
        f"Best {said} by {label(metric)}: {_scored(one, metric)}."
        for kind, said in (("network", "network"), ("ensemble", "ensemble"))
        if (one := results.best([one for one in found if one.kind == kind], metric))
    ]
    baseline = results.best_baseline(found, metric)
    if baseline is None:
        return [*sentences, tables.NO_BASELINE]
    sentences.append(f"Best baseline: {_scored(baseline, metric)}.")
    if below := list(tables.below_baseline(found, baseline, metric)):
        others = sum(not one.baseline for one in found)
        sentences.append(f"Below the best baseline: {tables.few_or_how_many(below, others)}.")
    return sentences


def _scored(one: results.Experiment, metric: str) -> str:
    return f"{one.shown}, {cell(one.measured(metric))} ({seeds(len(one.runs))})"


def _chart(
    found: Sequence[results.Experiment], metric: str
) -> list[tuple[results.Experiment, str, float, tuple[float, float] | None]]:
    """The first few systems: each with its figure, and in per cent the bar and its interval."""
    rows = []
    for one in leading.first_few(found, metric):
        bounds, value = leading.bounds_of(one, metric), one.measured(metric)
        mean = value.mean if value else 0.0
        ends = (100 * bounds[0], 100 * bounds[1]) if bounds else None
        rows.append((one, number(mean), 100 * mean, ends))
    return rows


def _data(
    statistics: results.CohortStatistics, paper_cohort: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "splits": tables.splits_table(statistics, paper_cohort),
        "long_tail": figures.long_tail(statistics.documents_per_code, statistics.top_tenth_share),
        "lengths": figures.note_lengths(statistics.lengths, statistics.max_tokens),
        "codes": figures.codes_per_note(statistics.codes_per_document),
    }


def _figures(shown: Sequence[results.Experiment]) -> Mapping[str, str | None]:
    return {
        "frequency": where_figures.by_frequency(shown, OF_FREQUENCY[0], "macro-F1 (per code)"),
        "chapter": where_figures.by_chapter(shown, "f1_micro"),
        "small_strata": where_figures.by_small_strata(shown, "f1_micro"),
        "reliability": where_figures.reliability(shown),
    }


def _curves(found: Sequence[results.Experiment]) -> list[tuple[str, str | None, str | None]]:
    curves = [
        (one.shown, figures.training_losses(one), figures.training_scores(one)) for one in found
    ]
    return [(name, losses, scores) for name, losses, scores in curves if losses or scores]
