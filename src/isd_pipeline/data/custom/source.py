"""A user's notes, codes and mentions (docs/custom_data.md) to the tables of every source."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import coding_systems as systems
from isd_pipeline.data.codes.coding_systems import OwnTable
from isd_pipeline.data.custom import codes as code_rows
from isd_pipeline.data.custom import mentions as mention_rows
from isd_pipeline.data.custom import notes as note_rows
from isd_pipeline.data.custom.files import column_names, read_rows
from isd_pipeline.data.custom.layout import CustomLayout, find_table, match_columns, near
from isd_pipeline.data.custom.note_files import NoteFiles, find_notes
from isd_pipeline.data.custom.tree import TOP
from isd_pipeline.data.io.parts import LOOP, Engine
from isd_pipeline.data.io.tables import (
    LENDER,
    OWN_TITLES,
    TITLES,
    Extraction,
    stream_table,
    table_of,
)
from isd_pipeline.data.quality.findings import Findings, FindingsOfFile, of_error_below

LOG = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class OwnData:
    """All of a user's files but the texts."""

    notes: NoteFiles
    index: note_rows.NoteIndex
    codes: code_rows.CodeRows
    table: OwnTable | None
    mentions: mention_rows.MentionRows | None

    @property
    def counts(self) -> dict[str, int]:
        """What was counted in notes, codes and mentions."""
        of_mentions = {} if self.mentions is None else self.mentions.counts
        return {**self.index.counts, **self.codes.counts, **of_mentions}


def extract(
    folder: Path, layout: CustomLayout, *, scratch: Path | None = None, engine: Engine = LOOP
) -> Extraction:
    """Read a folder of notes and codes, and of mentions where there are some.

    Raises ValueError with the first of all that is wrong (file, row, column, what, remedy), once
    everything was looked at; what is only unusual is logged. Texts wait, sorted, in a nameless
    file in `scratch`. The workers of an engine read the files of notes where there are many.
    """
    findings = Findings()
    found = read_own(Path(folder), layout, findings, engine)
    findings.refuse()
    if found is None:
        raise ValueError(f"{folder}: could not be read")
    for one in findings:
        LOG.warning("%s", one.line())
    return tables(found, scratch=scratch, engine=engine)


def tables(found: OwnData, *, scratch: Path | None = None, engine: Engine = LOOP) -> Extraction:
    """The tables of what `read_own` found nothing wrong in."""
    titles, titled = _titles(found)
    return Extraction(
        notes=note_rows.stream_notes(found.notes, found.index, scratch, engine),
        codes=stream_table(found.codes.table),
        titles=stream_table(titles),
        counts={**found.counts, **titled},
        splits=found.index.splits() if found.index.split_of else None,
        mentions=None if found.mentions is None else found.mentions.table,
    )


def _titles(found: OwnData) -> tuple[pa.Table, dict[str, int]]:
    """A row for each code that has a title; of a system of the user's own for all that is above."""
    rows, counts = systems.titles_of(found.codes.used, found.table)
    if found.table is None or found.table.name in systems.OFFICIAL:
        return table_of(rows, TITLES.append(LENDER)), counts
    table, name = found.table, found.table.name
    own = {code for system, code in found.codes.used if system == name}
    official = [(*row[:3], None, row[3]) for row in rows if row[0] not in own]
    nodes = sorted({node for code in own for node in (code, *table.above(code))})
    placed = [_placed(node, name, table) for node in nodes]
    return table_of([*official, *placed], OWN_TITLES.append(LENDER)), counts


def _placed(node: str, name: str, table: OwnTable) -> tuple[str | None, ...]:
    """The row of a code of the user's own system, or of what stands above one."""
    found, kind = table.title(node), systems.kind_of(name)
    text, lender = (found.text, found.lender(node)) if found else (None, None)
    return node, kind, text, table.parents.get(node, TOP), lender


def read_own(
    folder: Path, layout: CustomLayout, findings: Findings, engine: Engine = LOOP
) -> OwnData | None:
    """Look at everything; None where there is too little to go on, which the findings tell."""
    table = None
    if not folder.is_dir():
        findings.tell("error", folder, "no such folder", "name it in the cohort's extract.raw")
        return None
    if layout.table or layout.system not in systems.OFFICIAL:
        table = _try(lambda: _own_table(folder, layout, findings), folder, findings)
    notes = _try(lambda: _read_notes(folder, layout, findings, engine), folder, findings)
    codes = _try(lambda: _read_code_rows(folder, layout, findings), folder, findings)
    if notes is None or (table is None and layout.system not in systems.OFFICIAL):
        return None
    files, index, beside = notes
    raw = codes or beside
    if codes is not None and beside is not None:
        what = f"not read, for there is {Path(codes.found.path).name} too"
        findings.tell("note", files.place, what, column=files.names["codes"][0])
    if raw is None:
        if not any(one.level == "error" for one in findings):
            remedy = "give a file codes.csv, or a column of the notes: custom.columns.codes"
            findings.tell("error", folder, "no codes", remedy)
        return None
    placed = code_rows.place_codes(raw, index, layout, table)
    known = mention_rows.Known(files, index, placed, layout, table)
    mentions = _try(lambda: _read_mentions(folder, known, findings), folder, findings)
    found = OwnData(files, index, placed, table, mentions)
    _compare(found.counts, layout, files.place, findings)
    return found


def _try(read: Callable[[], T], folder: Path, findings: Findings) -> T | None:
    """What is read, or None and a finding: so the files after a damaged one are looked at too."""
    try:
        return read()
    except (ValueError, OSError) as error:
        findings.add(of_error_below(error, str(folder)))
        return None


def _own_table(folder: Path, layout: CustomLayout, findings: Findings) -> OwnTable:
    if not layout.table:
        hint = near(layout.system, systems.OFFICIAL, "known are: ")
        raise ValueError(
            f"custom.system knows no '{layout.system}'{hint}; a system of your own needs "
            "custom.table, a file of code, title, parent"
        )
    path = find_table(folder, "table", layout.table, "table")
    return code_rows.read_own_table(path or folder / layout.table, layout, findings)


def _read_notes(
    folder: Path, layout: CustomLayout, findings: Findings, engine: Engine
) -> tuple[NoteFiles, note_rows.NoteIndex, code_rows.RawCodes | None]:
    files = find_notes(folder, layout)
    if layout.types and "type" not in files.names:
        raise ValueError(
            f"{files.place}: custom.types is given, but no column type; map it in custom.columns"
        )
    rows, beside, sizes = [], [], [0] * len(files.files)
    for number, batch in files.read(findings, engine):
        before = sum(sizes[:number])
        sizes[number] = batch["row"][-1].as_py()
        numbered = _count_on(batch, before)
        rows.append(note_rows.raw_notes(numbered))
        if "codes" in files.names:
            beside.append(numbered.select(["id", "codes", "row"]))
    table = pa.Table.from_batches(rows, note_rows.RAW_NOTES).combine_chunks()
    found = files.found(findings, sizes)
    index = note_rows.index_notes(table, layout, found)
    codes = code_rows.read_codes(beside, layout, found) if "codes" in files.names else None
    if not len(index.documents):
        findings.tell("error", files.place, "no note at all", "is it the right file?")
    return files, index, codes


def _count_on(batch: pa.RecordBatch, before: int) -> pa.RecordBatch:
    """The rows numbered behind those of the files before."""
    if not before:
        return batch
    at = batch.schema.get_field_index("row")
    return batch.set_column(at, "row", pc.add(batch["row"], before))


def _read_code_rows(
    folder: Path, layout: CustomLayout, findings: Findings
) -> code_rows.RawCodes | None:
    path = find_table(folder, "codes", layout.codes, "codes")
    if path is None:
        return None
    header = column_names(path, layout.form)
    names = match_columns(
        path, header, layout.code_columns, code_rows.CODE_ROW_COLUMNS, "custom.code_columns"
    )
    rows = read_rows(path, names, layout.form, findings)
    return code_rows.read_codes(rows, layout, FindingsOfFile(findings, path, names))


def _read_mentions(
    folder: Path, known: mention_rows.Known, findings: Findings
) -> mention_rows.MentionRows | None:
    layout = known.layout
    path = find_table(folder, "mentions", layout.mentions, "mentions")
    if path is None:
        return None
    asked, columns = layout.mention_columns, mention_rows.MENTION_COLUMNS
    names = match_columns(
        path, column_names(path, layout.form), asked, columns, "custom.mention_columns"
    )
    batches = read_rows(path, names, layout.form, findings)
    return mention_rows.place_mentions(batches, known, FindingsOfFile(findings, path, names))


def _compare(
    counts: dict[str, int], layout: CustomLayout, path: Path | str, findings: Findings
) -> None:
    for name, expected in layout.expected.items():
        if name not in counts:
            what = f"custom.expected has no '{name}'{near(name, counts, 'known are: ')}"
            findings.tell("error", path, what)
        elif counts[name] != expected:
            what = f"{name}: {counts[name]:,}, expected {expected:,}"
            findings.tell("error", path, what, "is a file cut off?")
