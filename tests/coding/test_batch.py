"""A file of answers is whole or absent, and made a few notes at a time."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from isd_pipeline.coding import batch
from isd_pipeline.coding.answers import COLUMNS, LAST, write_csv, write_jsonl
from isd_pipeline.coding.coder import Answer, Coder, Note
from isd_pipeline.coding.notes import notes_beside_others
from isd_pipeline.data.io.folders import HIDDEN
from tests.coding.tiny import CODES, bundle_of, notes_of
from tests.guard import faults

HEAD = "id,text\n"
NO_WORDS = {"words": "0", "unknown_words": "0"}


@pytest.fixture(scope="module")
def coder() -> Coder:
    return Coder(bundle_of(max_tokens=3), long_notes="cut")


def notes_file(folder: Path, count: int, last: str = "") -> Path:
    path = folder / "notes.csv"
    path.write_text(HEAD + "".join(f"{n},fever and pain\n" for n in range(count)) + last)
    return path


def test_every_note_has_its_line_in_the_order_of_the_file(tmp_path: Path, coder: Coder) -> None:
    path = notes_file(tmp_path, 2 * batch.AT_ONCE + 1, 'long,"fever, pain and chest pain"\nno,\n')
    counts = batch.code_notes(coder, path, tmp_path / "out.jsonl")
    answers = [json.loads(line) for line in (tmp_path / "out.jsonl").open(encoding="utf-8")]
    ids = [*map(str, range(2 * batch.AT_ONCE + 1)), "long", "no"]
    assert [answer["id"] for answer in answers] == ids
    assert counts.pop("words") == 3 * (2 * batch.AT_ONCE + 1) + 5
    assert counts == {**dict.fromkeys(("unknown_words", "foreign"), 0), "notes": len(ids)} | {
        "problems": 1,
        "truncated": 1,
    }


@pytest.mark.parametrize("name", ["a.jsonl", "b.csv", "c.html"])
def test_answers_do_not_pass_the_guard_of_the_repository(
    tmp_path: Path, coder: Coder, name: str
) -> None:
    answers = tmp_path / name
    batch.code_notes(coder, notes_file(tmp_path, 2), answers)
    assert len(faults(answers)) == 1
    named = tmp_path / f"notes.csv.codes{answers.suffix}"
    named.write_text("")
    assert "stay where the notes may be" in faults(named)[0]


class Counting(Coder):
    """Keeps how many notes it is given at a time."""

    def code(self, notes: Sequence[Note], **asked: Any) -> list[Answer]:
        self.given = [*getattr(self, "given", []), len(notes)]
        return super().code(notes, **asked)


def test_only_a_few_notes_are_held_at_a_time(tmp_path: Path) -> None:
    coder = Counting(bundle_of())
    path = notes_file(tmp_path, 2 * batch.AT_ONCE + 5)
    batch.code_notes(coder, path, tmp_path / "out.csv", evidence=False)
    assert coder.given == [batch.AT_ONCE, batch.AT_ONCE, 5]


def test_a_fault_in_the_last_row_leaves_no_answers_and_no_other_file(
    tmp_path: Path, coder: Coder
) -> None:
    path, to = notes_file(tmp_path, batch.AT_ONCE + 1, "0,the same id\n"), tmp_path / "out.jsonl"
    with pytest.raises(ValueError, match="an id that an earlier note has"):
        batch.code_notes(coder, path, to)
    assert [found.name for found in tmp_path.iterdir()] == ["notes.csv"]
    to.write_text("of yesterday")
    with pytest.raises(ValueError, match="an id that an earlier note has"):
        batch.code_notes(coder, path, to)
    assert to.read_text() == "of yesterday"


@pytest.mark.parametrize(
    ("to", "force", "line"),
    [
        ("out.csv", False, "is there already; --force replaces it"),
        ("notes.csv", True, "these are the notes"),
        ("folder.csv", True, "is a folder"),
        ("folder", True, "name a file that ends in .jsonl, .csv or .html"),
        ("-", True, "-: name a file that ends in .jsonl, .csv or .html"),
        ("notes.csv/out.csv", False, "notes.csv is no folder; name another place"),
        ("/sys/out.csv", False, "/sys/out.csv: cannot be written (Permission denied); name"),
    ],
)
def test_answers_are_not_written_where_they_do_harm(
    tmp_path: Path, to: str, force: bool, line: str
) -> None:
    notes = notes_file(tmp_path, 1)
    (tmp_path / "out.csv").touch()
    (tmp_path / "folder.csv").mkdir()
    batch.refuse_target(tmp_path / "out.csv", notes, force=True)
    with pytest.raises((ValueError, OSError), match=re.escape(line)):
        batch.refuse_target(tmp_path / to, notes, force=force)


def test_what_a_folder_holds_beside_its_notes_is_counted_by_kind(tmp_path: Path) -> None:
    for name in ("a.txt", "B.TXT", "x.docx", "y.DOCX", "z.pdf", "plain", ".DS_Store", "._a.txt"):
        (tmp_path / name).touch()
    (tmp_path / "2024").mkdir()
    notes, others = notes_beside_others(tmp_path)
    assert [path.name for path in notes] == ["B.TXT", "a.txt"]
    kinds = {".docx": 2, ".pdf": 1, "file without ending": 1, "folders": 1, HIDDEN: 2}
    assert others == kinds
    assert notes_beside_others(tmp_path / "2024") == ([], {})


def test_the_json_of_an_answer_has_the_documented_shape(coder: Coder) -> None:
    file = io.StringIO()
    notes = notes_of("fever, pain and chest pain")
    write_jsonl(zip(notes, coder.code(notes, top=1, threshold=1.0), strict=True), file)
    (answer,) = [json.loads(line) for line in file.getvalue().splitlines()]
    told = ["id", "codes", "threshold", "truncated_at", "problem", "model", "books"]
    told += ["caution", "words", "unknown_words"]
    assert list(answer) == told
    (code,) = answer["codes"]
    told = ["code", "title", "system", "score", "above_threshold", "evidence", "sources"]
    assert list(code) == [*told, "evidence_only", "rules"]
    of_evidence = ["begin", "end", "weight", "context", "section"]
    assert [list(span) for span in code["evidence"]] == [of_evidence]
    assert answer["truncated_at"] == len("fever, pain and")
    assert answer["model"] == {"name": "tiny-isd-3", "sha256": ""}


def test_a_csv_has_a_row_a_code_and_computes_nothing_in_a_spreadsheet(coder: Coder) -> None:
    file = io.StringIO(newline="")
    notes = [Note("=1+1", "fever, pain"), Note("-2", "")]
    write_csv(zip(notes, coder.code(notes), strict=True), file)
    rows = list(csv.DictReader(io.StringIO(file.getvalue(), newline="")))
    assert tuple(rows[0]) == COLUMNS + LAST
    assert {row["code"] for row in rows[:-1]} == set(CODES.codes)
    assert {row["id"] for row in rows[:-1]} == {"'=1+1"}
    titles = {row["code"]: row["title"] for row in rows}
    assert (titles["99.15"], titles["780.60"]) == ("'=Nutrition", "Fever")
    assert {row["evidence"] for row in rows[:-1]} == {"0-11"}
    last = {name: value for name, value in rows[-1].items() if value}
    assert last == {"id": "'-2", "problem": "the note is empty", **NO_WORDS}


@pytest.mark.parametrize("text", ["x", "-1", "nan", "2", ""])
def test_a_threshold_is_tuned_or_a_score(text: str) -> None:
    assert batch.parse_threshold("tuned") == "tuned"
    assert batch.parse_threshold("0.5") == 0.5
    with pytest.raises(ValueError, match="`tuned` or a score from 0 to 1 is wanted"):
        batch.parse_threshold(text)
