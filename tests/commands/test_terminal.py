"""Commands on a terminal that lacks letters, into a pipe that nobody reads, at a closed door."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from isd_pipeline.__main__ import main
from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.coding.coder import Coder
from isd_pipeline.messages import one_line
from isd_pipeline.pipelines.extract.checking import check
from tests.coding.tiny import bundle_of

ISD = [sys.executable, "-m", "isd_pipeline"]
PRINTS = """
import sys
from isd_pipeline.messages import one_line
one_line(lambda: [print("line", n) for n in range({lines})])()
sys.exit({status})
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    write_bundle(bundle_of(), folder / "bundle")
    (folder / "notes").mkdir()
    (folder / "notes" / "a.txt").write_text("fever and pain")
    return folder


@pytest.fixture
def run(place: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(place)
    return lambda *words: CliRunner().invoke(main, words)


def test_a_terminal_that_lacks_a_letter_fails_nothing(place: Path) -> None:
    command = [*ISD, "code", "bundle", "notes", "--to", "Ž.jsonl"]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = subprocess.run(command, cwd=place, env=environment, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, rb"\u017d.jsonl")
    assert (place / "Ž.jsonl").read_text("utf-8").count("\n") == 1


@pytest.mark.parametrize("lines", [3, 100_000])
@pytest.mark.parametrize("status", [0, 1])
def test_a_pipe_that_nobody_reads_ends_a_command_quietly(lines: int, status: int) -> None:
    code = PRINTS.format(lines=lines, status=status)
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=buffered, stdout=writes, stderr=subprocess.PIPE)
    os.close(writes)
    assert (done.returncode, done.stderr) == (141, b"")


def test_another_broken_pipe_is_an_error_like_any(capfd: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise BrokenPipeError("a worker went away")

    with pytest.raises(Exception, match="a worker went away"):
        one_line(fails)()


def test_other_files_of_a_folder_are_told_and_no_success_unless_asked(
    place: Path, run: Callable[..., Result], caplog: pytest.LogCaptureFixture
) -> None:
    (place / "mixed").mkdir()
    (place / "mixed" / "a.txt").write_text("fever and pain")
    (place / "mixed" / "b.docx").touch()
    done = run("code", "bundle", "mixed")
    assert done.exit_code == 1
    assert "mixed: not read: 1 .docx; its .txt files alone are notes" in caplog.text
    assert "notes 1, with a problem 0" in done.stdout
    assert run("code", "bundle", "mixed", "--skip-others", "--force").exit_code == 0
    divided = run("code", "bundle", "mixed", "--engine", "dask", "--force")
    assert divided.exit_code == 2
    assert "mixed: is not divided; --engine dask takes a .parquet file, a folder" in divided.stderr


def test_what_stops_a_command_is_told_before_a_model_is_read(
    place: Path, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in the order in which the words were typed: the bundle, the notes, the answers."""

    def opened(*_: object) -> None:
        raise AssertionError("a model was read")

    monkeypatch.setattr(Coder, "open", opened)
    (place / "bad.csv").write_text("visit,body\n1,fever\n")
    (place / "bad.jsonl").write_text('{"id": 1}\n')
    (place / "tables").mkdir()
    (place / "tables" / "one.csv").write_text("visit,body\n1,fever\n")
    closed = "/sys/answers.jsonl"
    for bundle, notes, line in (
        ("no-bundle", "no-notes", "no-bundle: no such folder; `isd bundle` makes a bundle"),
        ("no-bundle", "tables", "no-bundle: no such folder; `isd bundle` makes a bundle"),
        ("notes", "no-notes", "notes/bundle.json: missing, so the bundle is incomplete"),
        ("bundle", "no-notes", "no-notes: no such file or folder; give a .csv"),
        ("bundle", "bad.csv", "bad.csv, row 1: no column id"),
        ("bundle", "bad.jsonl", "bad.jsonl, line 1: no key `text`"),
        ("bundle", "tables", "tables/one.csv, row 1: no column id"),
        ("bundle", "notes", f"{closed}: cannot be written (Permission denied); name another place"),
    ):
        done = run("code", bundle, notes, "--to", closed)
        assert done.exit_code == 2
        assert line in done.stderr
        assert done.stderr.count("\n") == 1


def test_the_codes_of_the_first_notes_are_printed_without_their_ids_and_words(
    place: Path, run: Callable[..., Result]
) -> None:
    rows = "".join(f"secret{n},fever and pain\n" for n in range(6)) + "x,\n"
    (place / "seven.csv").write_text(f"id,text\n{rows}")
    told = run("code", "bundle", "seven.csv", "--threshold", "0").stdout.splitlines()
    assert [line.partition(":")[0] for line in told[:6]] == [
        *(f"note {n}" for n in range(1, 6)),
        "and 2 more notes",
    ]
    assert re.fullmatch(r"note 1: (\S+ 0\.\d\d(, )?){3} and 2 more", told[0])
    assert told[-1] == "seven.csv.codes.jsonl"
    none = run("code", "bundle", "seven.csv", "--threshold", "1", "--force").stdout.splitlines()
    assert none[0].startswith("note 1: none above the threshold; likeliest ")
    (place / "empty.csv").write_text("id,text\n1,\n2,fever\n")
    told = run("code", "bundle", "empty.csv", "--to", "e.csv").stdout.splitlines()
    assert told[0].startswith("note 1: no codes: ")
    one = run("code", "bundle", "notes", "--threshold", "6.1e-7", "--to", "one.csv").stdout
    assert one.startswith("codes above the threshold of 6e-07:\n  ")
    assert "  Chest pain, unspecified\n" in one
    assert not any(word in "".join([*told, one]) for word in ("secret", "fever and"))


def test_answers_are_printed_where_they_are_asked_for(
    place: Path, run: Callable[..., Result]
) -> None:
    done = run("code", "bundle", "notes", "--to", "-")
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["a"]
    assert "notes 1, with a problem 0" in done.stderr
    assert not (place / "-").exists()


def test_a_note_in_no_known_word_is_told_beside_the_counts(
    place: Path, run: Callable[..., Result]
) -> None:
    (place / "foreign.csv").write_text("id,text\n1,kuume ja yskä fever\n2,fever\n")
    done = run("code", "bundle", "foreign.csv")
    assert "words 5, unknown to the model 3" in done.stdout
    assert "1 of the notes are mostly of words that the model does not know" in done.stderr


def test_a_file_to_be_checked_is_told_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("id,text\n1,fever\n")
    findings, _ = check(str(tmp_path / "notes.csv"), {})
    [one] = findings
    assert "notes.csv: a file; check the folder that it is in" in one.line()
