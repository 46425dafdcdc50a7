"""Commands on a terminal that lacks letters, into a pipe that nobody reads, at a closed door."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from isd_pipeline.__main__ import main
from isd_pipeline.coding.bundle import write_bundle
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


def test_a_closed_door_is_told_before_a_model_is_read(run: Callable[..., Result]) -> None:
    done = run("code", "no bundle there", "notes", "--to", "/sys/answers.jsonl")
    told = "/sys/answers.jsonl: cannot be written (Permission denied); name another place by --to"
    assert (done.exit_code, done.stderr) == (2, f"Error: {told}\n")


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
