"""One decision of a coder, its row in the record, and what stands after several.

The hash of a row is that of the row before, a line end, and the row itself as JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from isd_pipeline.coding.coder import Note

Verdict = Literal["accepted", "rejected", "unsure", "added", "undone", "signed_off", "reopened"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)
OF_NOTE: tuple[Verdict, ...] = ("signed_off", "reopened")  # the others are about a code
FIRST = "0" * 64  # stands before the first row


class Place(NamedTuple):
    """A stretch of the note: code points [begin, end); of a note in several texts its language."""

    begin: int
    end: int
    view: str | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What one coder decided about one code of one note, or of the note as a whole.

    `code` and `system` are None of a decision about the note; `system` is the coding system, such
    as `icd10cm`. `score` and `threshold` are the answer's, None of a code that was not suggested.
    `evidence` is what the coder was shown for the code or, where `marked`, marked for it.
    """

    who: str
    bundle: str
    bundle_sha256: str
    note: str
    text_sha256: str
    decision: Verdict
    code: str | None = None
    system: str | None = None
    score: float | None = None
    threshold: float | None = None
    evidence: tuple[Place, ...] = ()
    marked: bool = False

    def __post_init__(self) -> None:
        if self.decision not in VERDICTS:
            raise ValueError(f"decision: one of {', '.join(VERDICTS)} is wanted")
        if (self.code is None) != (self.decision in OF_NOTE):
            raise ValueError(f"decision {self.decision}: a code is missing or too much")
        if not self.who.strip():
            raise ValueError("who: a decision needs the name of who decided")


@dataclass(frozen=True, kw_only=True)
class Entry(Decision):
    """A decision in the record: its number from 1, its time in UTC, and the hash of its row."""

    number: int
    time: str
    hash: str


@dataclass(frozen=True)
class State:
    """Where the review of a note stands.

    `codes` has the decision that stands about each code; one that was undone gives way to the one
    before it. `last` is the number of the note's latest entry, 0 for none.
    """

    codes: dict[str, Entry]
    signed_off: Entry | None
    last: int


def hash_of(decision: Decision, number: int, time: str, before: str) -> str:
    """SHA-256 of the hash before, a line end, and the row as JSON with sorted keys."""
    row = {f.name: getattr(decision, f.name) for f in fields(Decision)}
    row |= {"number": number, "time": time}
    row |= {name: float(row[name]) for name in ("score", "threshold") if row[name] is not None}
    told = json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(f"{before}\n{told}".encode()).hexdigest()


def state_of(entries: Sequence[Entry]) -> State:
    """Where the review of one note stands after these entries about it."""
    made: dict[str, list[Entry]] = {}
    signed_off = None
    for entry in entries:
        if entry.code is None:
            signed_off = entry if entry.decision == "signed_off" else None
        elif entry.decision == "undone":
            made.get(entry.code, [])[-1:] = []
        else:
            made.setdefault(entry.code, []).append(entry)
    standing = {code: of_code[-1] for code, of_code in made.items() if of_code}
    return State(standing, signed_off, entries[-1].number if entries else 0)


def text_sha256(note: Note) -> str:
    """What stands for a note's text: of a note in several languages, for all its texts."""
    texts = (
        [note.text]
        if not note.others
        else [f"{one.language}\n{one.text}" for one in (note, *note.others)]
    )
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()
