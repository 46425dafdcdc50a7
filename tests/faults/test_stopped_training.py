"""SIGTERM and Ctrl-C in a training: a checkpoint stays, MLflow knows, the same run goes on."""

from __future__ import annotations

import signal
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from tests.faults.project import COHORT, make_project, run, set_key, start

KEDRO = (sys.executable, "-m", "kedro", "run")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort ready to be trained on, for all of nine epochs."""
    made = make_project(tmp_path_factory.mktemp("stopped") / "project", COHORT)
    for name in ("max_epochs", "patience"):
        keys = ["cohorts", "synthetic", "train", "training", name]
        set_key(made / "conf/base/parameters_cohorts.yml", keys, 9)
    for pipelines in ("generate", "extract,preprocess,embed"):
        run(made, *KEDRO, f"--pipelines={pipelines}")
    return made


def stop(project: Path, number: int, after: int) -> tuple[int, str]:
    """Train, and send a signal once so many epochs are kept; the exit code and what was told."""
    with start(project, *KEDRO, "--pipelines=train") as process:
        deadline = time.monotonic() + 300
        while not [*project.glob(f"scratch/training/*/epoch-{after:04d}.json")]:
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        told, _ = process.communicate(timeout=60)
    return process.returncode, told


def runs(project: Path) -> list[tuple[str, str]]:
    """Of every training that MLflow knows its id and state."""
    with sqlite3.connect(project / "mlflow.db") as database:
        found = database.execute("SELECT run_uuid, status FROM runs WHERE name LIKE 'isd, seed%'")
        return [*found]


@pytest.mark.slow
def test_a_stopped_training_leaves_a_checkpoint_and_goes_on_in_the_same_run(project: Path) -> None:
    code, told = stop(project, signal.SIGTERM, after=2)
    assert code == 143, told
    assert "Traceback" not in told
    [(run_id, status)] = runs(project)
    assert status == "KILLED"

    code, told = stop(project, signal.SIGINT, after=4)
    assert code == 130, told
    assert "Traceback" not in told
    assert "of an interrupted training" in told
    assert runs(project) == [(run_id, "KILLED")]

    run(project, *KEDRO, "--pipelines=train")
    assert runs(project) == [(run_id, "FINISHED")]
    with sqlite3.connect(project / "mlflow.db") as database:
        steps = database.execute(
            "SELECT DISTINCT step FROM metrics WHERE run_uuid = ? AND key = 'loss/loss'", [run_id]
        )
        assert sorted(step for (step,) in steps) == [*range(1, 10)]
