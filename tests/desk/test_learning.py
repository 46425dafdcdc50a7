"""What is learned from: signed-off notes as they were decided on, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.desk.comparing import compared, verdict
from isd_pipeline.desk.data_set import OWN, rows_of, write_data_set
from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.entries import Place, text_sha256
from isd_pipeline.desk.learning import (
    HELD_OUT,
    LEAST,
    Learned,
    Mark,
    Reviewed,
    learned,
    part_of,
    patients_of,
)
from isd_pipeline.pipelines.extract.checking import check
from tests.coding.tiny import CODES, bundle_of
from tests.desk.decided import decided

Tell = Callable[..., None]
FEVER = Note("n1", "Fever since Monday, no pain.")


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(tmp_path / "log.sqlite")


@pytest.fixture
def tell(log: DecisionLog) -> Tell:
    """Adds decisions about a note: pairs of what was decided and the code."""

    def added(note: Note, *told: tuple[str, str | None], **more: object) -> None:
        of_note = {"note": note.id, "text_sha256": text_sha256(note)}
        log.append(*(decided(verdict, code, **of_note, **more) for verdict, code in told))

    return added


def test_codes_are_those_accepted_and_added_at_sign_off(log: DecisionLog, tell: Tell) -> None:
    tell(FEVER, ("accepted", "780.60"), ("rejected", "486"), ("added", "250.00"))
    tell(FEVER, ("accepted", "038.9"), ("undone", "038.9"), ("unsure", "786.50"))
    tell(FEVER, ("signed_off", None))
    found = learned(log.entries(), [FEVER], {})
    assert [one.codes for one in found.notes] == [("250.00", "780.60")]
    assert found.notes[0].marks == ()


@pytest.mark.parametrize(
    ("told", "note", "why"),
    [
        ([("accepted", "486")], FEVER, "not signed off"),
        (
            [("accepted", "486"), ("signed_off", None), ("reopened", None)],
            FEVER,
            "not signed off",
        ),
        ([("rejected", "486"), ("signed_off", None)], FEVER, "signed off without a code"),
        (
            [("accepted", "486"), ("signed_off", None)],
            Note("n1", FEVER.text + " "),
            "another text than was decided on",
        ),
        ([("accepted", "486"), ("signed_off", None)], Note("n2", FEVER.text), "without a note"),
    ],
)
def test_what_is_not_learned_from_is_counted(
    log: DecisionLog, tell: Tell, told: list, note: Note, why: str
) -> None:
    tell(FEVER, *told)
    found = learned(log.entries(), [note], {})
    assert found.notes == ()
    assert {name: count for name, count in found.left_out.items() if count} == {why: 1}


def test_only_what_a_coder_marked_becomes_a_mention(log: DecisionLog, tell: Tell) -> None:
    tell(FEVER, ("accepted", "780.60"), evidence=(Place(0, 5),), marked=True)
    tell(FEVER, ("accepted", "486"), evidence=(Place(6, 11),), marked=False)
    tell(FEVER, ("rejected", "038.9"), evidence=(Place(12, 18),), marked=True)
    tell(FEVER, ("signed_off", None))
    [note] = learned(log.entries(), [FEVER], {}).notes
    assert note.marks == (Mark("780.60", 0, 5),)


def test_a_note_keeps_its_part_whatever_else_is_learned_from() -> None:
    parts = [part_of(f"P{n}") for n in range(20_000)]
    assert [parts[n] for n in (0, 8, 14)] == ["train", "dev", "test"]  # of all releases
    assert abs(parts.count("test") / 20_000 - HELD_OUT) < 0.01


def test_notes_of_one_patient_are_in_one_part(log: DecisionLog, tell: Tell) -> None:
    notes = [Note(f"n{n}", FEVER.text) for n in range(40)]
    for note in notes:
        tell(note, ("accepted", "486"), ("signed_off", None))
    alone = learned(log.entries(), notes, {})
    one = learned(log.entries(), notes, {note.id: "P1" for note in notes})
    assert len({note.part for note in alone.notes}) > 1
    assert {note.part for note in one.notes} == {part_of("P1")}
    assert (alone.has_patients, one.has_patients) == (False, True)


def test_patients_are_read_where_the_notes_name_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('id,patient,text\n007,P1,"a\nb"\n8,,c\n')
    (tmp_path / "b.csv").write_text("id,text\n7,a\n")
    (tmp_path / "c.jsonl").write_text('{"id": 7, "text": "a", "patient": 3}\n\n')
    (tmp_path / "d.txt").write_text("a")
    found = [patients_of(tmp_path / name) for name in ("a.csv", "b.csv", "c.jsonl", "d.txt")]
    assert found == [{"007": "P1"}, {}, {"7": "3"}, {}]


def reviewed(n: int, part: str, **more: object) -> Reviewed:
    note = Note(f"n{n}", "fever and chest pain")
    given = {"codes": ("780.60", "786.50"), "marks": (Mark("780.60", 0, 5),)}
    return Reviewed(note, f"P{n}", part, **given | more)  # type: ignore[arg-type]


def test_too_few_notes_are_one_line_with_the_number_needed() -> None:
    some = tuple(reviewed(n, "train") for n in range(12))
    found = Learned(some, {"not signed off": 3}, False)
    with pytest.raises(
        ValueError, match=r"12 to train on.*40 to train on.*about 100 notes"
    ) as told:
        found.refuse_too_few()
    assert "(not used: 3 not signed off)" in str(told.value)
    enough = tuple(reviewed(n, part) for part, least in LEAST.items() for n in range(least))
    Learned(enough, {}, False).refuse_too_few()
    held_out = tuple(one for one in enough if one.part == "test")
    Learned(held_out, {}, False).refuse_too_few(more=("train", "dev"))
    with pytest.raises(ValueError, match="too few"):
        Learned(enough[:-1], {}, False).refuse_too_few()


def test_the_data_set_is_one_that_the_check_finds_nothing_wrong_in(tmp_path: Path) -> None:
    notes = [reviewed(n, part) for n, part in enumerate(("train", "dev", "test") * 3)]
    custom = write_data_set(rows_of(notes), CODES, "icd9", tmp_path)
    assert custom == {"system": "icd9cm", "table": "titles.csv"}
    codes = [json.loads(line) for line in (tmp_path / "codes.jsonl").read_text().splitlines()]
    assert codes[0] == {"id": "n0", "code": "780.60", "system": "icd9cm"}
    findings, counts = check(str(tmp_path), {})
    assert [one for one in findings if one.level == "error"] == []
    assert (counts["documents"], counts["mention_rows"]) == (9, 9)


def test_codes_that_are_no_icd_become_a_system_of_their_own(tmp_path: Path) -> None:
    codes = CodeIndex(("8140/3", "8500/2"), ("diagnosis",) * 2, ("Adenocarcinoma", "Ductal"))
    notes = [reviewed(1, "train", codes=("8140/3", "new"), marks=())]
    custom = write_data_set(rows_of(notes), codes, "icd10", tmp_path)
    assert custom["system"] == OWN
    titles = (tmp_path / "titles.csv").read_text()
    assert titles == "code,title\n8140/3,Adenocarcinoma\n8500/2,Ductal\nnew,new\n"
    assert not (tmp_path / "mentions.jsonl").exists()


def answered(bundle: Bundle, notes: list[Reviewed]) -> list[Reviewed]:
    """The notes with the codes that a bundle says."""
    coder = Coder(bundle)
    said = coder.code([one.note for one in notes], evidence=False)
    return [
        reviewed(n, "test", codes=tuple(c.code for c in answer.codes if c.above_threshold))
        for n, answer in enumerate(said)
    ]


def test_a_bundle_against_itself_shows_no_difference_and_against_a_worse_one_does() -> None:
    bundle = bundle_of("caml")
    notes = answered(bundle, [reviewed(n, "test") for n in range(30)])
    same = compared(Coder(bundle), Coder(bundle), notes)
    assert same["verdict"] == "no difference shown"
    leading = same["metrics"]["f1_micro_tuned"]
    assert (leading["after"], leading["difference"], leading["p"]) == (1.0, 0.0, 1.0)
    silent = replace(bundle, threshold_tuned=50.0)
    worse = compared(Coder(bundle), Coder(silent), notes)
    assert worse["verdict"] == "worse"
    assert compared(Coder(silent), Coder(bundle), notes)["verdict"] == "better"
    assert worse["metrics"]["f1_micro_tuned"]["after"] == 0.0


def test_a_code_that_a_bundle_lacks_counts_against_it() -> None:
    bundle = bundle_of("caml")
    notes = [
        reviewed(n, "test", codes=(*one.codes, "V10.3"))
        for n, one in enumerate(answered(bundle, [reviewed(n, "test") for n in range(30)]))
    ]
    found = compared(Coder(bundle), Coder(bundle), notes)
    said = len(notes[0].codes) - 1
    expected = 2 * said / (2 * said + 1)
    assert found["metrics"]["f1_micro_tuned"]["before"] == pytest.approx(expected)
    assert found["codes_not_met"] == {"before": 1, "after": 1}


def test_the_verdict_is_the_intervals() -> None:
    for low, high, said in ((0.01, 0.1, "better"), (-0.1, -0.01, "worse"), (-0.1, 0.1, "no diff")):
        assert verdict({"low": low, "high": high}).startswith(said)
