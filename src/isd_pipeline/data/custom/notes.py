"""A user's notes: which there are, of whom and in which order; then their texts as a stream.

The file is read twice. The first pass holds everything but the texts, so that all that is wrong
can be told before a text is written, and every note has its place; the second gives the texts,
sorted on disk. Documents come by id, numbers by their value. The notes of a document are read by
date, undated ones last, then by note id where there is such a column, then as in the file; words
run on from one to the next as over a blank line, and offsets count within each note.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.custom.files import read_rows
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.io.columns import stripped
from isd_pipeline.data.io.tables import NOTES, SPLITS, RecordStream, SortedSpill, table_of
from isd_pipeline.data.quality.findings import Finding, Findings, Level

NOTE_COLUMNS = {  # ours, and whether the file must have it
    "id": True,
    "text": True,
    "note": False,
    "patient": False,
    "date": False,
    "type": False,
    "split": False,
    "codes": False,
}
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("dev", "development", "val", "valid", "validation"), "dev"),
    **dict.fromkeys(("test", "testing"), "test"),
    "unlabelled": "unlabelled",
}
UNDATED = np.iinfo(np.int64).max
_KEPT = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "note", "patient", "split")),
        *((name, pa.int64()) for name in ("date", "digest", "row")),
        ("wanted", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class NoteIndex:
    """The N notes that are kept, in reading order, and where each row of the file went.

    documents, patients, note_ids: [N]. place: int64 [rows of the file], -1 for a row that is not
    kept. split_of: document > split, where the file says it.
    """

    documents: pa.Array
    patients: pa.Array
    note_ids: pa.Array
    place: np.ndarray
    split_of: dict[str, str]
    counts: dict[str, int]

    def splits(self) -> pa.Table:
        """As `splits`, in reading order."""
        documents = self.documents.unique().to_pylist()
        return table_of([(d, self.split_of[d]) for d in documents if d in self.split_of], SPLITS)


class NoteRows:
    """The first pass: what is kept of each row, and what is wrong with it."""

    def __init__(
        self, path: Path, names: Mapping[str, tuple[str, ...]], layout: CustomLayout
    ) -> None:
        self._path, self._names, self._layout = path, names, layout
        self._parts: list[pa.RecordBatch] = []
        self._types: set[str] = set()
        self._empty = 0

    def add(self, batch: pa.RecordBatch, findings: Findings) -> None:
        """Take a batch of the file."""
        self._batch, self._findings = batch, findings
        texts = batch["text"].to_pylist()
        empty = [text is None or not text.strip() for text in texts]
        self._empty += sum(empty)
        self._tell(empty, "text", "empty notes, which no model can read", "", "warning")
        ids = self._trimmed("id")
        what = "no id, so the note belongs to no one"
        self._tell(pc.is_null(ids).to_pylist(), "id", what, "give it one")
        columns = [ids, self._trimmed("note"), self._trimmed("patient"), self._splits()]
        digests = [_digest(text or "") for text in texts]
        columns += [self._dates(), pa.array(digests, pa.int64()), batch["row"], self._wanted()]
        self._parts.append(pa.record_batch(columns, schema=_KEPT))

    def index(self, findings: Findings) -> NoteIndex:
        """After the last batch: every note in its place."""
        self._findings = findings
        rows = pa.Table.from_batches(self._parts, _KEPT).combine_chunks()
        for name in sorted(set(self._layout.types) - self._types):
            self._fault("type", f"no note has the type {name}", "correct custom.types")
        return self._placed(rows)

    def _placed(self, rows: pa.Table) -> NoteIndex:
        names, document = _ranked(rows["id"])
        patients, patient = _ranked(rows["patient"])
        splits, split = _ranked(rows["split"])
        row = rows["row"].to_numpy()
        patient_of = self._one_each(document, patient, row, "patient", "patients")
        split_of = self._one_each(document, split, row, "split", "splits")
        self._refuse_patients_in_two_splits(document, patient_of, split_of, row)
        keys = (np.arange(len(row)), _ranked(rows["note"])[1], rows["date"].to_numpy(), document)
        order, wanted = np.lexsort(keys), rows["wanted"].to_numpy(zero_copy_only=False)
        order = order[wanted[order] & (document[order] >= 0)]
        kept = order[_first_of_each(document[order], rows["digest"].to_numpy()[order])]
        place = np.full(len(row), -1, dtype=np.int64)
        place[kept] = np.arange(len(kept))
        own = [patients[p] if p >= 0 else name for name, p in zip(names, patient_of, strict=True)]
        of = document[kept]
        counts = {
            "note_records": len(row),
            "notes": len(kept),
            "documents": len(np.unique(of)),
            "patients": len({own[number] for number in np.unique(of)}),
            "notes_of_other_types": len(row) - int(np.count_nonzero(wanted)),
            "repeated_notes": len(order) - len(kept),
            "empty_notes": self._empty,
        }
        if counts["repeated_notes"]:
            what = "notes that repeat another of the same id, word for word: kept once"
            self._fault("text", what, "", "warning", counts["repeated_notes"])
        return NoteIndex(
            pa.array([names[n] for n in of], pa.string()),
            pa.array([own[n] for n in of], pa.string()),
            pa.array(_note_ids(names, of), pa.string()),
            place,
            {names[n]: splits[s] for n, s in enumerate(split_of) if s >= 0},
            counts,
        )

    def _one_each(
        self, document: np.ndarray, value: np.ndarray, row: np.ndarray, column: str, many: str
    ) -> np.ndarray:
        """The one value of each document, -1 where none is given; two are a fault."""
        has = np.flatnonzero((document >= 0) & (value >= 0))
        order = has[np.lexsort((row[has], value[has], document[has]))]
        same = document[order][1:] == document[order][:-1]
        other = order[1:][same & (value[order][1:] != value[order][:-1])]
        if len(other):
            what, first = f"an id has two {many}", row[other].min()
            self._fault(column, what, "correct the rows of this id", "error", len(other), first)
        found = np.full(document.max(initial=-1) + 1, -1, dtype=np.int64)
        found[document[order[::-1]]] = value[order[::-1]]
        return found

    def _refuse_patients_in_two_splits(
        self, document: np.ndarray, patient_of: np.ndarray, split_of: np.ndarray, row: np.ndarray
    ) -> None:
        both = np.flatnonzero((patient_of >= 0) & (split_of >= 0))
        begin = np.full(len(patient_of), UNDATED)
        np.minimum.at(begin, document[document >= 0], row[document >= 0])
        order = both[np.lexsort((begin[both], patient_of[both]))]
        same = patient_of[order][1:] == patient_of[order][:-1]
        other = order[1:][same & (split_of[order][1:] != split_of[order][:-1])]
        if len(other):
            what, first = "a patient is in two splits", begin[other].min()
            remedy = "a model is tested on patients it knows; split by patient, or leave split out"
            self._fault("split", what, remedy, "error", len(other), first)

    def _trimmed(self, name: str) -> pa.Array:
        if name not in self._names:
            return pa.nulls(self._batch.num_rows, pa.string())
        return stripped(self._batch[name])

    def _splits(self) -> pa.Array:
        cells = self._trimmed("split").to_pylist()
        named = [None if cell is None else SPLIT_NAMES.get(cell.lower()) for cell in cells]
        bad = [cell is not None and name is None for cell, name in zip(cells, named, strict=True)]
        self._tell(bad, "split", "no split", "write train, dev, test or unlabelled")
        return pa.array(named, pa.string())

    def _dates(self) -> pa.Array:
        cells = self._trimmed("date").to_pylist()
        known = {cell: _moment(cell, self._layout.date_format) for cell in set(cells)}
        remedy = (
            "write 2026-03-31 or 2026-03-31T14:05, give custom.date_format, or map date to null"
        )
        self._tell([known[cell] is None for cell in cells], "date", "no date", remedy)
        return pa.array([known[cell] for cell in cells], pa.int64()).fill_null(UNDATED)

    def _wanted(self) -> pa.Array:
        if not self._layout.types:
            return pa.array(np.ones(self._batch.num_rows, dtype=bool))
        types = self._trimmed("type")
        self._types |= set(types.drop_null().unique().to_pylist())
        return pc.is_in(types, pa.array(self._layout.types))

    def _tell(
        self, bad: list[bool], name: str, what: str, remedy: str, level: Level = "error"
    ) -> None:
        if any(bad):
            first = self._batch["row"][bad.index(True)].as_py()
            self._fault(name, what, remedy, level, sum(bad), first)

    def _fault(
        self,
        name: str,
        what: str,
        remedy: str,
        level: Level = "error",
        count: int = 1,
        row: int | None = None,
    ) -> None:
        column = self._names.get(name, (name,))[0]
        place = None if row is None else int(row)
        self._findings.add(Finding(level, str(self._path), what, remedy, place, column, int(count)))


def stream_notes(
    path: Path,
    names: Mapping[str, tuple[str, ...]],
    layout: CustomLayout,
    index: NoteIndex,
    scratch: Path | None = None,
) -> RecordStream:
    """The second pass: the kept texts in reading order, which wait sorted in a nameless file."""
    spill = SortedSpill(pa.schema([*NOTES, ("__place", pa.int64())]), ["__place"], scratch)
    read = {name: names[name] for name in ("id", "text")}
    at = 0
    for batch in read_rows(path, read, layout, Findings()):
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


def _first_of_each(document: np.ndarray, digest: np.ndarray) -> np.ndarray:
    """Where each (document, digest) stands first, ascending."""
    order = np.lexsort((np.arange(len(document)), digest, document))
    new = np.ones(len(order), dtype=bool)
    new[1:] = (np.diff(document[order]) != 0) | (digest[order][1:] != digest[order][:-1])
    return np.sort(order[new])


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
