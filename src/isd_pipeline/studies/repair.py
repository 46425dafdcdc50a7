"""What a killed `dvc repro` leaves, cleared so that the next one goes on.

DVC 3.67 rewrites two files in place, and a process killed meanwhile leaves a part of one:

- `.dvc/tmp/rwlock`, who reads and writes which path. A part of it stops every later command. Whole,
  it names processes; DVC drops those that are gone, but not one whose number another process has
  by now, as after a restart, nor one that is dead and not yet waited for.
- `studies/COHORT/dvc.lock`, which takes half a second of every finished stage. Cut before its first
  damaged stage it is a lock file again; what trained since comes back from DVC's cache of runs.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from isd_pipeline.catalog.holding import holding
from isd_pipeline.data.io.files import write_text
from isd_pipeline.data.io.processes import is_running

STAGE = re.compile(r"^  \S", re.MULTILINE)  # where a stage begins in a lock file
MERGE = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)  # Git's marks


def mend(root: Path = Path()) -> list[str]:
    """Clear what dead processes left in a checkout; say what was cleared, one line each.

    Nothing that a living process holds is touched, so others may be at work here.
    """
    folder = root / ".dvc/tmp"
    if not folder.is_dir():
        return []
    with holding(folder / "rwlock.lock"):
        told = _drop_dead(folder / "rwlock")
    with holding(folder / "lock"):  # DVC holds it whenever it writes a lock file
        for path in [root / "dvc.lock", *sorted(root.glob("studies/*/dvc.lock"))]:
            told += _cut_torn(path)
    return told


def _drop_dead(path: Path) -> list[str]:
    if not path.exists():
        return []
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        kept = _living(lock)
    except (ValueError, AttributeError, KeyError, TypeError):
        path.unlink()
        return [f"{path}: half written by a process that was killed; removed"]
    if _count(kept) == _count(lock):  # DVC leaves `{}` where every process has ended by itself
        return []
    write_text(path, json.dumps(kept))
    return [f"{path}: named processes that are gone; they are dropped"]


def _living(lock: Mapping[str, Any]) -> dict[str, Any]:
    """The same without the dead: one process writes a path, several may read it."""
    write = {path: one for path, one in lock.get("write", {}).items() if is_alive(one)}
    read = {path: [*filter(is_alive, some)] for path, some in lock.get("read", {}).items()}
    return {"write": write, "read": {path: some for path, some in read.items() if some}}


def _count(lock: Mapping[str, Any]) -> int:
    """How many processes are named, the readers of each path and its writer."""
    return len(lock.get("write", {})) + sum(map(len, lock.get("read", {}).values()))


def is_alive(holder: Mapping[str, Any]) -> bool:
    """Whether a process that DVC noted still runs, and is that one: it has the same arguments."""
    return is_running(int(holder["pid"]), str(holder["cmd"]).partition(" ")[2])


def _cut_torn(path: Path) -> list[str]:
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    whole = whole_stages(text)
    if whole and whole == text:
        return []
    if MERGE.search(text):
        raise ValueError(
            f"{path}: holds both sides of a merge; take one, `git checkout --ours {path}` or "
            "--theirs, and what the other knew is made again or comes from DVC's cache"
        )
    if whole:
        write_text(path, whole)
    else:
        path.unlink()
    kept = len(STAGE.findall(whole))
    return [f"{path}: half written by a process that was killed; {kept} whole stages are kept"]


def whole_stages(text: str) -> str:
    """A lock file up to its first stage that is not whole; "" where none is."""
    while text and not _is_whole(text):
        starts = [found.start() for found in STAGE.finditer(text)]
        text = text[: starts[-1]] if len(starts) > 1 else ""
    return text


def _is_whole(text: str) -> bool:
    """Ends with a line, and every stage is one that DVC can read."""
    try:
        for stage in yaml.load(text, Loader=yaml.CSafeLoader)["stages"].values():
            _ = stage["cmd"], [one["path"] for one in stage.get("deps", []) + stage.get("outs", [])]
            _ = [watched.keys() for watched in stage.get("params", {}).values()]
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        return False
    return text.endswith("\n")
