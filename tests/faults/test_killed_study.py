"""Two trainings side by side, killed in the middle: the same command again makes the same bytes."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from isd_pipeline.studies.graphs import write_study

ROOT = Path(__file__).parents[2]
ROWS = ("isd", "isd_without_self_distillation")  # of Table 6
COHORT = {
    "generate": {"admissions": 200, "seed": 1, "words": 150, "code_pool": 200, "other_notes": 0},
    "extract": {"source": "mimic3", "raw": "data/01_raw/synthetic", "codes": "top50"},
    "preprocess": {"vocabulary": {"min_docs": 3, "source": "train"}},
    "embed": {"words": {"epochs": 1}, "codes": {"epochs": 1, "width": 16, "normalised": False}},
    "train": {
        "systems": {"isd": {"model": {"width": 16, "n_queries": 4}}},
        "training": {"max_epochs": 8, "warm_up_epochs": 1, "batch_size": 16, "max_tokens": 200},
    },
}
COMMAND = ("studies/side_by_side", "synthetic", "table6", "2")
MADE = ("06_models", "07_model_output", "08_reporting/synthetic/runs")
CLOCK = ("training.json",)  # minutes and memory


def start(project: Path, *command: str) -> subprocess.Popen[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(project / "src")}
    return subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(project: Path, *command: str) -> str:
    with start(project, *command) as process:
        told, _ = process.communicate(timeout=400)
        assert process.returncode == 0, told[-4000:]
    return told


def kill_all_of(group: subprocess.Popen[str]) -> None:
    """As a power cut: no process of it has a say. Until all are dead they count as at work."""
    everyone = psutil.Process(group.pid).children(recursive=True)
    os.killpg(group.pid, signal.SIGKILL)
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in everyone):
        time.sleep(0.05)


def digests(project: Path) -> dict[str, str]:
    files = [path for name in MADE for path in sorted((project / "data" / name).rglob("*.*"))]
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name not in CLOCK
    }


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout whose trainings nothing has disturbed; `before` beside it had none of them."""
    project = tmp_path_factory.mktemp("unbroken") / "project"
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    (project / "studies/synthetic").mkdir(parents=True)
    for name in ("dvc.yaml", ".dvcignore", "pyproject.toml", "studies/stages.yaml", COMMAND[0]):
        shutil.copy(ROOT / name, project / name)
    cohorts = project / "conf/base/parameters_cohorts.yml"
    rows = yaml.safe_load(cohorts.read_text())
    rows["cohorts"]["synthetic"] = COHORT
    cohorts.write_text(yaml.safe_dump(rows, sort_keys=False))
    lists = {"cohort": "synthetic", "experiments": [*ROWS], "seeds": [1]}
    (project / "studies/synthetic/study.yaml").write_text(yaml.safe_dump(lists))
    write_study("synthetic", project)
    run(project, "dvc", "init", "--no-scm", "-q")
    run(project, "dvc", "repro", "-q", "studies/synthetic/dvc.yaml:embed")
    shutil.copytree(project, project.with_name("before"), symlinks=True)
    run(project, *COMMAND)
    return project


@pytest.mark.slow
def test_killed_and_run_again_trainings_side_by_side_give_bitwise_what_unbroken_ones_do(
    unbroken: Path,
) -> None:
    project = unbroken.with_name("before")
    with start(project, *COMMAND) as first:
        deadline = time.monotonic() + 300
        while len({state.parent for state in project.glob("scratch/training/*/epoch-*.json")}) < 2:
            assert first.poll() is None, first.stdout and first.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        kill_all_of(first)
    assert not list(project.glob("data/06_models/**/model.json"))

    told = run(project, *COMMAND)
    assert told.count("of an interrupted training") == 2
    assert digests(project) == digests(unbroken)
    assert len([name for name in digests(project) if name.endswith("scores.safetensors")]) == 2

    # Killed while DVC wrote its own files, as it was not here:
    lock = project / "studies/synthetic/dvc.lock"
    lock.write_text(lock.read_text()[: lock.read_text().rindex("  train_isd@") + 500])
    (project / ".dvc/tmp/rwlock").write_text('{"write": {"/')
    told = run(project, *COMMAND)
    assert told.count("half written by a process that was killed") == 2
    assert "kedro run --pipelines=train " not in told  # they come from the cache of runs
    assert digests(project) == digests(unbroken)
