"""A user's mentions, the stretches of notes that coders marked as naming a code, to `mentions`.

Offsets count code points of a note's text as the table `notes` has it. Each row is held against the
codes of its id and the note that it points into, for which the texts are read once more.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import coding_systems as systems
from isd_pipeline.data.codes.coding_systems import OwnTable
from isd_pipeline.data.custom.codes import CodeRows, code_of, tell_of_no_code
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.custom.note_files import NoteFiles
from isd_pipeline.data.custom.notes import NoteIndex
from isd_pipeline.data.io.columns import stripped
from isd_pipeline.data.io.missing import present
from isd_pipeline.data.io.parts import LOOP
from isd_pipeline.data.io.tables import MENTIONS, table_of
from isd_pipeline.data.quality.findings import Findings, FindingsOfFile, Level

MENTION_COLUMNS = {  # ours, and whether the file must have it
    **dict.fromkeys(("id", "code", "begin", "end"), True),
    **dict.fromkeys(("note", "system", "mention"), False),
}
LEFT_OUT = "left out"
COUNTED = "offsets count the characters of the note's text, from 0; is it the text that was marked?"
_OFFSET = re.compile("[0-9]{1,9}")


class Row(NamedTuple):
    """A row of the file: its cells, null where there is nothing, and its number."""

    id: str | None
    code: str | None
    begin: str | None
    end: str | None
    note: str | None
    system: str | None
    mention: str | None
    number: int


class Mark(NamedTuple):
    """A stretch of the note at `place` in reading order; parts of one mention share a `name`."""

    place: int
    begin: int
    end: int
    kind: str
    code: str
    name: str | None


@dataclass(frozen=True)
class Known:
    """What rows of mentions are held against, and how cells are read."""

    notes: NoteFiles
    index: NoteIndex
    codes: CodeRows
    layout: CustomLayout
    own: OwnTable | None


@dataclass(frozen=True)
class MentionRows:
    """`table` as `mentions`, by note and offset, and what was counted."""

    table: pa.Table
    counts: dict[str, int]


def place_mentions(
    batches: Iterable[pa.RecordBatch], known: Known, found: FindingsOfFile
) -> MentionRows:
    """Every row that marks a stretch of a note for a code of its id; the others are told of."""
    rows = [row for batch in batches for row in _rows(batch)]
    if not rows:
        found.tell("warning", "id", "no mention at all", "is it the right file?")
    marks = dict[Mark, int]()
    for mark, number in _with_codes(_in_notes(rows, known.index, found), known, found):
        if mark in marks:
            found.tell("warning", "begin", "rows that stand twice: kept once", row=number)
        marks.setdefault(mark, number)
    kept = list(_numbered(_on_words(marks, known, found), known.index))
    counts = {
        "mention_rows": len(rows),
        "mention_rows_left_out": len(rows) - len(kept),
        "mentions": len({row[-1] for row in kept}),
    }
    return MentionRows(table_of(kept, MENTIONS), counts)


def _rows(batch: pa.RecordBatch) -> Iterator[Row]:
    names, nothing = batch.schema.names, [None] * batch.num_rows
    read = {"code": stripped}  # a word for nothing may be a code of the user's own
    cells = (
        read.get(n, present)(batch[n]).to_pylist() if n in names else nothing
        for n in Row._fields[:-1]
    )
    return map(Row, *cells, batch["row"].to_pylist())


def _in_notes(
    rows: list[Row], index: NoteIndex, found: FindingsOfFile
) -> Iterator[tuple[int, Row]]:
    """The rows that point into one note, with its place."""
    notes = _notes_of({row.id for row in rows if row.id}, index)
    missing: dict[str, list[int]] = {"id": [], "note": []}
    for row in rows:
        if row.id is None:
            what = "a mention without an id, so it belongs to no one"
            found.tell("error", "id", what, "give it one, or remove the row", row.number)
            continue
        named = notes.get(row.id, [])
        places = {place for called, place in named if row.note in (None, called)}
        kept = places - {-1}
        if len(kept) == 1:
            yield kept.pop(), row
        elif kept:
            _tell_of_several(row, found)
        elif places:
            what = f"mentions in notes of other types: {LEFT_OUT}"
            found.tell("warning", "id", what, row=row.number)
        else:
            missing["note" if named else "id"].append(row.number)
    level: Level
    for column, numbers in missing.items():
        what, level = f"mentions whose {column} is not among the notes: {LEFT_OUT}", "warning"
        if len(numbers) == len(rows):
            what, level = f"no mention has its {column} among the notes", "error"
        remedy = "are ids and notes written alike in both files (zeros, a decimal point)?"
        found.tell_rows(np.array(numbers), level, column, what, remedy)


def _tell_of_several(row: Row, found: FindingsOfFile) -> None:
    if row.note is None:
        what = "an id of several notes, of which the row names none"
        remedy = "name it in a column note, here and in the notes"
        found.tell("error", "id", what, remedy, row.number)
    else:
        what = "an id has several notes of this name"
        found.tell("error", "note", what, "give each its own", row.number)


def _notes_of(ids: set[str], index: NoteIndex) -> dict[str, list[tuple[str | None, int]]]:
    """Of each id its notes: the name that the user gave it, if any, and its place."""
    rows = np.flatnonzero(pc.is_in(index.called["id"], pa.array(ids, pa.string())).to_numpy())
    called = index.called.take(pa.array(rows, pa.int64()))
    notes = defaultdict(list)
    cells = (called["id"].to_pylist(), called["note"].to_pylist(), index.kept_as[rows].tolist())
    for name, note, place in zip(*cells, strict=True):
        notes[name].append((note, place))
    return notes


def _with_codes(
    rows: Iterable[tuple[int, Row]], known: Known, found: FindingsOfFile
) -> Iterator[tuple[Mark, int]]:
    """The rows whose offsets are some and whose code their id has, with their numbers."""
    table = known.codes.table
    columns = (table[name].to_pylist() for name in ("document_id", "system", "code"))
    given = set(zip(*columns, strict=True))
    for place, row in rows:
        offsets = _offsets(row, found)
        system, code = code_of(row.system, row.code, known.layout, known.own)
        if system is None or code is None:
            if row.code is None:
                found.tell("warning", "code", f"no code: {LEFT_OUT}", "give it one", row.number)
            tell_of_no_code(system, row.code, known.layout, known.own, found, row.number)
        elif (known.index.documents[place].as_py(), systems.kind_of(system), code) not in given:
            listed = systems.is_listed(code, system, known.own)
            where = "the codes of their id" + ("" if listed else f" nor in the table of {system}")
            what = f"mentions of a code that is not among {where}: {LEFT_OUT}"
            found.tell("warning", "code", what, "is a row missing in the codes?", row.number)
        elif offsets:
            yield Mark(place, *offsets, systems.kind_of(system), code, row.mention), row.number


def _offsets(row: Row, found: FindingsOfFile) -> tuple[int, int] | None:
    for column, cell in (("begin", row.begin), ("end", row.end)):
        if cell is None or not _OFFSET.fullmatch(cell):
            remedy = "write how many characters of the note stand before it"
            found.tell("error", column, "no whole number", remedy, row.number)
            return None
    begin, end = int(row.begin or 0), int(row.end or 0)
    if begin < end:
        return begin, end
    found.tell("error", "begin", "does not stand before the end", "correct the row", row.number)
    return None


def _on_words(marks: Mapping[Mark, int], known: Known, found: FindingsOfFile) -> Iterator[Mark]:
    """The marks that lie in their notes and on some word there."""
    of_note = defaultdict(list)
    for mark, number in marks.items():
        of_note[mark.place].append((mark, number))
    for place, text in _texts(known, np.array(list(of_note), dtype=np.int64)):
        for mark, number in of_note[place]:
            if mark.end > len(text):
                what = "a place behind the last character of its note"
                found.tell("error", "end", what, COUNTED, number)
            elif text[mark.begin : mark.end].isspace():
                what = f"mentions of nothing but white space: {LEFT_OUT}"
                found.tell("warning", "begin", what, COUNTED, number)
            else:
                if any(_cuts(text, at) for at in (mark.begin, mark.end)):
                    what = "mentions that begin or end within a word: kept"
                    found.tell("warning", "begin", what, COUNTED, number)
                yield mark


def _cuts(text: str, at: int) -> bool:
    return text[at - 1 : at].isalnum() and text[at : at + 1].isalnum()


def _texts(known: Known, places: np.ndarray) -> Iterator[tuple[int, str]]:
    """The texts of the notes at these places, in the order of the file."""
    at = 0
    for _, batch in known.notes.read(Findings(), LOOP, ("id", "text")):
        here = known.index.place[at : at + batch.num_rows]
        at += batch.num_rows
        for n in np.flatnonzero(np.isin(here, places)).tolist():
            yield int(here[n]), batch["text"][n].as_py() or ""


def _numbered(marks: Iterable[Mark], index: NoteIndex) -> Iterator[tuple[object, ...]]:
    """Rows of `mentions`: mentions by their first part, the parts of each by their offsets."""
    mentions: dict[object, list[Mark]] = {}
    for mark in sorted(marks, key=lambda mark: (*mark[:-1], mark.name or "")):
        joined = (mark.place, mark.kind, mark.code, mark.name)
        mentions.setdefault(mark if mark.name is None else joined, []).append(mark)
    for number, parts in enumerate(mentions.values()):
        for of in parts:
            note = (index.documents[of.place].as_py(), index.note_ids[of.place].as_py())
            yield (*note, of.kind, of.code, of.begin, of.end, number)
