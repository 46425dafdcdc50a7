"""A user's codes, rows of a file or lists beside the notes, to `codes` as they are written here."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import coding_systems as systems
from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.coding_systems import OwnTable
from isd_pipeline.data.custom.files import AS_TEXT, NUMBERS, column_names, read_rows
from isd_pipeline.data.custom.layout import CustomLayout, match_columns
from isd_pipeline.data.custom.notes import NoteIndex
from isd_pipeline.data.io.columns import stripped
from isd_pipeline.data.io.tables import CODES
from isd_pipeline.data.quality.findings import Finding, Findings, Level

CODE_ROW_COLUMNS = {"id": True, "code": True, "system": False}  # ours, and whether needed
TABLE_COLUMNS = {"code": True, "title": True, "parent": False}
_ROWS = pa.schema(
    [*((name, pa.string()) for name in ("id", "code", "system")), ("row", pa.int64())]
)
_UNPARTED = re.compile(r"""['"]\s+['"]""")  # as numpy prints a list, which Python reads as one word
LAST = "\U0010ffff"  # where empty codes come among the others
ZEROS = "none of the codes begins with 0, so they were once read as numbers (0389 became 389)"


@dataclass(frozen=True)
class CodeRows:
    """`table` as `codes`, in the order of documents and codes; `used`: its (system, code)."""

    table: pa.Table
    used: list[tuple[str, str]]
    counts: dict[str, int]


class RawCodes:
    """Code rows as they are read, from a file of codes or from a column of the notes."""

    def __init__(
        self, path: Path, names: Mapping[str, tuple[str, ...]], layout: CustomLayout
    ) -> None:
        self.path, self.column = path, names.get("code", names.get("codes", ("codes",)))[0]
        self.names, self._separator = names, layout.code_separator
        self._parts: list[pa.RecordBatch] = []

    def add(self, batch: pa.RecordBatch, findings: Findings) -> None:
        """Take a batch with a column `code`, one a row, or `codes`, any number a row."""
        ids, rows, names = pc.utf8_trim_whitespace(batch["id"]), batch["row"], batch.schema.names
        if "codes" in names:
            lists = self._lists(batch["codes"], rows, findings)
            parents = pc.list_parent_indices(lists)
            ids, rows, codes = ids.take(parents), rows.take(parents), lists.flatten()
        else:
            codes = batch["code"]
        empty = pa.nulls(len(codes), pa.string())
        system = pc.utf8_trim_whitespace(batch["system"]) if "system" in names else empty
        self._parts.append(pa.record_batch([ids, stripped(codes), system, rows], schema=_ROWS))

    def table(self) -> pa.Table:
        """All of them, as read."""
        return pa.Table.from_batches(self._parts, _ROWS).combine_chunks()

    def _lists(self, cells: pa.Array, rows: pa.Array, findings: Findings) -> pa.Array:
        if pa.types.is_list(cells.type):
            return cells
        lists = []
        for cell, row in zip(cells.to_pylist(), rows.to_pylist(), strict=True):
            found = _cut(cell, self._separator)
            if isinstance(found, str):
                remedy = AS_TEXT if found == NUMBERS else 'write ["E11.9", "I10"]'
                findings.add(Finding("error", str(self.path), found, remedy, row, self.column))
            lists.append([] if isinstance(found, str) else found)
        return pa.array(lists, pa.list_(pa.string()))


def place_codes(
    raw: RawCodes,
    index: NoteIndex,
    layout: CustomLayout,
    table: OwnTable | None,
    findings: Findings,
) -> CodeRows:
    """Each code as it is written here, with its document and patient; the others are told of."""
    rows = raw.table()
    names, number, first, size = _distinct(rows)
    tell = _Teller(raw, rows["row"].to_numpy(), findings)
    kinds, written, used = list[icd.System](), list[str | None](), Counter[tuple[str, str]]()
    dropped = 0
    for (word, code), at, count in zip(names, first, size, strict=True):
        system = _system(word, layout, table)
        known = systems.write_code(code, system, table) if code and system else None
        if system is None:
            remedy = f"known are {', '.join(_known(table))}; custom.systems maps words to them"
            tell("system", "a coding system that is not known", remedy, at, count)
        elif known:
            used[system, known] += int(count)
        elif code:
            what, _, remedy = systems.fault_of(code, system).partition("; ")
            refused = what.startswith("a number") or layout.bad_codes == "refuse"
            tell("code", what, remedy, at, count, "error" if refused else "warning")
        dropped += int(count) if code and not known else 0
        kinds.append(systems.kind_of(system or ""))
        written.append(known)
    _tell_of_systems(used, table, tell)
    empty = rows["code"].null_count
    if empty == rows.num_rows:
        tell("code", "no code at all", "is it the right file?")
    kept = _kept(rows, index, kinds, written, number, tell)
    coded = set(kept["document_id"].to_pylist())
    counts = {
        "code_rows": rows.num_rows,
        "code_rows_without_code": empty,
        "codes_dropped": dropped,
        "codes_of_no_note": rows.num_rows - kept.num_rows,
        "documents_without_codes": len(set(index.documents.to_pylist()) - coded),
    }
    return CodeRows(kept, sorted(used), counts)


def read_own_table(path: Path, layout: CustomLayout, findings: Findings) -> OwnTable:
    """A user's own table of codes: code, title, and the code above, if any."""
    names = match_columns(path, column_names(path, layout), {}, TABLE_COLUMNS, "table")
    titles, parents, rows = dict[str, str](), dict[str, str](), dict[str, int]()
    official, file = layout.system in systems.OFFICIAL, str(path)
    for batch in read_rows(path, names, layout, findings):
        for row in batch.to_pylist():
            code, title, above = ((row.get(name) or "").strip() for name in TABLE_COLUMNS)
            place = {"row": row["row"], "column": names["code"][0]}
            if official:
                code, above = (systems.write_code(c, layout.system) or c for c in (code, above))
            if not code:
                remedy = "give it one, or remove the row"
                findings.add(Finding("error", file, "no code", remedy, **place))
            elif code in titles:
                what = "a code that stands in an earlier row: the first title is kept"
                findings.add(Finding("warning", file, what, "", **place))
            else:
                titles[code], rows[code] = title, row["row"]
                if above:
                    parents[code] = above
    table = OwnTable(layout.system, titles, parents)
    column = names.get("parent", ("parent",))[0]
    for code, parent in parents.items():
        if code in table.above(code):
            what = "a code that stands above itself"
            remedy = "correct it; the topmost has no parent"
            findings.add(Finding("error", file, what, remedy, rows[code], column))
        elif parent not in titles:
            what, remedy = "a parent that has no row", "give it one, with its title, or correct it"
            findings.add(Finding("warning", file, what, remedy, rows[code], column))
    return table


class _Teller:
    """Adds findings of the code rows by our column names; `at` counts rows as read."""

    def __init__(self, raw: RawCodes, rows: np.ndarray, findings: Findings) -> None:
        self._raw, self._rows, self._findings = raw, rows, findings

    def __call__(
        self,
        name: str,
        what: str,
        remedy: str = "",
        at: int | None = None,
        count: int = 1,
        level: Level = "error",
    ) -> None:
        row = None if at is None else int(self._rows[at])
        file, column = str(self._raw.path), self._raw.names.get(name, (self._raw.column,))[0]
        self._findings.add(Finding(level, file, what, remedy, row, column, int(count)))


def _cut(cell: str | None, separator: str) -> list[str] | str:
    """The codes of a cell, a list in JSON or Python or parts between separators, or a fault."""
    if cell is None or not cell.strip():
        return []
    if _UNPARTED.search(cell):
        return "no list of codes"
    if not cell.strip().startswith("["):
        return [part.strip() for part in cell.split(separator) if part.strip()]
    try:
        found = json.loads(cell)
    except ValueError:
        try:
            found = ast.literal_eval(cell.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return "no list of codes"
    if any(isinstance(code, int | float) for code in found):
        return NUMBERS
    return found if all(isinstance(code, str) for code in found) else "no list of codes"


def _known(table: OwnTable | None) -> list[str]:
    return list(dict.fromkeys([*systems.OFFICIAL, *([table.name] if table else [])]))


def _system(word: str | None, layout: CustomLayout, table: OwnTable | None) -> str | None:
    """The name here of what a cell calls a coding system; None for an unknown word."""
    if word is None:
        return layout.system
    name = layout.systems.get(word, word)
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((known for known in _known(table) if known in (name, plain)), None)


def _distinct(
    rows: pa.Table,
) -> tuple[list[tuple[str | None, str | None]], np.ndarray, np.ndarray, np.ndarray]:
    """The distinct (system, code); which of them each row is, where each is first, how often."""
    parts = [pc.fill_null(rows[name].combine_chunks(), "") for name in ("system", "code")]
    encoded = pc.binary_join_element_wise(*parts, "\x1f").dictionary_encode()
    number = encoded.indices.to_numpy().astype(np.int64)
    pairs = (key.partition("\x1f") for key in encoded.dictionary.to_pylist())
    names = [(system or None, code or None) for system, _, code in pairs]
    _, first, size = np.unique(number, return_index=True, return_counts=True)
    return names, number, first, size


def _tell_of_systems(
    used: Mapping[tuple[str, str], int], table: OwnTable | None, tell: _Teller
) -> None:
    """Codes that were numbers once; two revisions of ICD; codes that no table lists."""
    rows: Counter[str] = Counter()
    for (system, _), count in used.items():
        rows[system] += count
    for system, count in rows.items():
        codes = [code for of, code in used if of == system]
        if systems.lost_zeros(codes, count, system):
            tell("code", ZEROS, "take the original file, or read the column as text")
        unlisted = [code for code in codes if not systems.is_listed(code, system, table)]
        if unlisted:
            shown = f" ({', '.join(unlisted[:5])})" if system in systems.OFFICIAL else ""
            what = f"{len(unlisted)} of {len(codes)} codes are not in the table of {system}{shown}"
            remedy = "each has the title of its nearest ancestor, or none"
            tell("code", what, remedy, level="warning")
    if len({system[:4] for system in rows if system in systems.OFFICIAL}) > 1:
        counted = ", ".join(f"{count:,} of {system}" for system, count in sorted(rows.items()))
        tell("system", f"codes of two revisions ({counted})", "make a cohort of each")
    both = Counter(code for _, code in used)
    twice = [code for code, count in both.items() if count > 1]
    if twice:
        what = f"{len(twice)} codes are of two systems alike ({', '.join(sorted(twice)[:5])})"
        tell("system", what, "make a cohort of each system")


def _kept(
    rows: pa.Table,
    index: NoteIndex,
    kinds: list[icd.System],
    written: list[str | None],
    number: np.ndarray,
    tell: _Teller,
) -> pa.Table:
    """The rows of documents that have a note, sorted: their order in the file is nothing."""
    documents = index.documents.unique()
    place = pc.index_in(rows["id"].combine_chunks(), documents).fill_null(-1).to_numpy()
    orphans = np.flatnonzero(place < 0)
    if len(orphans) == len(place) > 0:
        remedy = "are ids written alike in both files (zeros, a decimal point)?"
        tell("id", "none of the ids has a note", remedy, int(orphans[0]))
    elif len(orphans):
        what = "rows whose id has no note: left out"
        tell("id", what, "", int(orphans[0]), len(orphans), "warning")
    codes = np.array([*written, None], dtype=object)[number]
    order = np.flatnonzero(place >= 0)
    by_code = np.array([code or LAST for code in codes[order]], dtype=str)
    order = order[np.lexsort((by_code, place[order]))]
    first = {d: n for n, d in reversed(list(enumerate(index.documents.to_pylist())))}
    patients = index.patients.take(pa.array([first[d] for d in documents.to_pylist()], pa.int64()))
    where = pa.array(place[order])
    columns = [
        documents.take(where),
        patients.take(where),
        pa.array(np.array([*kinds, None], dtype=object)[number[order]], pa.string()),
        pa.array(codes[order], pa.string()),
    ]
    return pa.table(columns, schema=CODES)
