"""What coders decided about codes: a record that only grows, in one SQLite file.

A row holds who decided what about which code of which note, by which bundle's suggestion; of the
note its id and the SHA-256 of its text, never a word of it. The hash of a row stands for the row
and for the hash of the row before it, so an edit, a deletion or another order shows (`verify`).
Who can write the file can also make the whole chain anew: a hash that was kept elsewhere, as every
export has one, is what tells that.

SQLite keeps a row whole: it is in the file and on the disk, or, after a crash, not there at all.
"""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from isd_pipeline.desk.entries import (
    FIRST,
    OF_NOTE,
    Decision,
    Entry,
    Place,
    State,
    hash_of,
    state_of,
)

FORMAT = 1
WAIT = 30.0  # seconds for another process that writes

_COLUMNS = """
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    time TEXT NOT NULL,
    who TEXT NOT NULL,
    bundle TEXT NOT NULL,
    bundle_sha256 TEXT NOT NULL,
    note TEXT NOT NULL,
    text_sha256 TEXT NOT NULL,
    decision TEXT NOT NULL,
    code TEXT,
    system TEXT,
    score REAL,
    threshold REAL,
    evidence TEXT NOT NULL,
    marked INTEGER NOT NULL,
    hash TEXT NOT NULL
"""
_SCHEMA = (
    f"CREATE TABLE decisions ({_COLUMNS})",
    "CREATE INDEX by_note ON decisions (note, text_sha256)",
    *(
        f"CREATE TRIGGER no_{change} BEFORE {change} ON decisions "
        "BEGIN SELECT RAISE(ABORT, 'decisions are added, never changed or removed'); END"
        for change in ("UPDATE", "DELETE")
    ),
    f"PRAGMA user_version = {FORMAT}",
)


class Phase(NamedTuple):
    """How far a text was reviewed, without what was decided."""

    last: int
    signed_off: bool


class StaleError(ValueError):
    """A decision that was made without knowing of a later one about the same text."""


class DecisionLog:
    """The record in one file, which is made where there is none.

    Every call opens the file anew, so threads and processes may share it.

    Raises:
        ValueError: the file is something else, or of a newer format.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.touch(mode=0o600)  # ids of notes are for nobody else
        try:
            with closing(self._open()) as rows:
                is_there = self._is_there(rows)
            if not is_there:
                self._make()
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{self.path}: not a record of decisions ({error})") from None

    def append(self, *decisions: Decision, seen: int | None = None) -> list[Entry]:
        """Add decisions, all or none, and give their rows.

        `seen` is the last entry about the first decision's note that its coder knew of; None asks
        nothing.

        Raises:
            StaleError: an entry about that note is later than `seen`.
        """
        with self._writing() as rows:
            if seen is not None and decisions and self._last(rows, decisions[0]) > seen:
                raise StaleError("decided in the meantime, elsewhere: look at the note again")
            return [self._add(rows, decision) for decision in decisions]

    def entries(self, note: str | None = None, text_sha256: str | None = None) -> list[Entry]:
        """The rows in their order: all, those of a note, or those of one text of it."""
        wanted = {"note": note, "text_sha256": text_sha256}
        asked = {name: value for name, value in wanted.items() if value is not None}
        where = " AND ".join(f"{name} = :{name}" for name in asked) or "TRUE"
        with closing(self._open()) as rows:
            return [*map(_entry, rows.execute(f"{_SELECT} WHERE {where} ORDER BY number", asked))]

    def state(self, note: str, text_sha256: str | None = None) -> State:
        """Where the review of a note stands, or of one text where an id had several."""
        return state_of(self.entries(note, text_sha256))

    def phases(self) -> dict[tuple[str, str], Phase]:
        """How far every text was reviewed, by note id and SHA-256 of the text."""
        latest = "SELECT note, text_sha256, MAX(number), " + ", ".join(
            f"MAX(CASE WHEN decision = '{verdict}' THEN number ELSE 0 END)" for verdict in OF_NOTE
        )
        with closing(self._open()) as rows:
            found = rows.execute(f"{latest} FROM decisions GROUP BY note, text_sha256")
            return {(row[0], row[1]): Phase(row[2], row[3] > row[4]) for row in found}

    def head(self) -> str:
        """The hash of the last row, which stands for the whole record."""
        with closing(self._open()) as rows:
            return self._head(rows)[1]

    def verify(self, known: str | None = None) -> str | None:
        """Say which row is the first that does not hold, None if all do.

        `known` is a hash that was kept elsewhere: it must still be in the chain.
        """
        with closing(self._open()) as rows:
            found = [*map(_entry, rows.execute(f"{_SELECT} ORDER BY number"))]
            given = rows.execute("SELECT seq FROM sqlite_sequence").fetchone()
        before = FIRST
        for number, entry in enumerate(found, start=1):
            if entry.number != number:
                return f"row {number}: missing"
            if entry.hash != hash_of(entry, number, entry.time, before):
                return f"row {number}: changed, or another stood before it"
            before = entry.hash
        if given and given[0] != len(found):
            return f"row {len(found) + 1}: missing at the end"
        if known not in (None, FIRST, *(entry.hash for entry in found)):
            return f"row {len(found) or 1}: the hash that was kept is in no row"
        return None

    def _is_there(self, rows: sqlite3.Connection) -> bool:
        """Whether the file is a record; False of an empty one. It may be read-only."""
        (version,) = rows.execute("PRAGMA user_version").fetchone()
        tables = {name for (name,) in rows.execute("SELECT name FROM sqlite_master")}
        if not tables and version == 0:
            return False
        if "decisions" not in tables or version != FORMAT:
            raise ValueError(
                f"{self.path}: not a record of decisions of format {FORMAT}; name another file"
            )
        return True

    def _make(self) -> None:
        with self._writing() as rows:
            if not self._is_there(rows):  # another process may have made it meanwhile
                for statement in _SCHEMA:
                    rows.execute(statement)

    def _add(self, rows: sqlite3.Connection, decision: Decision) -> Entry:
        last, before = self._head(rows)
        number, time = last + 1, datetime.now(UTC).isoformat(timespec="milliseconds")
        row_hash = hash_of(decision, number, time, before)
        entry = Entry(
            **{f.name: getattr(decision, f.name) for f in fields(Decision)},
            number=number,
            time=time,
            hash=row_hash,
        )
        values = vars(entry) | {"evidence": json.dumps(entry.evidence)}
        rows.execute(f"INSERT INTO decisions VALUES ({', '.join(':' + n for n in _NAMES)})", values)
        return entry

    def _last(self, rows: sqlite3.Connection, of: Decision) -> int:
        found = rows.execute(
            "SELECT MAX(number) FROM decisions WHERE note = ? AND text_sha256 = ?",
            (of.note, of.text_sha256),
        )
        return int(found.fetchone()[0] or 0)

    def _head(self, rows: sqlite3.Connection) -> tuple[int, str]:
        found = rows.execute("SELECT number, hash FROM decisions ORDER BY number DESC LIMIT 1")
        return found.fetchone() or (0, FIRST)

    def _open(self) -> sqlite3.Connection:
        rows = sqlite3.connect(self.path, timeout=WAIT, isolation_level=None)
        rows.execute("PRAGMA synchronous = EXTRA")  # the journal's removal is on the disk as well
        return rows

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One writer at a time: who reads the last hash here is who adds the next row."""
        with closing(self._open()) as rows:
            rows.execute("BEGIN IMMEDIATE")
            try:
                yield rows
            except BaseException:
                rows.execute("ROLLBACK")
                raise
            rows.execute("COMMIT")


def _entry(row: Sequence[object]) -> Entry:
    values: dict[str, object] = dict(zip(_NAMES, row, strict=True))
    places = tuple(Place(*place) for place in json.loads(str(values["evidence"])))
    told = {"evidence": places, "marked": bool(values["marked"])}
    return Entry(**values | told)  # type: ignore[arg-type]


_NAMES = [line.split()[0] for line in _COLUMNS.strip().splitlines()]
_SELECT = f"SELECT {', '.join(_NAMES)} FROM decisions"
