"""Tables of a recorded `results.md` that this machine cannot make again, for what they need is
not in git: kept, where the record is of the same runs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from isd_pipeline.reports import results
from isd_pipeline.reports.cells import Table, seeds
from isd_pipeline.reports.markdown import escaped
from isd_pipeline.reports.tables import OF_THRESHOLD, best_other, measured_cell

KEPT = (
    "Kept as it was recorded of these runs: their tables by code are not on the machine that made "
    "this page."
)


def recorded_codes(text: str, runs: Sequence[results.RunResult], against: str) -> tuple[Table, ...]:
    """The tables code by code of a recorded page; none unless it has the present numbers."""
    found = results.experiments(runs)
    first, second = best_other(found), next((one for one in found if one.name == against), None)
    if first is None or second is None or not all(_has(text, one) for one in (first, second)):
        return ()
    names = (f"Where {first.shown} {what} most against {against}, tuned" for what in _WHAT)
    tables = [table for name in names for table in _tables(text, name)]
    return tuple(replace(table, notes=(KEPT,)) for table in tables)


_WHAT = ("gains", "loses")
_UNESCAPED = (("&lt;", "<"), ("\\|", "|"), ("\\*", "*"), ("&amp;", "&"))


def _has(text: str, one: results.Experiment) -> bool:
    """Whether a recorded page has just these numbers of a system, at the tuned threshold."""
    cells = [seeds(len(one.runs)), *(measured_cell(one, f"{name}_tuned") for name in OF_THRESHOLD)]
    return " | ".join(cell.replace("\n", " ") for cell in cells) in text


def _tables(text: str, caption: str) -> Iterator[Table]:
    """The table under a caption, whatever stamp the caption has; nothing where there is none."""
    there = re.search(rf"^\*\*{re.escape(escaped(caption))}[^\n]*\*\*\n\n((?:\|.*\n)+)", text, re.M)
    if there:
        columns, _, *rows = (_cells(line) for line in there[1].splitlines())
        yield Table(caption, columns, tuple(rows), {"code", "title"})


def _cells(line: str) -> tuple[str, ...]:
    cells = re.split(r"(?<!\\)\|", line)[1:-1]
    return tuple(_plain(cell.strip()) for cell in cells)


def _plain(cell: str) -> str:
    for written, sign in _UNESCAPED:
        cell = cell.replace(written, sign)
    return cell
