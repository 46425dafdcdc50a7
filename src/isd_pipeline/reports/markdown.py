"""The tables of a report in GitHub's Markdown, for docs/results.md and for `git diff`."""

from collections.abc import Sequence
from dataclasses import replace

from isd_pipeline.reports import breakdowns as where
from isd_pipeline.reports.cells import Table, stamped
from isd_pipeline.reports.leading import summary_table
from isd_pipeline.reports.official import official_tables
from isd_pipeline.reports.paper import tables_of_paper
from isd_pipeline.reports.results import Report, experiments
from isd_pipeline.reports.tables import codes_tables, no_codes, result_tables


def markdown(table: Table) -> str:
    """A table in GitHub's Markdown, its caption above and its notes below."""
    align = [":--" if column in table.words else "--:" for column in table.columns]
    words = [column in table.words for column in table.columns]
    rows = [
        [cell.replace("\n", "; ") if read else cell for cell, read in zip(row, words, strict=True)]
        for row in table.rows
    ]
    lines = [_line(table.columns), _line(align), *map(_line, rows)]
    notes = [escaped(note) for note in table.notes]
    return "\n\n".join([f"**{escaped(table.caption)}**", "\n".join(lines), *notes]) + "\n"


def results_markdown(report: Report) -> str:
    """The tables of one cohort for docs/results.md, under a heading of the second level.

    The first is a summary of at most six rows, with titles; below it a row is called by its name.
    """
    found, stamp = experiments(report.runs), report.warning
    report = replace(report, runs=[replace(run, title="") for run in report.runs])
    runs = report.runs
    codes = codes_tables(runs, report.against) or report.recorded_codes
    tables = [
        summary_table(found),
        *official_tables(report),
        *result_tables(runs),
        *tables_of_paper(report),
        where.strata_table(runs, "frequency", "f1_macro_per_code_present"),
        *(where.strata_table(runs, kind, "f1_micro") for kind in where.SMALL),
        where.chapter_table(experiments(runs), "f1_micro"),
        where.calibration_table(runs),
        where.sharpness_table(runs),
        where.plausibility_table(runs),
        *(where.places_table(runs, by) for by in where.PLACES),
        *codes,
    ]
    parts = [markdown(stamped(table, stamp)) for table in tables if table]
    warning = [f"**{escaped(stamp)}**\n"] if stamp else []
    lacking = [] if codes else [f"{no_codes(report.against)}\n"]
    return "\n".join([f"## {escaped(report.cohort)}\n", *warning, *parts, *lacking])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(escaped, cells)) + " |"


def escaped(text: str) -> str:
    """Of Markdown, what a title could break a table or a page with; a cell's lines become one."""
    return text.translate(_ESCAPED)


_ESCAPED = {ord(s): t for s, t in zip("&<|\n*", ("&amp;", "&lt;", "\\|", " ", "\\*"), strict=True)}
