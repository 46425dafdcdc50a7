"""Kills the whole demonstration at random moments until it is made; its bytes must be the same.

    python -m tests.faults.kills FOLDER                  # the demonstration, 50 kills, seed 1
    python -m tests.faults.kills FOLDER --tiny --kills 5 # a smaller hospital and two experiments

First FOLDER/unbroken is made without a kill. Then FOLDER/round_1 is made by `make demo`, killed
with all its processes (kill -9, as a power cut), made by `make demo` again, and so on until it
comes to its end; if kills are left by then, round_2 begins anew. Each finished round must have
the files of the unbroken one, byte for byte, but for those that tell the time.

Every kill is written to FOLDER/kills.jsonl. The same command again goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.checkout import ROOT
from tests.faults.project import (
    COHORT,
    digests,
    kill_all_of,
    make_project,
    make_study,
    start,
)

DEMO = ("make", "--old-file=.venv/installed", "demo")
MADE = tuple(f"data/{name}" for name in ("01_raw", "02_intermediate", "03_primary", "04_feature"))
MADE += ("data/05_model_input", "data/06_models", "data/07_model_output", "data/08_reporting")
MINUTES = "report.html"  # prints how long each training took; all else that it prints is compared
EXPERIMENTS = ["isd", "logistic_regression"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiny", action="store_true")
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    faults = kill_until(folder, options.kills, options.seed, options.tiny)
    for line in faults:
        print(line)
    print(f"{len(read_kills(folder))} kills: {'other bytes' if faults else 'the same bytes'}")
    sys.exit(bool(faults))


def kill_until(folder: Path, kills: int, seed: int, tiny: bool) -> list[str]:
    """Make rounds until all kills are done; a line for each file that is not the unbroken one's."""
    seconds = unbroken(folder, tiny)
    expected = digests(folder / "unbroken", *MADE)
    faults: list[str] = []
    number = 1
    while len(read_kills(folder)) < kills or (folder / f"round_{number}").exists():
        project = folder / f"round_{number}"
        if not (project / "made").exists():
            make_round(folder, number, kills, seed, seconds, tiny)
        found = digests(project, *MADE)
        faults += [
            f"round {number}: {name}"
            for name in sorted(expected.keys() | found.keys())
            if found.get(name) != expected.get(name) and Path(name).name != MINUTES
        ]
        number += 1
    return faults


def unbroken(folder: Path, tiny: bool) -> float:
    """How long the demonstration takes, made once without a kill."""
    project, told = folder / "unbroken", folder / "seconds"
    if not told.exists():
        shutil.rmtree(project, ignore_errors=True)
        checkout(project, tiny)
        begin = time.monotonic()
        with start(project, *DEMO) as made:
            said = made.communicate()[0]
        if made.returncode:
            raise SystemExit(said[-4000:])
        told.write_text(str(time.monotonic() - begin))
    return float(told.read_text())


def make_round(
    folder: Path, number: int, kills: int, seed: int, seconds: float, tiny: bool
) -> None:
    """Kill and go on until the demonstration is made, at last without a kill."""
    project = folder / f"round_{number}"
    if not (project / "begun").exists():
        shutil.rmtree(project, ignore_errors=True)
        checkout(project, tiny)
        (project / "begun").touch()
    while True:
        done = len(read_kills(folder))
        # Seldom enough that long stages get through, often enough for many kills a round.
        wait = random.Random(f"{seed} {done}").expovariate(12 / seconds)
        with start(project, *DEMO) as made:
            said = wait_or_kill(made, wait if done < kills else None)
        if made.returncode == 0:
            (project / "made").touch()
            return
        if made.returncode > 0:
            raise SystemExit(f"round {number}, after {done} kills:\n{said[-4000:]}")
        stages = [line for line in said.splitlines() if line.startswith("Running stage")]
        kill = {"round": number, "after": round(wait, 2), "in": stages[-1] if stages else "before"}
        with (folder / "kills.jsonl").open("a") as file:
            file.write(json.dumps(kill) + "\n")


def wait_or_kill(made: subprocess.Popen[str], seconds: float | None) -> str:
    """What was said until it ended, or was killed after some seconds."""
    try:
        return made.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        kill_all_of(made)
        return made.communicate()[0]


def read_kills(folder: Path) -> list[dict[str, Any]]:
    path = folder / "kills.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def checkout(project: Path, tiny: bool) -> None:
    """The last commit's files, or a smaller hospital; its environment is this one."""
    if tiny:
        make_project(project, COHORT)
        make_study(project, EXPERIMENTS)
        shutil.copy(ROOT / "Makefile", project)
    else:
        unpack_repository(project)
    (project / ".venv").symlink_to(sys.prefix)


def unpack_repository(project: Path) -> None:
    """What a ZIP of the repository holds: every tracked file of the last commit, no `.git`."""
    project.mkdir(parents=True)
    packed = subprocess.run(
        ["git", "archive", "HEAD"], cwd=ROOT, stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "--extract"], cwd=project, input=packed.stdout, check=True)


if __name__ == "__main__":
    main()
