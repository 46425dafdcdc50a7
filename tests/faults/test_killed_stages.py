"""`dvc repro` killed once in each stage: run again, it makes the bytes of an unbroken one."""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

import pytest

from tests.faults.project import digests, kill_all_of, make_project, make_study, run, start

MADE = tuple(f"data/0{n}" for n in ("1_raw", "2_intermediate", "3_primary", "4_feature"))
MADE += ("data/05_model_input", "data/06_models", "data/07_model_output")
MADE += ("data/08_reporting/synthetic/runs",)
STAGES = ("generate", "extract", "preprocess", "embed", "settings", "train", "evaluate", "demo")


def killed_in(project: Path, stage: str, seconds: float) -> bool:
    """Kill `dvc repro` so long after a stage began, or once a later one did; whether it began."""
    later = STAGES[STAGES.index(stage) + 1 :]
    with start(project, "dvc", "repro") as made:
        assert made.stdout is not None
        for line in made.stdout:
            if not line.startswith("Running stage"):
                continue
            name = line.split("'")[1].split(":")[-1]
            if name.startswith(stage):
                time.sleep(seconds)
            if name.startswith((stage, *later)):
                kill_all_of(made)
                return name.startswith(stage)
    return False


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_in_every_stage_it_makes_bitwise_what_it_makes_unbroken(tmp_path: Path) -> None:
    draw = random.Random(1)
    for name in ("unbroken", "killed"):
        make_study(make_project(tmp_path / name), ["isd"])
    run(tmp_path / "unbroken", "dvc", "repro")
    project = tmp_path / "killed"
    for stage in STAGES:
        assert killed_in(project, stage, draw.uniform(0, 2)), stage  # while it begins
        run(project, sys.executable, "-m", "isd_pipeline", "repair")
        killed_in(project, stage, draw.uniform(2, 8))  # in its midst, or just after
        run(project, sys.executable, "-m", "isd_pipeline", "repair")
    run(project, "dvc", "repro")
    assert digests(project, *MADE) == digests(tmp_path / "unbroken", *MADE)
    assert "up to date" in run(project, "dvc", "repro")
