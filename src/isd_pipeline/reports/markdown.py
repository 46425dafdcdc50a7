"""The tables of a report in GitHub's Markdown, for docs/results.md and for `git diff`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isd_pipeline.reports.cells import SYNTHETIC, Table, stamped
from isd_pipeline.reports.results import RunResult
from isd_pipeline.reports.tables import (
    codes_tables,
    frequency_table,
    further_table,
    paper_table,
    ranking_table,
    results_table,
)


def markdown(table: Table) -> str:
    """A table in GitHub's Markdown, its caption above and its notes below."""
    align = [":--" if column in table.words else "--:" for column in table.columns]
    lines = [_line(table.columns), _line(align), *map(_line, table.rows)]
    notes = [_escaped(note) for note in table.notes]
    return "\n\n".join([f"**{_escaped(table.caption)}**", "\n".join(lines), *notes]) + "\n"


def results_markdown(
    runs: Sequence[RunResult],
    *,
    cohort: str,
    paper: Mapping[str, Mapping[str, Any]] | None = None,
    synthetic: bool = False,
    tuned: bool = True,
    against: str = "logistic_regression",
) -> str:
    """The tables of one cohort for docs/results.md, under a heading of the second level.

    `tuned`: whether by_frequency and per_code were counted at the dev-tuned threshold. `against`:
    with which experiment the best neural one is compared code by code.
    """
    tables = [
        results_table(runs, tuned=False),
        results_table(runs, tuned=True),
        ranking_table(runs),
        further_table(runs),
        None if synthetic else paper_table(runs, paper or {}),
        frequency_table(runs, "f1_macro_per_code_present", tuned=tuned),
        *(codes_tables(runs, against, tuned=tuned) or ()),
    ]
    parts = [markdown(stamped(table, synthetic)) for table in tables if table]
    warning = [f"**{SYNTHETIC}**\n"] if synthetic else []
    return "\n".join([f"## {_escaped(cohort)}\n", *warning, *parts])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(map(_escaped, cells)) + " |"


def _escaped(text: str) -> str:
    """Of Markdown, what a title could break a table or a page with."""
    for sign, harmless in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " "), ("*", "\\*")):
        text = text.replace(sign, harmless)
    return text
