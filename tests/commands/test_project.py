"""A command works on the project it is typed in, from any of its folders; elsewhere it says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.commands.project import enter_project, root_of
from tests.checkout import copy_checkout

ROOT = Path(__file__).parents[2]
OF_THE_PROJECT = (
    ["show", "synthetic", "isd"],
    ["summary", "synthetic"],
    ["compare", "synthetic"],
    ["study"],
    ["repair"],
    ["locks"],
    ["verify"],
    ["reproduce", "synthetic", "isd", "1"],
    ["bundle", "synthetic", "isd"],
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = copy_checkout(tmp_path_factory.mktemp("whole") / "project")
    shutil.copytree(ROOT / "results/synthetic", made / "results/synthetic")
    (made / "notebooks/deep").mkdir(parents=True)
    return made


@pytest.mark.parametrize("command", OF_THE_PROJECT, ids=lambda words: words[0])
def test_outside_a_project_every_command_of_one_says_so_and_makes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"Error: {tmp_path}: in no project of isd_pipeline; go to")
    assert [*tmp_path.iterdir()] == []


def test_from_a_folder_below_the_answer_is_that_of_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    above = CliRunner().invoke(main, ["summary", "synthetic"])
    monkeypatch.chdir(project / "notebooks/deep")
    below = CliRunner().invoke(main, ["summary", "synthetic"])
    assert above.exit_code == below.exit_code == 0
    assert above.stdout == below.stdout
    assert [*(project / "notebooks/deep").iterdir()] == []


def test_a_path_is_that_of_the_folder_in_which_it_was_typed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project / "notebooks")
    CliRunner().invoke(main, ["init-data", "mine"])
    done = CliRunner().invoke(main, ["check", "mine"])
    assert "no such folder" not in done.stdout
    assert done.exit_code < 2, done.stdout
    shutil.rmtree(project / "notebooks/mine")


def test_a_folder_is_checked_without_any_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    CliRunner().invoke(main, ["init-data", "mine"])
    done = CliRunner().invoke(main, ["check", "mine"])
    assert done.exit_code < 2, done.stdout


def test_another_project_between_is_not_taken_for_ours(tmp_path: Path) -> None:
    copy = tmp_path / "ours/theirs/below"
    copy.mkdir(parents=True)
    (tmp_path / "ours/pyproject.toml").write_text('[tool.kedro]\npackage_name = "isd_pipeline"\n')
    (tmp_path / "ours/theirs/pyproject.toml").write_text('[tool.kedro]\npackage_name = "other"\n')
    assert root_of(copy) == tmp_path / "ours"
    assert root_of(tmp_path) is None


def test_in_the_projects_own_folder_nothing_is_changed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    assert enter_project() == Path()
    assert Path.cwd() == project


def test_kedro_run_from_a_folder_below_makes_no_second_project_there(project: Path) -> None:
    below = project / "notebooks/deep"
    environment = {**os.environ, "PYTHONPATH": str(project / "src")}
    command = [sys.executable, "-m", "kedro", "run", "--pipelines=settings"]
    done = subprocess.run(
        command, cwd=below, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Completed" not in done.stderr + done.stdout  # as conf/logging.yml says
    assert [*below.iterdir()] == []
    assert (project / "data/05_settings/synthetic/isd.json").exists()
