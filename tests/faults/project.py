"""A small project in a folder of its own, and commands run in it as a user runs them."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import yaml

from tests.checkout import ROOT, copy_checkout

COHORT = {
    "generate": {"admissions": 200, "seed": 1, "words": 150, "code_pool": 200, "other_notes": 0},
    "extract": {"source": "mimic3", "raw": "data/01_raw/synthetic", "codes": "top50"},
    "preprocess": {"vocabulary": {"min_docs": 3, "source": "train"}},
    "embed": {"words": {"epochs": 1}, "codes": {"epochs": 1, "width": 16, "normalised": False}},
    "train": {
        "systems": {"isd": {"model": {"width": 16, "n_queries": 4}}},
        "training": {"max_epochs": 8, "warm_up_epochs": 1, "batch_size": 16, "max_tokens": 200},
    },
    "report": {"stamp": "synthetic: not comparable with the paper"},
}
CLOCK = ("training.json",)  # minutes and memory
SWITCHES = ("DO_NOT_TRACK", "_TELEMETRY", "NO_ANALYTICS")  # what switches telemetry off


def make_project(
    project: Path, section: dict[str, object] = COHORT, cohort: str = "synthetic"
) -> Path:
    """A checkout with a small cohort, without data, git or DVC."""
    copy_checkout(project)
    shutil.copy(ROOT / ".telemetry", project)
    set_key(project / "conf/base/parameters_cohorts.yml", ["cohorts", cohort], section)
    return project


def make_study(project: Path, experiments: list[str], cohort: str = "synthetic") -> None:
    """DVC in the project, and the stages of these experiments; of `synthetic` they are the demo."""
    (project / "studies" / cohort).mkdir(parents=True)
    for name in (".dvcignore", "studies/stages.yaml", "studies/side_by_side"):
        shutil.copy(ROOT / name, project / name)
    lists = {"cohort": cohort, "experiments": experiments, "seeds": [1]}
    (project / f"studies/{cohort}/study.yaml").write_text(yaml.safe_dump(lists))
    set_key(
        project / "studies/stages.yaml", ["demo"], {"cohort": cohort, "experiments": experiments}
    )
    run(project, "dvc", "init", "--no-scm", "-q")
    shutil.copy(ROOT / ".dvc/config", project / ".dvc/config")
    run(project, sys.executable, "-m", "isd_pipeline", "study", cohort)


def set_key(path: Path, keys: list[str], value: object) -> None:
    """Set a key of a YAML file, named from the top."""
    content = yaml.safe_load(path.read_text())
    section = content
    for name in keys[:-1]:
        section = section[name]
    section[keys[-1]] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def environment(project: Path, **more: str) -> dict[str, str]:
    """This environment's programs, the project's sources, and nothing that shuts telemetry off."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name for word in SWITCHES) and not name.startswith("MLFLOW_")
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "PYTHONPATH": str(project / "src"), **more}


def start(project: Path, *command: str, **more: str) -> subprocess.Popen[str]:
    """Begin a command in the project, as the head of a process group of its own."""
    return subprocess.Popen(
        command,
        cwd=project,
        env=environment(project, **more),
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(project: Path, *command: str, worst: int = 0, **more: str) -> str:
    """What a command says that must end well, or with a status that is no worse."""
    with start(project, *command, **more) as process:
        told, _ = process.communicate(timeout=400)
        assert 0 <= process.returncode <= worst, told[-4000:]
    return told


def digests(project: Path, *folders: str) -> dict[str, str]:
    """SHA-256 of every file below some folders of the project, but of those that tell the time."""
    files = [path for name in folders for path in sorted((project / name).rglob("*.*"))]
    return {
        str(path.relative_to(project)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file() and path.name not in CLOCK
    }


def kill_all_of(group: subprocess.Popen[str]) -> None:
    """As a power cut: no process of it has a say. Until all are dead they count as at work."""
    try:
        everyone = psutil.Process(group.pid).children(recursive=True)
        os.killpg(group.pid, signal.SIGKILL)
    except (psutil.NoSuchProcess, ProcessLookupError):
        return
    for one in everyone:  # also one that leads a group of its own
        with suppress(psutil.NoSuchProcess):
            one.kill()
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in everyone):
        time.sleep(0.05)
