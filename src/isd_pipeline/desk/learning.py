"""What coders decided as something to learn from: reviewed notes, their codes, their marks.

Only notes that were signed off count: of others nobody said that a code is missing. Codes that were
accepted or added are the note's; what was rejected, unsure or not looked at is not.

A note's part follows from a hash of its patient, or of its id where the notes name no patient: so
it has the same part in every later learning, and a note that was held out never trains.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from isd_pipeline.coding.coder import Note
from isd_pipeline.coding.notes import AS_USUAL, TABLES, NotesForm, objects_of, rows_of
from isd_pipeline.data.io.missing import is_missing
from isd_pipeline.desk.entries import Entry, state_of, text_sha256

HELD_OUT, TUNING = 0.2, 0.15  # of the notes, for comparing and as dev; the rest trains
LEAST = {"train": 40, "dev": 10, "test": 20}
OF_PARTS = {"train": "to train on", "dev": "to tune on", "test": "held out"}


@dataclass(frozen=True)
class Mark:
    """A stretch of a note, code points [begin, end), that a coder marked for a code."""

    code: str
    begin: int
    end: int


@dataclass(frozen=True)
class Reviewed:
    """A note that was signed off, with its codes; `part` is train, dev, or test, held out."""

    note: Note
    patient: str
    part: str
    codes: tuple[str, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Learned:
    """The notes to learn from, and of what was not used how much, by the reason."""

    notes: tuple[Reviewed, ...]
    left_out: Mapping[str, int]
    has_patients: bool

    def of(self, part: str) -> list[Reviewed]:
        """The notes of a part."""
        return [one for one in self.notes if one.part == part]

    def refuse_too_few(self, *, more: Iterable[str] = ()) -> None:
        """Raise a ValueError unless each part has enough; parts of `more` are filled elsewhere."""
        needed = {part: least for part, least in LEAST.items() if part not in more}
        if all(len(self.of(part)) >= least for part, least in needed.items()):
            return
        found = ", ".join(f"{len(self.of(part))} {OF_PARTS[part]}" for part in needed)
        asked = ", ".join(f"{least} {OF_PARTS[part]}" for part, least in needed.items())
        left = ", ".join(f"{count} {why}" for why, count in self.left_out.items() if count)
        enough = max(round(least / share_of(part)) for part, least in needed.items())
        raise ValueError(
            f"too few signed-off notes: {found}; {asked} are needed, which about {enough} notes "
            f"have" + (f" (not used: {left})" if left else "")
        )


def share_of(part: str) -> float:
    """How much of the notes is in a part, on average."""
    return {"test": HELD_OUT, "dev": TUNING}.get(part, 1 - HELD_OUT - TUNING)


def part_of(patient: str) -> str:
    """The part of all notes of a patient: a function of the name alone."""
    digest = hashlib.sha256(f"learn {patient}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if place < HELD_OUT else "dev" if place < HELD_OUT + TUNING else "train"


def learned(
    entries: Sequence[Entry], notes: Iterable[Note], patients: Mapping[str, str]
) -> Learned:
    """Every note that was signed off and is here as it was then."""
    by_text: dict[tuple[str, str], list[Entry]] = {}
    for entry in entries:
        by_text.setdefault((entry.note, entry.text_sha256), []).append(entry)
    decided = {name for name, _ in by_text}
    counts, found, seen = Counter[str](), list[Reviewed](), set[str]()
    for note in notes:
        seen.add(note.id)
        of_text = by_text.get((note.id, text_sha256(note)))
        if of_text is None:
            counts["another text than was decided on"] += note.id in decided
            continue
        reviewed = _reviewed(note, of_text, patients.get(note.id) or note.id)
        if isinstance(reviewed, str):
            counts[reviewed] += 1
        else:
            found.append(reviewed)
    counts["without a note"] = len(decided - seen)
    return Learned(tuple(found), dict(counts), bool(patients))


def _reviewed(note: Note, entries: Sequence[Entry], patient: str) -> Reviewed | str:
    """A note as its review left it, or why it is not used."""
    state = state_of(entries)
    kept = [e for e in state.codes.values() if e.decision in ("accepted", "added")]
    if state.signed_off is None:
        return "not signed off"
    if note.others:
        return "in several languages"
    if not kept:
        return "signed off without a code"
    marks = [
        Mark(str(entry.code), place.begin, place.end)
        for entry in kept
        if entry.marked
        for place in entry.evidence
    ]
    return Reviewed(
        note,
        patient,
        part_of(patient),
        tuple(sorted(str(entry.code) for entry in kept)),
        tuple(sorted(set(marks), key=lambda one: (one.begin, one.end, one.code))),
    )


def patients_of(notes: Path, form: NotesForm = AS_USUAL) -> dict[str, str]:
    """The patient of each note by its id, where a file has a column or key `patient`."""
    if notes.name.lower().endswith(TABLES):
        batches = rows_of(notes, {"id": True, "patient": "patient" in form.columns}, form)
        rows = iter([row for batch in batches for row in batch.to_pylist()])
    elif notes.name.lower().endswith((".jsonl", ".jsonl.gz", ".ndjson")):
        rows = (row for _, row in objects_of(notes, form))
    else:
        return {}
    named = ((str(row["id"]), row.get("patient")) for row in rows)
    return {name: str(patient).strip() for name, patient in named if not _is_nobody(patient)}


def _is_nobody(patient: object) -> bool:
    return patient is None or is_missing(str(patient))
