"""A user's codes, rows of a file or lists beside the notes, to `codes` as they are written here."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
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
from isd_pipeline.data.io.columns import distinct_codes, stripped
from isd_pipeline.data.io.missing import is_missing, present
from isd_pipeline.data.io.tables import CODES
from isd_pipeline.data.quality.findings import Findings, FindingsOfFile

CODE_ROW_COLUMNS = {"id": True, "code": True, "system": False}  # ours, and whether needed
TABLE_COLUMNS = {"code": True, "title": True, "parent": False}
_RAW = pa.schema([*((name, pa.string()) for name in ("id", "code", "system")), ("row", pa.int64())])
_UNPARTED = re.compile(r"""['"]\s+['"]""")  # as numpy prints a list, which Python reads as one word
WORDS, AS_EMPTY = "words for a missing code", "read as empty cells"
ZEROS = "none of the codes begins with 0, so they were once read as numbers (0389 became 389)"


@dataclass(frozen=True)
class CodeRows:
    """`table` as `codes`, in the order of documents and codes; `used`: its (system, code)."""

    table: pa.Table
    used: list[tuple[str, str]]
    counts: dict[str, int]


@dataclass(frozen=True)
class RawCodes:
    """Code rows (id, code, system, row) as they are read, and what takes the findings of them."""

    rows: pa.Table
    found: FindingsOfFile


def read_codes(
    batches: Iterable[pa.RecordBatch], layout: CustomLayout, found: FindingsOfFile
) -> RawCodes:
    """From batches with a column `code`, one a row, or `codes`, any number a row."""
    column = found.names.get("code") or found.names["codes"]
    found = replace(found, names={"code": column, "system": column, **found.names})
    rows = [_raw(batch, layout.code_separator, found) for batch in batches]
    return RawCodes(pa.Table.from_batches(rows, _RAW).combine_chunks(), found)


def _raw(batch: pa.RecordBatch, separator: str, found: FindingsOfFile) -> pa.RecordBatch:
    ids, rows, names = present(batch["id"]), batch["row"], batch.schema.names
    if "codes" in names:
        lists = _lists(batch["codes"], rows, separator, found)
        parents = pc.list_parent_indices(lists)
        ids, rows, codes = ids.take(parents), rows.take(parents), lists.flatten()
    else:
        codes = batch["code"]
    empty = pa.nulls(len(codes), pa.string())
    system = present(batch["system"]) if "system" in names else empty
    return pa.record_batch([ids, stripped(codes), system, rows], schema=_RAW)


def place_codes(
    raw: RawCodes, index: NoteIndex, layout: CustomLayout, table: OwnTable | None
) -> CodeRows:
    """Each code as it is written here, with its document and patient; the others are told of."""
    rows, found = _with_id(raw.rows, raw.found), raw.found
    names, number = distinct_codes(rows)
    _, first, size = np.unique(number, return_index=True, return_counts=True)
    kinds, written, used = list[icd.System](), list[str | None](), Counter[tuple[str, str]]()
    dropped = empty = 0
    for (word, code), at, count in zip(names, first, size, strict=True):
        system, known = code_of(word, code, layout, table)
        if system and known:
            used[system, known] += int(count)
        else:
            tell_of_no_code(system, code, layout, table, found, rows["row"][at].as_py(), count)
        empty += int(count) if is_missing(code) and not known else 0
        dropped += int(count) if not is_missing(code) and not known else 0
        kinds.append(systems.kind_of(system or ""))
        written.append(known)
    _tell_of_systems(used, table, found)
    if empty == rows.num_rows:
        found.tell("error", "code", "no code at all", "is it the right file?")
    kind, code = (pa.array(of, pa.string()).take(pa.array(number)) for of in (kinds, written))
    kept = _kept(rows, index, kind, code, found)
    counts = {
        "code_rows": rows.num_rows,
        "code_rows_without_code": empty,
        "codes_dropped": dropped,
        "codes_of_no_note": rows.num_rows - kept.num_rows,
        "documents_without_codes": index.counts["documents"] - len(kept["document_id"].unique()),
    }
    return CodeRows(kept, sorted(used), counts)


def _with_id(rows: pa.Table, found: FindingsOfFile) -> pa.Table:
    """The rows that belong to someone; a row that is empty but for its place is passed over."""
    nameless = pc.is_null(rows["id"])
    coded = rows.filter(pc.and_not(nameless, pc.is_null(rows["code"])))
    what = "a code without an id, so it belongs to no one"
    found.tell_rows(coded["row"].to_numpy(), "error", "id", what, "give it one, or remove the row")
    return rows.filter(pc.invert(nameless))


def code_of(
    word: str | None, code: str | None, layout: CustomLayout, table: OwnTable | None
) -> tuple[str | None, str | None]:
    """The coding system that a cell names, and the code as it is written here; None for neither."""
    system = _system(word, layout, table)
    return system, systems.write_code(code, system, table) if code and system else None


def tell_of_no_code(
    system: str | None,
    code: str | None,
    layout: CustomLayout,
    table: OwnTable | None,
    found: FindingsOfFile,
    row: int,
    count: int = 1,
) -> None:
    """What is wrong where `code_of` finds no system or no code; nothing of an empty cell."""
    if system is None:
        remedy = f"known are {', '.join(_known(table))}; custom.systems maps words to them"
        found.tell("error", "system", "a coding system that is not known", remedy, row, count)
    elif code and is_missing(code):
        found.tell("warning", "code", WORDS, AS_EMPTY, row, count)
    elif code:
        what, _, remedy = systems.fault_of(code, system, table).partition("; ")
        refused = what.startswith(("a number", "several")) or layout.bad_codes == "refuse"
        found.tell("error" if refused else "warning", "code", what, remedy, row, count)


def read_own_table(path: Path, layout: CustomLayout, findings: Findings) -> OwnTable:
    """A user's own table of codes: code, title, and the code above, if any."""
    names = match_columns(
        path, column_names(path, layout.form), {}, TABLE_COLUMNS, "custom.table", ""
    )
    titles, parents, rows = dict[str, str](), dict[str, str](), dict[str, int]()
    official, tell = layout.system in systems.OFFICIAL, FindingsOfFile(findings, path, names).tell
    for batch in read_rows(path, names, layout.form, findings):
        for row in batch.to_pylist():
            code, title, above = ((row.get(name) or "").strip() for name in TABLE_COLUMNS)
            title = "" if is_missing(title) else title
            if official:
                code, above = (systems.write_code(c, layout.system) or c for c in (code, above))
            if not code:
                tell("error", "code", "no code", "give it one, or remove the row", row["row"])
            elif code in titles:
                what = "a code that stands in an earlier row: the first title is kept"
                tell("warning", "code", what, row=row["row"])
            else:
                titles[code], rows[code] = title, row["row"]
                if above:
                    parents[code] = above
    parents = {c: above for c, above in parents.items() if above in titles or not is_missing(above)}
    table = OwnTable(layout.system, titles, parents)
    for code, parent in parents.items():
        if code in table.above(code):
            remedy = "correct it; the topmost has no parent"
            tell("error", "parent", "a code that stands above itself", remedy, rows[code])
        elif parent not in titles:
            remedy = "give it one, with its title, or correct it"
            tell("warning", "parent", "a parent that has no row", remedy, rows[code])
    return table


def _lists(cells: pa.Array, rows: pa.Array, separator: str, found: FindingsOfFile) -> pa.Array:
    if pa.types.is_list(cells.type):
        return cells
    lists = []
    for cell, row in zip(cells.to_pylist(), rows.to_pylist(), strict=True):
        codes = _cut(cell, separator)
        if isinstance(codes, str):
            remedy = AS_TEXT if codes == NUMBERS else 'write ["E11.9", "I10"]'
            found.tell("error", "codes", codes, remedy, row)
        lists.append([] if isinstance(codes, str) else codes)
    return pa.array(lists, pa.list_(pa.string()))


def _cut(cell: str | None, separator: str) -> list[str] | str:
    """The codes of a cell, a list in JSON or Python or parts between separators, or a fault."""
    if cell is None or not cell.strip():
        return []
    if _UNPARTED.search(cell):
        return "no list of codes"
    if not cell.strip().startswith(("[", "(", "{")):
        return [part.strip() for part in cell.split(separator) if part.strip()]
    try:
        found = json.loads(cell)
    except ValueError:
        try:
            found = ast.literal_eval(cell.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return "no list of codes"
    if not isinstance(found, list | tuple | set):
        return "no list of codes"
    if any(isinstance(code, int | float) for code in found):
        return NUMBERS
    return sorted(found) if all(isinstance(code, str) for code in found) else "no list of codes"


def _known(table: OwnTable | None) -> list[str]:
    return list(dict.fromkeys([*systems.OFFICIAL, *([table.name] if table else [])]))


def _system(word: str | None, layout: CustomLayout, table: OwnTable | None) -> str | None:
    """The name here of what a cell calls a coding system; None for an unknown word."""
    if word is None:
        return layout.system
    name = layout.systems.get(word, word)
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return next((known for known in _known(table) if known in (name, plain)), None)


def _tell_of_systems(
    used: Mapping[tuple[str, str], int], table: OwnTable | None, found: FindingsOfFile
) -> None:
    """Codes that were numbers once; two revisions of ICD; codes that no table lists."""
    rows: Counter[str] = Counter()
    for (system, _), count in used.items():
        rows[system] += count
    for system, count in rows.items():
        codes = [code for of, code in used if of == system]
        if systems.lost_zeros(codes, count, system):
            remedy = "take the original file, or read the column as text"
            found.tell("error", "code", ZEROS, remedy)
        unlisted = [code for code in codes if not systems.is_listed(code, system, table)]
        if unlisted:
            shown = f" ({', '.join(unlisted[:5])})" if system in systems.OFFICIAL else ""
            what = f"{len(unlisted)} of {len(codes)} codes are not in the table of {system}{shown}"
            remedy = "each has the title of its nearest ancestor, or none"
            found.tell("warning", "code", what, remedy)
    if len({system[:4] for system in rows if system in systems.OFFICIAL}) > 1:
        counted = ", ".join(f"{count:,} of {system}" for system, count in sorted(rows.items()))
        what = f"codes of two revisions ({counted})"
        found.tell("error", "system", what, "make a cohort of each")
    both = Counter(code for _, code in used)
    twice = [code for code, count in both.items() if count > 1]
    if twice:
        what = f"{len(twice)} codes are of two systems alike ({', '.join(sorted(twice)[:5])})"
        found.tell("error", "system", what, "make a cohort of each system")


def _kept(
    rows: pa.Table, index: NoteIndex, kinds: pa.Array, codes: pa.Array, found: FindingsOfFile
) -> pa.Table:
    """The rows of documents that have a note, sorted: their order in the file is nothing."""
    documents = index.documents.unique()
    place = pc.index_in(rows["id"].combine_chunks(), documents)
    orphans = rows["row"].filter(pc.is_null(place))
    if len(orphans) == len(place) > 0:
        remedy = "are ids written alike in both files (zeros, a decimal point)?"
        found.tell("error", "id", "none of the ids has a note", remedy, orphans[0].as_py())
    elif len(orphans):
        what = "rows whose id has no note: left out"
        found.tell("warning", "id", what, "", orphans[0].as_py(), len(orphans))
    kept = pa.table({"place": place, "kind": kinds, "code": codes}).filter(pc.is_valid(place))
    kept = kept.sort_by([("place", "ascending"), ("code", "ascending")]).combine_chunks()
    owner = index.patients.take(pc.index_in(documents, index.documents))
    of = kept["place"]
    columns = [documents.take(of), owner.take(of), kept["kind"], kept["code"]]
    return pa.table(columns, schema=CODES)
