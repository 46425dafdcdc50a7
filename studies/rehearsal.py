"""The whole road on a made hospital of MIMIC-III's size, each stage measured.

    python studies/rehearsal.py                   an epoch of all notes
    python studies/rehearsal.py --notes 640       trainings read so many of them
    python studies/rehearsal.py --jobs 2          two cores a stage
    python studies/rehearsal.py --stages "check"  these alone, again; with a semicolon between

Each stage is a process of its own. Told of each: seconds by the clock and of the processor, the
greatest memory of one process, the load of the machine as it ended. A row is written as soon as
its stage has ended, so that a killed rehearsal goes on where it stood. A stage whose command is
another than the recorded one is run again.

Networks are trained for one epoch. With `--notes` the trainings alone read fewer notes (and the
bundle, which refuses others than its model's): dev, test, codes and vocabulary are whole.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

COHORT = "synthetic_mimic"
DOCUMENTS = Path("data/05_model_input") / COHORT
NOTES = Path("data/08_reporting") / COHORT / "notes_to_code.parquet"
PAGE = Path("data/08_reporting") / COHORT / "report.html"
BUNDLE = Path("bundles")
RUNS = ("isd", "logistic_regression", "ensemble_words", "isd_aligned", "ensemble_isd")
MAY_WARN = ("check",)  # status 1: warnings
NOTES_TO_CODE = 1_000
AT_HALF = ("--threshold", "0.5")  # after one epoch the tuned one gives a note thousands of codes
RECORD = PAGE.with_name("rehearsal.json")


class Stage(NamedTuple):
    """A command of the road; whether it reads the shortened training split; what it leaves."""

    name: str
    command: tuple[str, ...]
    short: bool = False
    leaves: Path | None = None


def kedro(jobs: int, pipelines: str, experiment: str = "") -> tuple[str, ...]:
    """A run of the pipeline on the cohort, with so many cores."""
    settings = [f"cohort={COHORT}"]
    settings += [f"experiment={experiment}"] * bool(experiment) + [f"jobs={jobs}"] * (jobs > 1)
    return ("kedro", "run", f"--pipelines={pipelines}", f"--params={','.join(settings)}")


def road(jobs: int = 1) -> list[Stage]:
    """All stages, in their order."""
    run = partial(kedro, jobs)
    stages = [
        Stage("generate", run("generate"), leaves=Path("data/01_raw") / COHORT),
        Stage("check", ("isd", "check", COHORT)),
        Stage("extract", run("extract")),
        Stage("preprocess", run("preprocess"), leaves=DOCUMENTS),
        Stage("embed", run("embed")),
    ]
    for experiment in RUNS:
        weighs = experiment.startswith("ensemble")
        scores = Path("data/07_model_output") / COHORT / experiment
        stages += [
            Stage(f"train {experiment}", run("train", experiment), short=not weighs),
            Stage(f"evaluate {experiment}", run("evaluate", experiment), leaves=scores),
        ]
    return [
        *stages,
        Stage("evidence isd", run("evidence", "isd")),
        Stage("record, compare, report", run("record,compare,report"), leaves=PAGE),
        Stage("page in a browser", (*browser(), PAGE.resolve().as_uri())),
        *coding("isd"),
    ]


def coding(experiment: str) -> list[Stage]:
    """A bundle of a run, and what it makes of a thousand notes."""
    bundle, answers = BUNDLE / f"{COHORT}_{experiment}", NOTES.with_name(f"{experiment}.jsonl")
    code = ("isd", "code", str(bundle), str(NOTES), "--to", str(answers), "--force", *AT_HALF)
    make = ("isd", "bundle", COHORT, experiment, "--to", str(bundle), "--force")
    return [
        Stage(f"bundle {experiment}", make, short=True, leaves=bundle),
        Stage(f"code 1,000 notes, {experiment}", (*code, "--no-evidence"), leaves=answers),
        Stage(f"the same with evidence, {experiment}", (*code, "--evidence")),
    ]


def browser() -> tuple[str, ...]:
    """Chromium, which draws the page and prints what it made of it."""
    name = next(filter(shutil.which, ("chromium", "google-chrome")), "chromium")
    return (
        name,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=1000",
        "--dump-dom",
    )


def measured(stage: Stage, log: Path) -> dict[str, Any]:
    """Run it to its end: its seconds, its memory, its status; what it said goes to a file."""
    begin = time.monotonic()
    with log.open("w") as said:
        child = subprocess.Popen(stage.command, stdout=said, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(child.pid, 0)
    row = {
        "stage": stage.name,
        "wall_s": round(time.monotonic() - begin, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_gb": round(used.ru_maxrss * 1024 / 1e9, 2),
        "load": round(os.getloadavg()[0], 1),
        "status": os.waitstatus_to_exitcode(status),
        "command": told(stage.command),
    }
    if stage.leaves is not None and stage.leaves.exists():
        row["leaves_mb"] = round(size_of(stage.leaves) / 1e6, 1)
    return row


def told(command: tuple[str, ...]) -> str:
    """The command as it is recorded: without where the project lies on this machine."""
    return " ".join(command).replace(f"{Path.cwd().as_uri()}/", "")


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files under a folder."""
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(one.stat().st_size for one in files)


@contextmanager
def fewer_notes(at_most: int) -> Iterator[None]:
    """Every so-manieth training document alone, while a stage runs; the whole split after it."""
    import numpy as np

    from isd_pipeline.predictors.score_parts import take
    from isd_pipeline.text.documents import Documents

    train, whole = DOCUMENTS / "train", DOCUMENTS / "train.whole"
    put_back(train, whole)
    documents = Documents.open(train)
    if not at_most or at_most >= len(documents):
        yield
        return
    rows = [(2 * n + 1) * len(documents) // (2 * at_most) for n in range(at_most)]
    train.rename(whole)
    try:
        take(Documents.open(whole), np.array(rows)).save(train)
        yield
    finally:
        put_back(train, whole)


def put_back(train: Path, whole: Path) -> None:
    """The whole split to its place, where a stage or a killed rehearsal moved it away."""
    if whole.exists():
        shutil.rmtree(train, ignore_errors=True)
        whole.rename(train)


def write_notes() -> None:
    """The first thousand test notes as a file to be coded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from isd_pipeline.data.io.files import replacing
    from isd_pipeline.text.documents import read_ids

    wanted = set(read_ids(DOCUMENTS / "test")[:NOTES_TO_CODE])
    file = pq.ParquetFile(f"data/02_intermediate/{COHORT}/notes.parquet")
    rows: dict[str, str] = {}
    for batch in file.iter_batches(columns=["document_id", "text"]):
        for row in batch.to_pylist():
            if row["document_id"] in wanted:
                before = rows.get(row["document_id"])
                rows[row["document_id"]] = f"{before}\n{row['text']}" if before else row["text"]
    NOTES.parent.mkdir(parents=True, exist_ok=True)
    with replacing(NOTES) as temporary:
        pq.write_table(pa.table({"id": list(rows), "text": list(rows.values())}), temporary)


def hold_counts() -> None:
    """Raise a ValueError where a count differs from what was published of MIMIC-III."""
    from isd_pipeline.config.expected_counts import check_published
    from isd_pipeline.config.extract import ExtractSettings

    counts = json.loads(Path(f"data/03_primary/{COHORT}/counts.json").read_text())
    of_mimic = ExtractSettings(source="mimic3", raw="", label_space="caml", real=True)
    check_published(counts, of_mimic)
    print(f"{len(counts)} counts held against MIMIC-III's own: none differs", flush=True)


def table(rows: list[dict[str, Any]]) -> str:
    """As Markdown."""
    lines = ["| stage | CPU s | wall s | memory, GB | leaves |", "|---|--:|--:|--:|--:|"]
    for row in rows:
        leaves = f"{row['leaves_mb']:,.0f} MB" if "leaves_mb" in row else ""
        failed = "" if row["status"] == 0 else f", **ended with {row['status']}**"
        notes = f", {row['train_notes']:,} notes" if row.get("train_notes") else ""
        figures = (f"{row['cpu_s']:,.0f}", f"{row['wall_s']:,.0f}", f"{row['peak_gb']:.2f}", leaves)
        lines.append(f"| {row['stage']}{notes}{failed} | {' | '.join(figures)} |")
    return "\n".join(lines)


def main() -> int:
    """Run what is not recorded yet; the status is 1 where a stage failed or was left out."""
    asked = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    asked.add_argument("--notes", type=int, default=0, help="training notes; all if not given")
    asked.add_argument("--jobs", type=int, default=1, help="cores that a stage may use")
    asked.add_argument("--stages", default="", help="by name; run again")
    asked.add_argument("--to", type=Path, default=RECORD)
    given = asked.parse_args()
    chosen = [name.strip() for name in given.stages.split(";") if name.strip()]
    recorded = json.loads(given.to.read_text()) if given.to.exists() else []
    rows = {row["stage"]: row for row in recorded}
    stages = road(given.jobs)
    unknown = set(chosen) - {stage.name for stage in stages}
    if unknown:
        asked.error(f"no stage {min(unknown)}; there are {'; '.join(one.name for one in stages)}")
    left_out = False
    for stage in stages:
        notes = given.notes if stage.short else 0
        if stage.name not in chosen if chosen else is_done(stage, notes, rows.get(stage.name)):
            continue
        if not shutil.which(stage.command[0]):  # a browser, mostly: what follows needs none
            print(f"{stage.name}: left out, no {stage.command[0]} here", file=sys.stderr)
            left_out = True
            continue
        rows[stage.name] = row = run(stage, notes)
        keep([rows[one.name] for one in stages if one.name in rows], given.to)
        if row["status"] != 0 and stage.name not in MAY_WARN:
            print(f"{stage.name} ended with {row['status']}", file=sys.stderr)
            return 1
        if stage.name == "preprocess":
            hold_counts()
    print(table([rows[one.name] for one in stages if one.name in rows]))
    return int(left_out)


def keep(rows: list[dict[str, Any]], path: Path) -> None:
    """Write them whole or not at all: a rehearsal killed here goes on from the rows before."""
    from isd_pipeline.data.io.files import write_text

    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(rows, indent=1) + "\n")


def is_done(stage: Stage, notes: int, row: dict[str, Any] | None) -> bool:
    """Whether the same command with as many notes is recorded, and ended well."""
    if row is None or (row["status"] != 0 and stage.name not in MAY_WARN):
        return False
    return row["command"] == told(stage.command) and row.get("train_notes", 0) == notes


def run(stage: Stage, notes: int) -> dict[str, Any]:
    """Prepare a stage, run it, tell its row."""
    print(f"{time.strftime('%H:%M:%S')} {stage.name}", flush=True)
    logs = PAGE.parent / "rehearsal"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{stage.name.replace(' ', '_')}.log"
    if stage.name.startswith("code") and not NOTES.exists():
        write_notes()
    with fewer_notes(notes) if stage.short else nullcontext():
        row = measured(stage, log)
    if notes:
        row["train_notes"] = notes
    print(f"{table([row]).splitlines()[-1]} {log}", flush=True)
    return row


if __name__ == "__main__":
    sys.exit(main())
