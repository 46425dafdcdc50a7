"""Many notes into answers, part by part: in a loop or on a cluster, and on from where it ended.

Each part has a file of answers and a record of what they were made of: the notes, by a digest of
them, the bundle by its SHA-256, and what was asked. A part is coded again unless all of it is as
the record says. Workers read notes and the bundle; this process alone writes.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from isd_pipeline import __version__
from isd_pipeline.coding import batch
from isd_pipeline.coding.answers import form_of
from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.coding.note_parts import NotePart
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.data.io.files import replacing, sha256, write_json
from isd_pipeline.data.io.parts import LOOP, Engine, map_parts
from isd_pipeline.predictors.long_notes import LongNotes

FORMS = (".jsonl", ".csv")
RECORD = "part-{:06d}.json"


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is asked of every part. `asked` is what `Coder.code` may be told."""

    bundle: str  # its folder, which every worker can read
    sha256: str
    form: str
    device: str = "cpu"
    jobs: int = 1
    long_notes: LongNotes = "windows"
    asked: Mapping[str, Any]

    @property
    def identity(self) -> dict[str, Any]:
        """What answers are a function of, beside the notes."""
        return {
            "bundle": self.sha256,
            "form": self.form,
            "device": self.device,
            "long_notes": self.long_notes,
            "asked": dict(self.asked),
            "version": __version__,
        }


@dataclass(frozen=True)
class Coded:
    """The answers of a part as they are written; None where they are there already.

    `ids` [notes]: a number of 64 bits for each id, in the order of the notes.
    """

    answers: bytes | None
    counts: dict[str, int]
    ids: np.ndarray
    digest: str


def code_part(part: NotePart, task: Task) -> Coded:
    """Code the notes of a part by the bundle, which a worker reads once."""
    coder = coder_of(task)
    if part.known and _digest(part, coder.languages) == part.known:
        return Coded(None, {}, np.empty(0, np.uint64), part.known)
    seen, counts = _Seen(), batch.no_notes(coder)
    notes = seen.passing(part.read(coder.languages))
    file = io.StringIO(newline="")
    form_of(Path(f"answers{task.form}"))(batch.coded(coder, notes, counts, **task.asked), file)
    answers = file.getvalue().encode("utf-8")
    return Coded(answers, dict(counts), np.array(seen.ids, dtype=np.uint64), seen.digest())


def coder_of(task: Task) -> Coder | ViewCoder:
    """The bundle of a task made ready, once in a process."""
    return _coder(task.bundle, task.sha256, task.device, task.jobs, task.long_notes)


@lru_cache(maxsize=1)
def _coder(
    folder: str, sha256: str, device: str, jobs: int, long_notes: LongNotes
) -> Coder | ViewCoder:
    import torch

    torch.set_num_threads(jobs)
    coder = Coder.open(folder, device, long_notes)
    if coder.bundle.sha256 != sha256:
        raise ValueError(f"{folder}: a worker finds another bundle there; give all the same one")
    return coder


class _Seen:
    """What went by: a digest of the notes, and their ids as numbers."""

    def __init__(self) -> None:
        self._hash, self.ids = hashlib.sha256(), list[int]()

    def passing(self, notes: Iterator[Note]) -> Iterator[Note]:
        """The same notes."""
        for note in notes:
            self._hash.update(json.dumps(asdict(note), sort_keys=True).encode())
            name = hashlib.blake2b(note.id.encode(), digest_size=8).digest()
            self.ids.append(int.from_bytes(name, "big"))
            yield note

    def digest(self) -> str:
        """Of all notes so far."""
        return self._hash.hexdigest()


def _digest(part: NotePart, languages: tuple[str, ...]) -> str:
    seen = _Seen()
    for _ in seen.passing(part.read(languages)):
        pass
    return seen.digest()


def code_parts(
    parts: list[NotePart], task: Task, folder: Path, engine: Engine = LOOP
) -> tuple[Counter[str], int]:
    """Answers of each part in a folder; what was counted, and how many parts were there already.

    Raises:
        ValueError: a part fails, or has an id that another has. Parts that are done stay.
    """
    refuse_others(folder, len(parts))
    records = [_kept(folder, number, task) for number in range(1, len(parts) + 1)]
    asked = [replace(p, known=r.get("notes", "")) for p, r in zip(parts, records, strict=True)]
    kept, ids = 0, []
    counts: Counter[str] = Counter()
    for number, coded in enumerate(
        map_parts(code_part, asked, engine, common=[task], what="parts coded"), start=1
    ):
        record = records[number - 1]
        if coded.answers is None:
            kept += 1
        else:
            record = _keep(folder, number, task, coded)
        counts.update(record["counts"])
        ids.append(np.frombuffer(bytes.fromhex(record["ids"]), dtype=np.uint64))
    _refuse_twice(ids, parts)
    return counts, kept


def _kept(folder: Path, number: int, task: Task) -> dict[str, Any]:
    """The record of a part whose answers are whole and of this task; empty where there is none."""
    path, answers = folder / RECORD.format(number), answers_of(folder, number, task)
    if not path.is_file() or not answers.is_file():
        return {}
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf-8"))
        is_same = record["task"] == task.identity and record["answers"] == sha256(answers)
    except (ValueError, KeyError, TypeError):
        return {}
    return record if is_same else {}


def _keep(folder: Path, number: int, task: Task, coded: Coded) -> dict[str, Any]:
    """Write the answers, then what says that they are whole."""
    answers = answers_of(folder, number, task)
    with replacing(answers) as temporary:
        temporary.write_bytes(coded.answers or b"")
    record = {
        "task": task.identity,
        "notes": coded.digest,
        "answers": sha256(answers),
        "counts": coded.counts,
        "ids": coded.ids.tobytes().hex(),
    }
    write_json(folder / RECORD.format(number), record)
    return record


def answers_of(folder: Path, number: int, task: Task) -> Path:
    """The file of answers of a part, counted from 1."""
    return folder / RECORD.format(number).replace(".json", task.form)


def _refuse_twice(ids: list[np.ndarray], parts: list[NotePart]) -> None:
    every = np.concatenate([*ids, np.empty(0, np.uint64)])
    order = np.argsort(every, kind="stable")
    again = order[1:][every[order][1:] == every[order][:-1]]
    if not len(again):
        return
    ends = np.cumsum([len(some) for some in ids])
    at = int(again.min())
    number = int(np.searchsorted(ends, at, side="right"))
    row = at - (int(ends[number - 1]) if number else 0)
    begin = parts[number].begin + row
    place = replace(parts[number], begin=begin, end=begin + 1)
    raise ValueError(f"{place}: an id that an earlier note has; each needs one of its own")


def join(folder: Path, count: int, task: Task, to: Path) -> None:
    """The answers of all parts as one file, as if their notes had stood in one."""
    with replacing(to) as temporary, temporary.open("wb") as whole:
        for number in range(1, count + 1):
            with answers_of(folder, number, task).open("rb") as part:
                if task.form == ".csv" and number > 1:
                    part.readline()
                shutil.copyfileobj(part, whole)
    shutil.rmtree(folder)


def refuse_others(folder: Path, count: int) -> None:
    """Raise where a folder of answers has more parts than there are."""
    numbers = [one.stem.removeprefix("part-") for one in folder.glob("part-*.json")]
    if any(number.isdecimal() and int(number) > count for number in numbers):
        raise FileExistsError(f"{folder}: holds answers of other notes; name another folder")


def refuse_target(to: Path, *, force: bool) -> None:
    """Raise, before a bundle is read, where the answers may not be written."""
    if to.suffix.lower() not in (*FORMS, ""):
        raise ValueError(f"{to}: many notes go to a folder, or a file that ends in .jsonl or .csv")
    if to.suffix and to.is_file() and not force:
        raise FileExistsError(f"{to}: is there already; --force replaces it")
    if to.suffix and to.is_dir():
        raise IsADirectoryError(f"{to}: is a folder; name a file for the answers")
    folder = folder_of(to)
    found = list(folder.iterdir()) if folder.is_dir() else []
    if any(not one.name.lstrip(".").startswith("part-") for one in found):
        raise FileExistsError(f"{folder}: holds other files than answers; name another folder")


def folder_of(to: Path) -> Path:
    """Where the parts stand: `to` itself, or beside the file until it is whole."""
    return to.with_name(f"{to.name}.parts") if to.suffix else to
