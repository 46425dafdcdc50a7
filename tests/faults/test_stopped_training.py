"""SIGTERM and Ctrl-C in a training: a checkpoint stays, MLflow knows, the same run goes on."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.checkout import copy_checkout

COHORT = {
    "generate": {"admissions": 200, "seed": 1, "words": 150, "code_pool": 200, "other_notes": 0},
    "extract": {"source": "mimic3", "raw": "data/01_raw/synthetic", "codes": "top50"},
    "preprocess": {"vocabulary": {"min_docs": 3, "source": "train"}},
    "embed": {"words": {"epochs": 1}, "codes": {"epochs": 1, "width": 16, "normalised": False}},
    "train": {
        "systems": {"isd": {"model": {"width": 16, "n_queries": 4}}},
        "training": {
            "max_epochs": 9, "warm_up_epochs": 1, "batch_size": 16, "max_tokens": 200, "patience": 9
        },
    },
}  # fmt: skip


def start(project: Path, pipelines: str) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if k != "MLFLOW_TRACKING_URI"}
    environment["PYTHONPATH"] = str(project / "src")
    command = [sys.executable, "-m", "kedro", "run", f"--pipelines={pipelines}"]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=project, env=environment, stdout=pipe, stderr=pipe, text=True
    )


def run(project: Path, pipelines: str) -> str:
    with start(project, pipelines) as process:
        _, told = process.communicate(timeout=300)
    assert process.returncode == 0, told
    return told


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort ready to be trained on."""
    made = copy_checkout(tmp_path_factory.mktemp("stopped") / "project")
    path = made / "conf/base/parameters_cohorts.yml"
    rows = yaml.safe_load(path.read_text())
    rows["cohorts"]["synthetic"] = COHORT
    path.write_text(yaml.safe_dump(rows, sort_keys=False))
    for pipelines in ("generate", "extract,preprocess,embed"):
        run(made, pipelines)
    return made


def stop(project: Path, number: int, after: int) -> tuple[int, str]:
    """Train, and send a signal once so many epochs are kept; the exit code and what was told."""
    with start(project, "train") as process:
        deadline = time.monotonic() + 300
        while not [*project.glob(f"scratch/training/*/epoch-{after:04d}.json")]:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
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

    run(project, "train")
    assert runs(project) == [(run_id, "FINISHED")]
    with sqlite3.connect(project / "mlflow.db") as database:
        steps = database.execute(
            "SELECT DISTINCT step FROM metrics WHERE run_uuid = ? AND key = 'loss/loss'", [run_id]
        )
        assert sorted(step for (step,) in steps) == [*range(1, 10)]
