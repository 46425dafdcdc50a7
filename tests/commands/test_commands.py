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

from isd_pipeline.__main__ import main
from isd_pipeline.commands import COMMANDS
from isd_pipeline.messages import cause, one_line
from isd_pipeline.tracking import open_run as tracking

HEAVY = {
    *("kedro", "dvc", "mlflow", "gensim", "optuna", "torch", "pandas", "sklearn"),
    *("numpy", "scipy", "pyarrow", "yaml", "pydantic"),
}
ASK = """
import sys
from isd_pipeline.__main__ import main
main(sys.argv[1:], standalone_mode=False)
print("imported:", *(name for name in sys.modules if "." not in name))
"""


@pytest.mark.parametrize("words", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_asking_for_help_imports_nothing_heavy(words: list[str]) -> None:
    command = [sys.executable, "-c", ASK, *words]
    asked = subprocess.run(command, capture_output=True, text=True, check=True)
    assert asked.stdout.startswith("Usage: ")
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


def test_a_command_that_has_another_name_now_is_one_line() -> None:
    told = CliRunner().invoke(main, ["mend"])
    assert (told.exit_code, told.output) == (2, "Error: `isd mend` is called `isd repair` now\n")


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
    assert told == "this needs gensim, which is not here: pip install 'isd-pipeline[pipeline]'"
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
