"""The command line: light to ask, told in one line what went wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import click
import pytest
from click.testing import CliRunner

from isd_pipeline import __version__
from isd_pipeline.__main__ import main
from isd_pipeline.commands import COMMANDS
from isd_pipeline.messages import cause, one_line
from isd_pipeline.tracking import open_run as tracking
from tests.checkout import ROOT

HEAVY = {
    *("kedro", "dvc", "mlflow", "gensim", "optuna", "torch", "pandas", "sklearn"),
    *("numpy", "scipy", "pyarrow", "yaml", "pydantic"),
}
ASK = """
import sys
from isd_pipeline import __version__
from isd_pipeline.__main__ import main
main(sys.argv[1:], standalone_mode=False)
print("imported:", *(name for name in sys.modules if "." not in name))
"""


ASKED = [["--version"], ["--help"], *([name, "--help"] for name in COMMANDS)]


@pytest.mark.parametrize("words", ASKED)
def test_asking_for_help_imports_nothing_heavy(words: list[str]) -> None:
    command = [sys.executable, "-c", ASK, *words]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    assert asked.stdout.startswith(f"isd {__version__}\n" if words[0] == "--version" else "Usage: ")
    assert HEAVY & set(asked.stdout.rpartition("imported:")[2].split()) == set()


@pytest.mark.parametrize(("set_to", "found"), [(None, "passive"), ("active", "active")])
def test_threads_wait_passively_unless_the_user_says_otherwise(
    set_to: str | None, found: str
) -> None:
    told = "import os, isd_pipeline.__main__; print(os.environ['OMP_WAIT_POLICY'])"
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment |= {} if set_to is None else {"OMP_WAIT_POLICY": set_to}
    command = [sys.executable, "-c", told]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == found


def test_every_command_says_what_it_does() -> None:
    told = CliRunner().invoke(main, ["--help"]).output
    for name in COMMANDS:
        assert name in told
        command = main.get_command(click.Context(main), name)
        assert command is not None
        assert (command.name, bool(command.help)) == (name, True)


def test_no_line_of_help_is_cut() -> None:
    told = " ".join(CliRunner().invoke(main, ["--help"]).output.split("Commands:")[1].split())
    assert "..." not in told
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        first = " ".join(str(command.help).split("\n\n")[0].split())
        assert f"{name} {first.partition('. ')[0].removesuffix('.')}" in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_is_told_how_to_complete_commands_and_what_they_are(shell: str) -> None:
    asked = {"_ISD_COMPLETE": f"{shell}_source"}
    script = CliRunner().invoke(main, [], prog_name="isd", env=asked)
    assert "_ISD_COMPLETE" in script.output
    words = {"COMP_WORDS": "isd sum", "COMP_CWORD": "1", "_ISD_COMPLETE": "bash_complete"}
    assert CliRunner().invoke(main, [], prog_name="isd", env=words).output == "plain,summary\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("summary", "codiesp_5O"), "did you mean 'codiesp_50'?"),
        (("compare", "codiesp_5O"), "did you mean 'codiesp_50'?"),
        (("compare", "codiesp_50", "tabel3"), "did you mean 'table3'?"),
        (("reproduce", "codiesp_5O", "isd", "1"), "did you mean 'codiesp_50'?"),
        (("show", "codiesp_5O", "isd"), "did you mean 'codiesp_50'?"),
        (("show", "codiesp_50", "isd_alligned"), "did you mean 'isd_aligned'?"),
        (("study", "codiesp_50", "--dry-run", "tabel3"), "did you mean 'table3'?"),
        (("summary", "mimic3_full"), "no run of this cohort is recorded. `kedro run --params"),
    ],
)
def test_a_misspelt_name_is_told_with_the_near_one_and_starts_nothing(
    words: tuple[str, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    asked = CliRunner().invoke(main, words)
    assert asked.exit_code == 1
    assert told in asked.output
    assert asked.output.count("\n") == 1


def test_a_command_that_has_another_name_now_is_one_line() -> None:
    told = CliRunner().invoke(main, ["mend"])
    assert (told.exit_code, told.output) == (2, "Error: `isd mend` is called `isd repair` now\n")


def test_a_misspelt_command_is_told_with_the_near_one() -> None:
    told = CliRunner().invoke(main, ["sumary", "codiesp_50"])
    line = "Error: isd has no 'sumary'; did you mean `isd summary`?\n"
    assert (told.exit_code, told.output) == (2, line)


def test_a_command_that_never_was_is_refused() -> None:
    told = CliRunner().invoke(main, ["fly"])
    assert told.exit_code == 2
    assert "No such command 'fly'" in told.output


def test_what_kedro_wraps_is_told_without_its_wrapping() -> None:
    from kedro.io import DatasetError

    wrapped = DatasetError("Failed while loading")
    wrapped.__cause__ = ValueError("notes.csv, row 2:\n no id")
    assert cause(wrapped) == "notes.csv, row 2: no id"
    assert cause(DatasetError("no such file")) == "no such file"
    assert cause(KeyError("x")) == "KeyError: 'x' (ISD_DEBUG=1 shows where)"


def test_only_a_missing_dependency_asks_for_the_extra() -> None:
    told = cause(ModuleNotFoundError("No module named 'gensim.models'", name="gensim.models"))
    assert told == "this needs gensim, which is not here: pip install '.[pipeline]' in the checkout"
    ours = ModuleNotFoundError("No module named 'isd_pipeline.x'", name="isd_pipeline.x")
    assert "pip install" not in cause(ours)


def killed_worker(_: int) -> None:
    os.kill(os.getpid(), 9)


def of_joblib() -> None:
    from joblib import Parallel, delayed

    Parallel(n_jobs=2)(delayed(killed_worker)(n) for n in range(2))


def of_python() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        [*pool.map(killed_worker, range(2))]


@pytest.mark.parametrize("pool", [of_joblib, of_python])
def test_a_worker_that_was_killed_is_told_in_one_line_with_what_to_do(
    pool: Callable[[], None],
) -> None:
    with pytest.raises(RuntimeError) as told:
        pool()
    assert cause(told.value).startswith("a worker process was killed")
    assert "--params jobs=1" in cause(told.value)


def test_a_run_that_is_ended_is_closed_as_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(tracking, "close", closed.append)
    with pytest.raises(SystemExit):
        one_line(lambda: sys.exit(143))()
    assert closed == ["KILLED"]
