"""A user's notes: which there are, of whom and in which order; then their texts as a stream.

The file is read twice. The first pass holds everything but the texts, so that all that is wrong
can be told before a text is written, and every note has its place; the second gives the texts,
sorted on disk. Documents come by id, numbers by their value. The notes of a document are read by
date, undated ones last, then by note id where there is such a column, then as in the file; words
run on from one to the next as over a blank line, and offsets count within each note.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.custom.note_files import NoteFiles
from isd_pipeline.data.io.columns import changes, stripped
from isd_pipeline.data.io.damage import DAMAGED, holds_nul
from isd_pipeline.data.io.missing import present
from isd_pipeline.data.io.parts import LOOP, Engine
from isd_pipeline.data.io.tables import NOTES, SPLITS, RecordStream, SortedSpill, table_of
from isd_pipeline.data.quality.findings import Findings, FindingsOfFile

SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
    "unlabelled": "unlabelled",
}
TRAINED = ("train", "dev", "test")  # what a model needs some documents of
UNDATED = np.iinfo(np.int64).max
MANY, SHARE = 20, 0.1  # ids of one patient, who may then be a word for one who is not known
_MISSING = {  # what follows; undated notes are only counted, for they may well be so
    "patient": "notes without a patient: an id that has none is its own patient",
    "split": "notes without a split: an id that has none is left out",
    "date": "",
}
_TRIMMED = ("id", "note", "patient", "split", "date", "type")
RAW_NOTES = pa.schema(
    [
        *((name, pa.string()) for name in _TRIMMED),
        *(("digest", pa.int64()), ("empty", pa.bool_()), ("row", pa.int64())),
    ]
)


@dataclass(frozen=True)
class NoteIndex:
    """The N notes that are kept, in reading order, and where each row of the file went.

    documents, patients, note_ids: [N]. place: int64 [rows of the file], -1 for a row that is not
    kept. kept_as: the same, but that a row which repeats another has the place of that one.
    called: `id` and `note` of each row of the file. split_of: document > split, where the file
    says it.
    """

    documents: pa.Array
    patients: pa.Array
    note_ids: pa.Array
    place: np.ndarray
    kept_as: np.ndarray
    called: pa.Table
    split_of: dict[str, str]
    counts: dict[str, int]

    def splits(self) -> pa.Table:
        """As `splits`, in reading order."""
        documents = self.documents.unique().to_pylist()
        return table_of([(d, self.split_of[d]) for d in documents if d in self.split_of], SPLITS)


def raw_notes(batch: pa.RecordBatch) -> pa.RecordBatch:
    """What the first pass keeps of a batch of the file: everything but the texts."""
    texts = [text or "" for text in batch["text"].to_pylist()]
    nothing, names = pa.nulls(batch.num_rows, pa.string()), batch.schema.names
    read = {"type": stripped}  # a kind of note may be called by any word
    columns = [
        read.get(name, present)(batch[name]) if name in names else nothing for name in _TRIMMED
    ]
    digests, empty = map(_digest, texts), (not text.strip() for text in texts)
    columns += [pa.array(digests, pa.int64()), pa.array(empty, pa.bool_()), batch["row"]]
    return pa.record_batch(columns, schema=RAW_NOTES)


def index_notes(rows: pa.Table, layout: CustomLayout, found: FindingsOfFile) -> NoteIndex:
    """Every note of `raw_notes` in its place; what is wrong with any is told."""
    row, empty = rows["row"].to_numpy(), rows["empty"].to_numpy()
    what = "empty notes, or words for a missing one, which no model can read"
    found.tell_rows(row[empty], "warning", "text", what)
    what, nameless = "no id, so the note belongs to no one", rows["id"].is_null().to_numpy()
    found.tell_rows(row[nameless], "error", "id", what, "give it one")
    for name in _TRIMMED:
        found.tell_rows(row[holds_nul(rows[name])], "error", name, DAMAGED)
    splits, split = _ranked(_splits(rows, found))
    dates, wanted = _dates(rows, layout, found), _wanted(rows, layout, found)
    names, document = _ranked(rows["id"])
    patients, patient = _ranked(rows["patient"])
    for name, value in (("patient", patient), ("split", split)):
        other, what = changes(document, value, value, row), f"an id has two {name}s"
        found.tell_rows(row[other], "error", name, what, "correct the rows of this id")
    patient_of, split_of, begin = (_least(document, of) for of in (patient, split, row))
    other, what = changes(patient_of, split_of, begin), "a patient is in two splits"
    remedy = "a model is tested on patients it knows; split by patient, or leave split out"
    found.tell_rows(begin[other], "error", "split", what, remedy)
    order = np.lexsort((np.arange(len(row)), _ranked(rows["note"])[1], dates, document))
    order = order[wanted[order] & (document[order] >= 0)]
    first = _first_like(document[order], rows["digest"].to_numpy()[order])
    kept = order[first == np.arange(len(order))]
    place, kept_as = np.full((2, len(row)), -1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    kept_as[order] = place[order[first]]
    own = [patients[p] if p >= 0 else name for name, p in zip(names, patient_of, strict=True)]
    of = document[kept]
    here = np.unique(of)
    counts = {
        "note_records": len(row),
        "notes": len(kept),
        "documents": len(here),
        "patients": len({own[number] for number in here}),
        "notes_of_other_types": len(row) - int(np.count_nonzero(wanted)),
        "repeated_notes": len(order) - len(kept),
        "empty_notes": int(np.count_nonzero(empty)),
        **_count_splits(splits, split_of[here], begin[here], found),
    }
    counts |= _tell_of_missing(rows, patient_of, split_of, found)
    if counts["repeated_notes"]:
        what = "notes that repeat another of the same id, word for word: kept once"
        found.tell("warning", "text", what, count=counts["repeated_notes"])
    return NoteIndex(
        pa.array([names[n] for n in of], pa.string()),
        pa.array([own[n] for n in of], pa.string()),
        pa.array(_note_ids(names, of), pa.string()),
        place,
        kept_as,
        rows.select(["id", "note"]),
        {names[n]: splits[s] for n, s in enumerate(split_of) if s >= 0},
        counts,
    )


def _tell_of_missing(
    rows: pa.Table, patient_of: np.ndarray, split_of: np.ndarray, found: FindingsOfFile
) -> dict[str, int]:
    """What is missing in columns that the file has, counted where there is something."""
    counts = {}
    for name, what in _MISSING.items():
        empty = rows["row"].filter(rows[name].is_null()).to_numpy()
        if name in found.names and len(empty):
            if what:
                found.tell_rows(empty, "warning", name, what)
            counts[f"notes_without_{name}"] = len(empty)
    if "split" in found.names and (split_of < 0).any():
        counts["documents_in_no_split"] = int((split_of < 0).sum())
    sizes = np.bincount(patient_of[patient_of >= 0], minlength=1)
    if sizes.max() > max(MANY, SHARE * len(patient_of)):
        what = f"one patient has {sizes.max():,} of {len(patient_of):,} ids"
        remedy = "if it stands for a patient who is not known, leave the cells empty"
        found.tell("warning", "patient", what, remedy)
    return counts


def _splits(rows: pa.Table, found: FindingsOfFile) -> pa.ChunkedArray:
    place = pc.index_in(pc.utf8_lower(rows["split"]), pa.array(SPLIT_NAMES))
    bad = pc.and_not(pc.is_null(place), pc.is_null(rows["split"])).to_numpy()
    remedy = "write train, dev, test or unlabelled"
    found.tell_rows(rows["row"].to_numpy()[bad], "error", "split", "no split", remedy)
    return pa.array(SPLIT_NAMES.values()).take(place)


def _count_splits(
    names: list[str], split: np.ndarray, begin: np.ndarray, found: FindingsOfFile
) -> dict[str, int]:
    """Of documents, those that no row gives a split, if the file has the column; they are told.

    Split [D] is the place among the names, -1 for none; begin [D] a document's first row.
    """
    if "split" not in found.names or not len(split):
        return {}
    without = begin[split < 0]
    if len(without) == len(split):
        what, remedy = "no id has a split", "fill the column, or map it to null to draw one"
        found.tell("error", "split", what, remedy)
        return {}
    for name in TRAINED:
        if not any(names[place] == name for place in np.unique(split[split >= 0])):
            found.tell("error", "split", f"no id is in {name}", "give each split some")
    what = f"ids in no split, of {len(split):,}: left out, so that nothing is learned from them"
    found.tell_rows(without, "warning", "split", what, "write train, dev, test or unlabelled")
    return {"documents_in_no_split": len(without)}


def _dates(rows: pa.Table, layout: CustomLayout, found: FindingsOfFile) -> np.ndarray:
    cells = rows["date"].to_pylist()
    known = {cell: _moment(cell, layout.date_format) for cell in set(cells)}
    dates = pa.array([known[cell] for cell in cells], pa.int64())
    bad = dates.is_null().to_numpy(zero_copy_only=False)
    remedy = "write 2026-03-31 or 2026-03-31T14:05, give custom.date_format, or map date to null"
    found.tell_rows(rows["row"].to_numpy()[bad], "error", "date", "no date", remedy)
    return dates.fill_null(UNDATED).to_numpy()


def _wanted(rows: pa.Table, layout: CustomLayout, found: FindingsOfFile) -> np.ndarray:
    if not layout.types:
        return np.ones(rows.num_rows, dtype=bool)
    for name in sorted(set(layout.types) - set(rows["type"].unique().to_pylist())):
        found.tell("error", "type", f"no note has the type {name}", "correct custom.types")
    return pc.is_in(rows["type"], pa.array(layout.types)).to_numpy()


def _least(group: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The least value of each group, -1 where it has none."""
    least, has = np.full(group.max(initial=-1) + 1, UNDATED), (group >= 0) & (value >= 0)
    np.minimum.at(least, group[has], value[has])
    return np.where(least == UNDATED, -1, least)


def stream_notes(
    files: NoteFiles, index: NoteIndex, scratch: Path | None = None, engine: Engine = LOOP
) -> RecordStream:
    """The second pass: the kept texts in reading order, which wait sorted in a nameless file."""
    spill = SortedSpill(pa.schema([*NOTES, ("__place", pa.int64())]), ["__place"], scratch)
    at = 0
    for _, batch in files.read(Findings(), engine, ("id", "text")):
        place = index.place[at : at + batch.num_rows]
        at += batch.num_rows
        kept = np.flatnonzero(place >= 0)
        where = pa.array(place[kept])
        known = [ids.take(where) for ids in (index.documents, index.patients, index.note_ids)]
        texts = pc.fill_null(batch["text"].take(pa.array(kept)), "")
        spill.add(pa.record_batch([*known, texts, where], schema=spill.schema))
    return spill.stream(NOTES)


def _ranked(column: pa.ChunkedArray) -> tuple[list[str], np.ndarray]:
    """The distinct values, numbers first, by value; each row's place among them, -1 for null."""
    encoded = column.combine_chunks().dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    order = sorted(range(len(distinct)), key=lambda n: _natural(distinct[n]))
    rank = np.full(len(distinct) + 1, -1, dtype=np.int64)
    rank[order] = np.arange(len(distinct))
    return [distinct[n] for n in order], rank[encoded.indices.fill_null(len(distinct)).to_numpy()]


def _natural(name: str) -> tuple[bool, int, str]:
    number = name.isascii() and name.isdigit() and len(name) < 19
    return not number, int(name) if number else 0, name


def _first_like(document: np.ndarray, digest: np.ndarray) -> np.ndarray:
    """For each row, where the first one of the same (document, digest) stands."""
    order = np.lexsort((np.arange(len(document)), digest, document))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(document[order]) != 0) | (digest[order][1:] != digest[order][:-1])
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))]
    return first


def _note_ids(names: list[str], of: np.ndarray) -> list[str]:
    """The id where a document has one note, else id/1, id/2 …"""
    size = np.bincount(of, minlength=len(names))
    first = np.searchsorted(of, of)
    return [
        names[n] if size[n] == 1 else f"{names[n]}/{1 + at - begin}"
        for at, (n, begin) in enumerate(zip(of, first, strict=True))
    ]


def _moment(cell: str | None, form: str) -> int | None:
    """Microseconds since 1970; UNDATED for an empty cell, None for what is no date."""
    if cell is None:
        return UNDATED
    try:
        found = datetime.strptime(cell, form) if form else datetime.fromisoformat(cell)
    except ValueError:
        return None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    since = found - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _digest(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
