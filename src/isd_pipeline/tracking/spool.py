"""What MLflow could not be told, kept as JSON lines until it can be.

    scratch/mlflow/1764500000000-HOST-4711.jsonl     when a process first failed to tell, and which

A line is what was to be done, with its time: a run to be started, numbers, tags, an end. So a file
can be sent twice, or after a part of it was sent, and MLflow has each number once. Only numbers
and settings stand in it.
"""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isd_pipeline.catalog.holding import holding
from isd_pipeline.data.io.processes import is_running
from isd_pipeline.tracking.belongings import log_data, log_model
from isd_pipeline.tracking.tracker import RunKey, Tracker

FOLDER = Path("scratch/mlflow")
SENDING = Path("scratch/spool.lock")
OPENING = ("start", "reopen")
DAY = 24 * 60 * 60  # seconds after which a silent process of another machine counts as ended


def tell(tracker: Tracker, line: Mapping[str, Any]) -> None:
    """Do what a line says. MLflow's errors are raised."""
    match line["do"]:
        case "start":
            key = RunKey(**line["key"])
            tracker.start(key, line["parameters"], line["tags"], line.get("run_id"), line["time"])
        case "reopen":
            tracker.reopen(RunKey(**line["key"]))
        case "log" if tracker.run_id:
            tracker.log(line["metrics"], line["step"], time_ms=line["time"])
        case "tag" if tracker.run_id:
            tracker.tag(line["tags"])
        case "data" if tracker.run_id:
            log_data(tracker, RunKey(**line["key"]), line["fingerprints"])
        case "model" if tracker.run_id:
            log_model(tracker, RunKey(**line["key"]), line["weights"])
        case "finish":
            tracker.finish(line["status"], line["time"])


def append(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Add lines to a file, which are on the disk when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(line)}\n" for line in lines)
        file.flush()
        os.fsync(file.fileno())


def new_path(time_ms: int) -> Path:
    """A file for this process."""
    return FOLDER / f"{time_ms}-{socket.gethostname()}-{os.getpid()}.jsonl"


def send(tracker: Tracker, path: Path) -> None:
    """Tell MLflow what a file holds, then remove the file; without one do nothing.

    A run whose process died before it came to an end is called KILLED, so that a training which
    goes on takes it up.
    """
    with holding(SENDING):
        if not path.exists():  # another process was faster
            return
        try:
            for line in _lines(path):
                tell(tracker, line)
            tracker.finish("KILLED")
        finally:
            tracker.run_id = None
        path.unlink()


def waiting() -> list[Path]:
    """The files whose runs have ended, or whose processes have, oldest first."""
    return [path for path in sorted(FOLDER.glob("*.jsonl")) if _has_ended(path)]


def _has_ended(path: Path) -> bool:
    if [line["do"] for line in _lines(path)][-1:] == ["finish"]:
        return True
    host, _, process = path.stem.partition("-")[2].rpartition("-")
    if host != socket.gethostname():
        return path.stat().st_mtime < time.time() - DAY
    return not is_running(int(process))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """Its lines, but for a last one that a killed process has not written whole."""
    for text in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if text.endswith("\n"):
            yield json.loads(text)
