"""Two processes make one table, are killed together, and what they left is gone on with."""

import os
import re
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

ROOT = Path(__file__).parents[1]
LISTS = {
    "cohort": "synthetic",
    "experiments": ["isd", "isd_without_self_distillation", "logistic_regression"],
    "seeds": [1],
}
TABLE = {
    "small": {
        "title": "Both, and a baseline",
        "experiments": LISTS["experiments"],
        "reference": "isd",
    }
}
# In place of kedro: a stage writes the name of each of its outputs into it. A training says that it
# began; with WAIT, a network's never ends.
KEDRO = """
import os, pathlib, sys, time, yaml
pipelines, parameters = (word.split("=", 1)[1] for word in sys.argv[2:])
chosen = dict(pair.split("=") for pair in parameters.split(","))
name = "TABLE" if "table" in pipelines else pipelines
stage = yaml.safe_load(open("studies/stages.yaml"))["stages"][name]
if name == "train":
    with open("began.txt", "a") as began:
        began.write(chosen["experiment"] + "\\n")
    time.sleep(600 if "WAIT" in os.environ and chosen["experiment"] != "logistic_regression" else 0)
for entry in [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]:
    path = entry if isinstance(entry, str) else next(iter(entry))
    for key, value in chosen.items():
        path = path.replace("${cohort}", chosen["cohort"]).replace("${item.%s}" % key, value)
    path = pathlib.Path(path.replace("TABLE", chosen.get("table", "")))
    path = path if path.suffix else path / "made"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(str(path))
if name == "settings":  # a file for each experiment, which its training watches; DVC keeps no run
    for experiment in yaml.safe_load(open("studies/synthetic/study.yaml"))["experiments"]:
        path.with_name(experiment + ".json").write_text('{"seed": 1}')  # that watches an empty one
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("conf", "src"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    (tmp_path / "studies/synthetic").mkdir(parents=True)
    scripts = ("studies/side_by_side", "studies/apart")
    for name in ("studies/stages.yaml", *scripts, "pyproject.toml", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    tables = tmp_path / "conf/base/parameters_tables.yml"
    tables.write_text(yaml.safe_dump({"tables": TABLE}))
    (tmp_path / "studies/synthetic/study.yaml").write_text(yaml.safe_dump(LISTS))
    write_study("synthetic", tmp_path)
    kedro = tmp_path / "bin/kedro"
    kedro.parent.mkdir()
    kedro.write_text(f"#!{sys.executable}{KEDRO}")
    kedro.chmod(0o755)
    with start(tmp_path, "dvc", "init", "--no-scm", "-q") as made:
        assert made.wait() == 0
    return tmp_path


def start(project: Path, *command: str, **environment: str) -> subprocess.Popen[str]:
    path = [str(project / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    return subprocess.Popen(
        command,
        cwd=project,
        env={**os.environ, "PATH": os.pathsep.join(path), **environment},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def told_by(project: Path, *command: str, **environment: str) -> str:
    with start(project, *command, **environment) as process:
        told, _ = process.communicate(timeout=240)
        assert process.returncode == 0, told
    return told


def began(project: Path) -> list[str]:
    told = project / "began.txt"
    return told.read_text().split() if told.exists() else []


@pytest.mark.slow
def test_killed_side_by_side_a_table_is_gone_on_with_and_each_training_is_made_once(
    project: Path,
) -> None:
    command = ["studies/side_by_side", "synthetic", "small", "2"]
    with start(project, *command, WAIT="yes") as first:
        deadline = time.monotonic() + 120
        while len(set(began(project)) - {"logistic_regression"}) < 2:  # only if both run at once
            assert first.poll() is None, first.stdout and first.stdout.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        killed = psutil.Process(first.pid).children(recursive=True)
        os.killpg(first.pid, signal.SIGKILL)
    psutil.wait_procs(killed, timeout=60)  # until then DVC takes them for alive
    assert {"isd", "isd_without_self_distillation"} <= set(began(project))

    (project / "began.txt").unlink()
    told_by(project, *command)
    assert {"isd", "isd_without_self_distillation"} <= set(began(project))
    assert len(began(project)) == len(set(began(project)))

    told = told_by(project, "dvc", "repro", "studies/synthetic/dvc.yaml:small")
    ran = [line.split("'")[1] for line in told.splitlines() if "Running stage" in line]
    assert ran == ["studies/synthetic/dvc.yaml:small"]
    for experiment in TABLE["small"]["experiments"]:
        metrics = f"data/08_reporting/synthetic/runs/{experiment}/seed_1/metrics.json"
        assert (project / metrics).read_text() == metrics


def shown(language: str, word: str) -> str:
    """The block of docs/scale.md in which a word stands."""
    blocks = re.findall(
        rf"```{language}\n(.*?)```", (ROOT / "docs/scale.md").read_text(), re.DOTALL
    )
    (found,) = (block for block in blocks if word in block)
    return found


def train_by_slurm(project: Path, lines: list[str]) -> None:
    """The file of docs/scale.md, for each task of its array."""
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv/bin/activate").touch()
    (project / "training.sbatch").write_text(shown("sh", "#SBATCH"))
    (project / "trainings.txt").write_text("".join(f"{line}\n" for line in lines))
    for task in range(1, len(lines) + 1):
        told_by(project, "sh", "training.sbatch", SLURM_ARRAY_TASK_ID=str(task))


def train_by_dask(project: Path, lines: list[str], patch: pytest.MonkeyPatch) -> None:
    """The program of docs/scale.md, with workers that run in the project's folder."""
    distributed = pytest.importorskip("distributed", reason="needs the extra `cluster`")
    patch.chdir(project)
    patch.setenv("PATH", f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (project / "trainings.txt").write_text("".join(f"{line}\n" for line in lines))
    kept = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with distributed.LocalCluster(n_workers=2, **kept) as cluster:
        program = shown("python", "trainings.txt")
        address = cluster.scheduler_address
        (project / "run.py").write_text(program.replace("tls://scheduler:8786", address))
        told_by(project, sys.executable, "run.py")


@pytest.mark.slow
def test_what_was_trained_apart_is_taken_in_without_training_and_with_a_lock(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = "studies/synthetic/dvc.yaml"
    told_by(project, "dvc", "repro", f"{study}:settings", f"{study}:embed")
    listed = told_by(project, "studies/side_by_side", "synthetic", "small", "list").splitlines()
    assert sorted(line.split("@")[-1] for line in listed) == [
        f"{experiment}-1" for experiment in sorted(TABLE["small"]["experiments"])
    ]
    train_by_slurm(project, listed[:1])
    train_by_dask(project, listed[1:], monkeypatch)
    assert not (project / "data/06_models").exists()

    told = told_by(project, "dvc", "repro", f"{study}:small")
    assert not began(project)
    assert told.count("is cached - skipping run") == 2 * len(listed)
    lock = yaml.safe_load((project / "studies/synthetic/dvc.lock").read_text())["stages"]
    assert {line.split()[0].rpartition(":")[2] for line in listed} <= lock.keys()
