"""Trains, evaluates, bundles, codes and serves on tiny data for hours; nothing may grow.

    python -m tests.faults.soak --minutes 120
    python -m tests.faults.soak --minutes 120 --project FOLDER    # kept, with rounds.csv

Every round is made in this one process, the strictest way: a user's stages each have a process of
their own. One `isd serve` answers all rounds. After each round the open files, threads and
resident memory of both processes are counted, and the bytes of the project and of the temporary
folder. Weights and answers must be those of the first round, byte for byte.

What a round leaves in circles (a Kedro session 240,000 objects, no tensor among them) Python
collects when it likes, and by then has asked for more. Here it is collected before it is counted.

It ends with a table and a verdict: the last tenth of the rounds is held against the second tenth,
when all caches are filled. What MLflow records grows by design, a run a round, and is told apart.
"""

from __future__ import annotations

import argparse
import csv
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from tests.faults.project import COHORT, digests, environment, make_project, run

TINY = COHORT | {"train": COHORT["train"] | {"training": {"max_epochs": 2, "warm_up_epochs": 1}}}
MAKING = ("generate", "extract,preprocess,embed,train,evaluate")
MADE = ("data/06_models", "data/07_model_output")
NOTES = "data/02_intermediate/synthetic/notes.parquet"
ALLOWED = {  # growth from the second tenth of the rounds to the last
    "files": 0,
    "threads": 0,
    "memory": 24 << 20,
    "disk": 1 << 20,
    "temporary": 0,
    "service_files": 0,
    "service_threads": 0,
    "service_memory": 24 << 20,
}
MB = ("memory", "disk", "mlflow", "service_memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--project", type=Path, help="A new folder to work in, which is kept.")
    options = parser.parse_args()
    folder = options.project or Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        rounds = soak(folder.resolve() / "project", options.minutes * 60)
        faults = verdict(rounds)
        print(table(rounds))
        print("\n".join(faults) or f"nothing grew in {len(rounds)} rounds")
        sys.exit(bool(faults))
    finally:
        if options.project is None:
            shutil.rmtree(folder, ignore_errors=True)


def soak(project: Path, seconds: float) -> list[dict[str, float]]:
    """What was counted after each round; `rounds.csv` beside the project has it as it comes."""
    prepare(project)
    os.chdir(project)
    tempfile.tempdir = os.environ["TMPDIR"] = str(project.with_name("tmp"))
    project.with_name("tmp").mkdir()
    notes = write_notes(project)
    service = serve(project)
    rounds: list[dict[str, float]] = []
    first: dict[str, str] = {}
    end = time.monotonic() + seconds
    try:
        while not rounds or time.monotonic() < end:
            begin = time.monotonic()
            one_round(project, notes, service[1])
            now = digests(project, *MADE, "coded")
            first = first or now
            if now != first:
                names = [name for name in now if now[name] != first.get(name)]
                raise SystemExit(f"round {len(rounds) + 1}: other bytes in {', '.join(names)}")
            rounds.append({"seconds": time.monotonic() - begin, **counted(project, service[0])})
            write_rounds(project.with_name("rounds.csv"), rounds)
    finally:
        service[0].send_signal(signal.SIGTERM)
        if service[0].wait(60):
            raise SystemExit(f"the service ended with {service[0].returncode}")
    return rounds


def prepare(project: Path) -> None:
    """Data, a first training and its bundle, made as a user makes them."""
    make_project(project, TINY)
    for stages in MAKING:
        run(project, "kedro", "run", f"--pipelines={stages}")
    command = [sys.executable, "-m", "isd_pipeline", "bundle", "synthetic", "isd"]
    run(project, *command, "--to", "served")


def write_notes(project: Path) -> Path:
    """The first notes of the hospital as a file that `isd code` reads."""
    import pyarrow.parquet as pq

    rows = pq.read_table(project / NOTES, columns=["text"]).slice(0, 40)
    path = project / "notes.jsonl"
    lines = [{"id": str(n), "text": row["text"]} for n, row in enumerate(rows.to_pylist())]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def serve(project: Path) -> tuple[subprocess.Popen[str], str]:
    """A service of the first bundle, and its address."""
    command = [sys.executable, "-m", "isd_pipeline", "serve", "served", "--port", "0"]
    with (project / "serve.log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=project,
            env=environment(project),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def one_round(project: Path, notes: Path, url: str) -> None:
    """Train, evaluate, bundle and code here; the service must give the same answers."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    from isd_pipeline.catalog.bundling import bundle_of_run
    from isd_pipeline.coding.batch import code_notes
    from isd_pipeline.coding.bundle import write_bundle
    from isd_pipeline.coding.coder import Coder

    bootstrap_project(project)
    for stage in ("train", "evaluate"):
        with KedroSession.create(project) as session:
            session.run(pipeline_names=[stage])
    write_bundle(bundle_of_run("synthetic", "isd", 1, project), project / "coded/bundle")
    answers = project / "coded/answers.jsonl"
    asked: dict[str, Any] = {"top": 15, "threshold": "tuned", "evidence": True}
    code_notes(Coder.open(project / "coded/bundle"), notes, answers, **asked)
    rows, lines = (path.read_bytes().splitlines() for path in (notes, answers))
    for row, answer in zip(rows, lines, strict=True):
        if post(url, row) != b'{"answers": [' + answer + b"]}":
            raise SystemExit("the service has other answers than the round's own bundle")


def post(url: str, row: bytes) -> bytes:
    body = b'{"notes": [' + row + b"]}"
    headers = {"Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/code", body, headers)) as found:
        return bytes(found.read())


def counted(project: Path, service: subprocess.Popen[str]) -> dict[str, float]:
    """Open files, threads, memory of both processes; bytes of the disk."""
    gc.collect()
    here, there = psutil.Process(), psutil.Process(service.pid)
    store = sum(path.stat().st_size for path in project.glob("mlflow.db*"))
    files = [path for path in project.rglob("*") if path.is_file() and not path.is_symlink()]
    return {
        "files": here.num_fds(),
        "threads": here.num_threads(),
        "memory": here.memory_info().rss,
        "service_files": there.num_fds(),
        "service_threads": there.num_threads(),
        "service_memory": there.memory_info().rss,
        "disk": sum(path.stat().st_size for path in files) - store,
        "mlflow": store,
        "temporary": sum(1 for _ in Path(tempfile.gettempdir()).rglob("*")),
    }


def write_rounds(path: Path, rounds: list[dict[str, float]]) -> None:
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(rounds[-1]))
        if len(rounds) == 1:
            writer.writeheader()
        writer.writerow(rounds[-1])


def tenths(rounds: list[dict[str, float]]) -> list[list[dict[str, float]]]:
    size = max(1, len(rounds) // 10)
    return [rounds[n : n + size] for n in range(0, len(rounds), size)][:10]


def verdict(rounds: list[dict[str, float]]) -> list[str]:
    """A line for each figure whose median rose by more than is allowed."""
    parts = tenths(rounds)
    if len(parts) < 10:
        return [f"only {len(rounds)} rounds: too few to tell; give it more minutes"]
    faults = []
    for name, allowed in ALLOWED.items():
        before, after = (median(one[name] for one in part) for part in (parts[1], parts[-1]))
        if after - before > allowed:
            faults.append(f"{name} grew from {before:,.0f} to {after:,.0f}")
    return faults


def table(rounds: list[dict[str, float]]) -> str:
    """Medians of each tenth of the rounds, in Markdown; memory and disk in MiB."""
    names = list(rounds[0])
    lines = [f"| rounds | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for number, part in enumerate(tenths(rounds), start=1):
        cells = [
            f"{median(one[name] for one in part) / (2**20 if name in MB else 1):.1f}"
            for name in names
        ]
        lines.append(f"| tenth {number} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
