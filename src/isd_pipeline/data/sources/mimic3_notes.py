"""The discharge summaries of MIMIC-III's NOTEEVENTS: one file, or a folder of its parts.

A quoted CSV cannot be cut without reading it from its beginning, so one file is one stream. Parts,
as a data lake keeps them, are a folder NOTEEVENTS/ of .csv, .csv.gz or .parquet files, each with
all columns; they are read in the order of their names, by the workers of an engine side by side.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.custom.files import column_names, read_rows
from isd_pipeline.data.custom.layout import FileForm, match_columns
from isd_pipeline.data.io import tables
from isd_pipeline.data.io.columns import Seen, Words, ids
from isd_pipeline.data.io.damage import refuse_nul
from isd_pipeline.data.io.delimited import find_csv, read_csv
from isd_pipeline.data.io.folders import files_of
from isd_pipeline.data.io.parts import LOOP, Engine, map_parts
from isd_pipeline.data.quality.findings import Findings

LOG = logging.getLogger(__name__)

NAME, SUMMARY = "NOTEEVENTS", "Discharge summary"
COLUMNS = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "CATEGORY", "DESCRIPTION", "TEXT"]
KEYS = [("__patient", pa.int64()), ("__document", pa.int64())]
ROWS = pa.schema([*tables.NOTES, *KEYS])
ENDINGS = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True)
class NoteEvents:
    """One file of the table."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def halves(self) -> list["NoteEvents"]:
        """A file is read as a whole, and its reader names the row."""
        return []


@dataclass
class Counted:
    """What was seen and counted in a file."""

    seen: Seen
    words: Words
    records: int = 0
    addenda: int = 0


def read_summaries(
    folder: Path, scratch: Path | None = None, engine: Engine = LOOP
) -> tuple[tables.RecordStream, dict[str, int]]:
    """All of them, addenda included, sorted by patient and admission, else as they are filed."""
    place, files = find_files(folder)
    spill = tables.SortedSpill(ROWS, [name for name, _ in KEYS], scratch)
    together = place if len(files) == 1 else place / "*, compared with each other"
    every, counts = Seen(together), {"note_records": 0, "summaries": 0, "addenda": 0}
    for of_file, rows in _read(files, engine):
        for batch in rows:
            spill.add(batch)
        if len(files) > 1:
            of_file.seen.refuse_two_patients()
        every.join(of_file.seen)
        of_file.words.tell()
        counts["note_records"] += of_file.records
        counts["addenda"] += of_file.addenda
    counts["summaries"] = every.rows
    counts["reports"] = every.rows - counts["addenda"]
    counts["admissions_with_summary"] = every.refuse_two_patients()
    counts["repeated_note_ids"] = every.repeated_notes()
    if counts["note_records"] and not every.rows:
        told = "%s: none of %d records has CATEGORY '%s'"
        LOG.warning(told, place, counts["note_records"], SUMMARY)
    return spill.stream(tables.NOTES), counts


def find_files(folder: Path) -> tuple[Path, list[NoteEvents]]:
    """NOTEEVENTS itself, or the folder of its parts and these in order; refused where both are."""
    named = list(Path(folder).iterdir()) if Path(folder).is_dir() else []
    inside = [one for one in named if one.name.upper() == NAME and one.is_dir()]
    if not inside:
        path = find_csv(folder, NAME)
        return path, [NoteEvents(path)]
    beside = [one.name for one in named if one.name.upper() in (f"{NAME}.CSV", f"{NAME}.CSV.GZ")]
    if beside:
        raise ValueError(f"{folder}: holds {beside[0]} and a folder {NAME}; move one away")
    found = files_of(inside[0])[0]
    parts = [NoteEvents(path) for path in found if path.name.lower().endswith(ENDINGS)]
    if not parts:
        raise FileNotFoundError(f"{inside[0]}: no file there that ends in {', '.join(ENDINGS)}")
    if len(parts) < len(found):
        told = "%s: %d files of another kind are not read"
        LOG.warning(told, inside[0], len(found) - len(parts))
    return inside[0], parts


def _read(
    files: list[NoteEvents], engine: Engine
) -> Iterator[tuple[Counted, Iterable[pa.RecordBatch]]]:
    """Of each file its summaries, and what is counted once they have been read.

    In a loop memory holds a batch, of workers the summaries of the few files that are under way.
    """
    if engine.name != "loop" and len(files) > 1:
        yield from map_parts(_read_whole, files, engine, what=f"files of {NAME}")
        return
    for file in files:
        counted = Counted(Seen(file.path), Words(file.path))
        yield counted, _summaries(file.path, counted)


def _read_whole(file: NoteEvents) -> tuple[Counted, list[pa.RecordBatch]]:
    counted = Counted(Seen(file.path), Words(file.path))
    return counted, list(_summaries(file.path, counted))


def _summaries(path: Path, counted: Counted) -> Iterator[pa.RecordBatch]:
    for batch in _rows(path):
        counted.records += batch.num_rows
        # Of all rows, for one that is passed over here is missed elsewhere.
        refuse_nul(batch, COLUMNS[:-1], path)
        batch = batch.filter(pc.equal(batch["CATEGORY"], SUMMARY))
        patients, documents = ids(batch, "SUBJECT_ID", path), ids(batch, "HADM_ID", path)
        notes = ids(batch, "ROW_ID", path)
        counted.seen.add(documents, patients, notes, batch["row"])
        counted.addenda += pc.sum(pc.equal(batch["DESCRIPTION"], "Addendum")).as_py() or 0
        texts = pc.fill_null(counted.words.text(batch, "TEXT"), "")
        named = [pc.cast(column, pa.string()) for column in (documents, patients, notes)]
        yield pa.record_batch([*named, texts, patients, documents], schema=ROWS)


def _rows(path: Path) -> Iterator[pa.RecordBatch]:
    """The columns as text under their names, and `row`, whatever the kind of the file."""
    if not path.name.lower().endswith(".parquet"):
        return read_csv(path, COLUMNS)
    form = FileForm()
    known = dict.fromkeys(COLUMNS, True)
    names = match_columns(path, column_names(path, form), {}, known, NAME, "")
    return read_rows(path, names, form, Findings())
