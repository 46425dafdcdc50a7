"""What is wrong or unusual in a user's files: where, what, what to do; never what a cell holds."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

Level = Literal["error", "warning", "note"]
_PLACE = re.compile(r"(, row (?P<row>[0-9]+))?(, column (?P<column>[^:]+))?: (?P<what>.+)")
LEVELS: tuple[Level, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing found, at its first place; `count` says how often.

    An error would stop the pipeline, a warning would not, a note is nothing to mend. `row` counts
    from the header as row 1 (JSONL: the line, Parquet: the row from 1); None for a whole file.
    Where the row is no longer known, `note` is the id of the note.
    """

    level: Level
    file: str
    what: str
    remedy: str = ""
    row: int | None = None
    column: str = ""
    count: int = 1
    note: str = ""

    def line(self) -> str:
        """In one line: file, row, column, what, how often, remedy."""
        row = "" if self.row is None else f"row {self.row}"
        note = f"note {self.note}" if self.note else ""
        column = f"column {self.column}" if self.column else ""
        where = ", ".join(part for part in (self.file, row, note, column) if part)
        often = f" ({self.count:,} times)" if self.count > 1 else ""
        told = f"{self.what}{often}" + (f"; {self.remedy}" if self.remedy else "")
        return f"{where}: {told}" if where else told


def of_error(error: Exception, file: str) -> Finding:
    """A reader's one-line error as a finding: its row and column are told again as such."""
    told = " ".join(str(error).split())
    told = told.removeprefix(file)
    place = _PLACE.match(told)
    if place is None:
        return Finding("error", file, told.lstrip(",: "))
    what, _, remedy = place["what"].partition("; ")
    row = int(place["row"]) if place["row"] else None
    return Finding("error", file, what, remedy, row, place["column"] or "")


def of_error_below(error: Exception, folder: str) -> Finding:
    """The same, of the file in a folder that the error names first, or else of the folder."""
    file = str(error).partition(": ")[0].partition(", ")[0]
    return of_error(error, file if file.startswith(folder) else folder)


class Findings:
    """Findings as they come: a fault of one column is told once, at the first of its rows."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, str, str], Finding] = {}

    def add(self, finding: Finding) -> None:
        """Take one more, or count it where its like is known."""
        key = (finding.level, finding.file, finding.column, finding.what)
        known = self._found.get(key)
        if known is None:
            self._found[key] = finding
            return
        rows = [row for row in (known.row, finding.row) if row is not None]
        count = known.count + finding.count
        self._found[key] = replace(known, count=count, row=min(rows, default=None))

    def tell(
        self, level: Level, file: Path | str, what: str, remedy: str = "", **place: Any
    ) -> None:
        """Add a finding by its parts."""
        self.add(Finding(level, str(file), what, remedy, **place))

    def __iter__(self) -> Iterator[Finding]:
        """The worst first, else in the order they were met."""
        return iter(sorted(self._found.values(), key=lambda one: LEVELS.index(one.level)))

    def refuse(self) -> None:
        """Raise a ValueError with the first error, if any, and how many more there are."""
        errors = [one for one in self if one.level == "error"]
        if errors:
            more = f" (and {len(errors) - 1} more: `isd check` lists all)" if errors[1:] else ""
            raise ValueError(errors[0].line() + more)


@dataclass(frozen=True)
class FindingsOfFile:
    """Adds findings of one file by our names of its columns.

    Of many files whose rows are counted on, `path` is their folder, and `within` has how many rows
    come before each, ascending from 0, and its name.
    """

    findings: Findings
    path: Path | str
    names: Mapping[str, tuple[str, ...]]
    within: Sequence[tuple[int, str]] = ()

    def tell(
        self,
        level: Level,
        name: str,
        what: str,
        remedy: str = "",
        row: int | None = None,
        count: int = 1,
    ) -> None:
        """`row` is the first that is meant, `count` how many there are."""
        column, path, place = self.names.get(name, (name,))[0], self.path, row
        if row is not None:
            place = int(row)
            for before, file in self.within:
                if before < row:
                    path, place = file, int(row) - before
        self.findings.tell(level, path, what, remedy, row=place, column=column, count=int(count))

    def tell_rows(
        self, rows: np.ndarray, level: Level, name: str, what: str, remedy: str = ""
    ) -> None:
        """Of rows by their numbers, the first and how many; nothing of none."""
        if len(rows):
            self.tell(level, name, what, remedy, rows.min(), len(rows))
