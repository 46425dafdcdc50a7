"""The record of decisions: it only grows, what was changed shows, a crash leaves whole rows."""

from __future__ import annotations

import hashlib
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest

from isd_pipeline.coding.coder import Note
from isd_pipeline.desk.decisions import DecisionLog, StaleError
from isd_pipeline.desk.entries import FIRST, Decision, Place, State, hash_of, text_sha256
from tests.desk.decided import TEXT, add_some, decided


def test_the_hash_of_a_row_is_the_one_made_by_hand(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")
    score = {"score": 1, "threshold": 0.25, "evidence": (Place(0, 5), Place(9, 12, "es"))}
    [entry] = log.append(decided(who="Zoë", **score))
    told = (
        '{"bundle": "tiny-isd-3", "bundle_sha256": "' + "b" * 64 + '", "code": "780.60", '
        '"decision": "accepted", "evidence": [[0, 5, null], [9, 12, "es"]], "marked": false, '
        '"note": "n1", "number": 1, "score": 1.0, "system": "icd9cm", '
        '"text_sha256": "' + TEXT + '", '
        '"threshold": 0.25, "time": "' + entry.time + '", "who": "Zoë"}'
    )
    first = hashlib.sha256(("0" * 64 + "\n" + told).encode()).hexdigest()
    assert entry.hash == first == log.head()
    [second] = log.append(decided("undone"))
    assert second.hash == hash_of(decided("undone"), 2, second.time, first)
    assert log.entries() == [entry, second]
    assert log.verify() is None
    assert log.verify(first) is None
    assert log.verify("f" * 64) == "row 2: the hash that was kept is in no row"


def tampered(path: Path, *statements: str) -> None:
    """As somebody would who may write the file: without the triggers."""
    with closing(sqlite3.connect(path)) as rows:
        rows.execute("DROP TRIGGER no_UPDATE")
        rows.execute("DROP TRIGGER no_DELETE")
        for statement in statements:
            rows.execute(statement)
        rows.commit()


@pytest.mark.parametrize(
    ("statements", "fault"),
    [
        (["UPDATE decisions SET decision = 'rejected' WHERE number = 2"], "row 2: changed"),
        (["UPDATE decisions SET who = 'CD' WHERE number = 3"], "row 3: changed"),
        (["UPDATE decisions SET time = '2020' WHERE number = 1"], "row 1: changed"),
        (["UPDATE decisions SET evidence = '[]' WHERE number = 1"], "row 1: changed"),
        (["UPDATE decisions SET hash = 'x' WHERE number = 2"], "row 2: changed"),
        (["DELETE FROM decisions WHERE number = 1"], "row 1: missing"),
        (["DELETE FROM decisions WHERE number = 2"], "row 2: missing"),
        (["DELETE FROM decisions WHERE number = 4"], "row 4: missing at the end"),
        (
            [
                "UPDATE decisions SET number = 9 WHERE number = 2",
                "UPDATE decisions SET number = 2 WHERE number = 3",
                "UPDATE decisions SET number = 3 WHERE number = 9",
            ],
            "row 2: changed, or another stood before it",
        ),
    ],
)
def test_an_edit_a_deletion_and_another_order_show(
    statements: list[str], fault: str, tmp_path: Path
) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")
    places = (Place(0, 5),)
    log.append(*(decided(code=code, evidence=places) for code in ("486", "780.60", "038.9", "1")))
    tampered(log.path, *statements)
    assert str(log.verify()).startswith(fault)


@pytest.mark.parametrize("change", ["UPDATE decisions SET who = 'x'", "DELETE FROM decisions"])
def test_the_file_itself_refuses_changes(change: str, tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")
    log.append(decided())
    with (
        closing(sqlite3.connect(log.path)) as rows,
        pytest.raises(sqlite3.IntegrityError, match="never changed or removed"),
    ):
        rows.execute(change)
    assert log.verify() is None


def test_processes_that_write_at_once_keep_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        list(pool.map(add_some, [path] * 3, ["A", "B", "C"]))  # the file is made by one of them
    log = DecisionLog(path)
    entries = log.entries()
    assert log.verify() is None
    assert sorted(entry.who for entry in entries) == ["A"] * 20 + ["B"] * 20 + ["C"] * 20
    assert [entry.number for entry in entries] == [*range(1, 61)]


CRASH = """
import os, sqlite3, sys
from isd_pipeline.desk.decisions import DecisionLog
from tests.desk.decided import decided
log = DecisionLog(sys.argv[1])
log.append(decided(code="486"))
if sys.argv[2] == "between":
    add = DecisionLog._add
    DecisionLog._add = lambda *given: os._exit(9) if given[2].code == "3" else add(*given)
    log.append(*(decided(code=code) for code in "123"))
with log._writing() as rows:
    rows.execute("PRAGMA cache_spill = 1")
    for n in range(2000):  # more than fits in memory: part of it is in the file
        log._add(rows, decided(code=f"{n}", who="w" * 2000))
    os._exit(9)
"""


@pytest.mark.parametrize("moment", ["between", "before the end"])
def test_a_crash_leaves_whole_calls_and_the_next_goes_on(moment: str, tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    done = subprocess.run([sys.executable, "-c", CRASH, path, moment], check=False)
    assert done.returncode == 9
    log = DecisionLog(path)
    assert [entry.code for entry in log.entries()] == ["486"]
    log.append(decided())
    assert log.verify() is None
    assert len(log.entries()) == 2


def test_a_call_that_fails_adds_nothing(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")
    with pytest.raises(ValueError, match="not JSON compliant"):
        log.append(decided(), decided(score=float("nan")))
    assert log.entries() == []


def test_undoing_gives_way_to_what_was_decided_before(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")

    def standing() -> dict[str, str]:
        return {code: one.decision for code, one in log.state("n1").codes.items()}

    log.append(decided(), decided("unsure", "486"), decided("rejected"))
    assert standing() == {"780.60": "rejected", "486": "unsure"}
    log.append(decided("undone"))
    assert standing() == {"780.60": "accepted", "486": "unsure"}
    log.append(decided("undone"), decided("undone"), decided("undone", "486"))
    assert standing() == {}
    assert log.state("n1").last == 7
    assert log.state("another") == State({}, None, 0)


def test_a_note_is_signed_off_until_it_is_opened_again(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")
    log.append(decided(), decided(note="n2"), decided("signed_off", None))
    assert log.state("n1").signed_off is not None
    assert log.phases() == {("n1", TEXT): (3, True), ("n2", TEXT): (2, False)}
    log.append(decided("reopened", None))
    assert log.state("n1").signed_off is None
    assert log.phases()["n1", TEXT] == (4, False)
    assert set(log.state("n1").codes) == {"780.60"}


def test_what_was_decided_of_another_text_of_an_id_does_not_stand(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")
    log.append(decided())
    other = text_sha256(Note("n1", "Fever, no more."))
    assert set(log.state("n1", TEXT).codes) == {"780.60"}
    assert log.state("n1", other).codes == {}


def test_a_decision_made_without_a_later_one_is_refused(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "log.sqlite")
    [first] = log.append(decided(), seen=0)
    log.append(decided(note="n2"))  # of another note: nothing that n1's coder has to know
    log.append(decided("unsure"), seen=first.number)
    with pytest.raises(StaleError, match="in the meantime"):
        log.append(decided("rejected"), seen=first.number)
    assert [entry.decision for entry in log.entries("n1")] == ["accepted", "unsure"]


@pytest.mark.parametrize(
    ("make", "fault"),
    [
        (lambda: decided("approved"), "decision: one of accepted"),
        (lambda: decided("signed_off", "486"), "signed_off: a code is missing or too much"),
        (lambda: decided("accepted", None), "accepted: a code is missing or too much"),
        (lambda: decided(who="  "), "who: a decision needs"),
    ],
)
def test_what_is_no_decision_is_refused(make: Callable[[], Decision], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        make()


def test_another_file_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    text, other = tmp_path / "notes.csv", tmp_path / "mlflow.db"
    text.write_text("id,text\n1,Fever." * 99)
    with closing(sqlite3.connect(other)) as rows:
        rows.execute("CREATE TABLE runs (id TEXT)")
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="not a record of decisions"):
            DecisionLog(path)
        assert path.read_bytes() == before


def test_a_record_that_is_kept_is_checked_without_being_written(tmp_path: Path) -> None:
    DecisionLog(tmp_path / "log.sqlite").append(decided())
    before = (tmp_path / "log.sqlite").read_bytes()
    with closing(sqlite3.connect(tmp_path / "log.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")  # nobody else may write
        assert DecisionLog(tmp_path / "log.sqlite").verify() is None
    assert (tmp_path / "log.sqlite").read_bytes() == before


def test_the_file_is_for_its_owner_and_holds_no_text(tmp_path: Path) -> None:
    log = DecisionLog(tmp_path / "folder" / "log.sqlite")
    note = Note("n1", "ZZCANARY with a fever")
    log.append(decided(text_sha256=text_sha256(note), evidence=(Place(0, 8),)))
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600
    assert b"ZZCANARY" not in log.path.read_bytes()
    assert FIRST not in log.head()


def test_the_sum_of_a_note_in_two_languages_is_of_both_texts() -> None:
    spanish, english = Note("1", "Fiebre.", language="es"), Note("1", "Fever.", language="en")
    both = Note("1", "Fiebre.", language="es", others=(english,))
    sums = {text_sha256(one) for one in (spanish, english, both)}
    assert len(sums) == 3
    assert text_sha256(english) == TEXT
