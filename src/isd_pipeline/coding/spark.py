"""Notes of a Spark table into answers, where a hospital has Spark already.

    from isd_pipeline.coding import spark

    code = spark.coder("/models/codiesp", top=15)
    answers = notes.select("id", "text").mapInPandas(code, spark.SCHEMA)

`notes` has the columns `id` and `text`. An answer is the line that `isd code` writes for the note.
The bundle's folder is one that every executor can read; each reads it once.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.coding.answers import record
from isd_pipeline.coding.bundle import name_of
from isd_pipeline.coding.coder import Note
from isd_pipeline.coding.many import Task, coder_of

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "id string, answer string"
Frames = Iterator["pd.DataFrame"]


def coder(bundle: Path | str, **asked: Any) -> Callable[[Frames], Frames]:
    """What `mapInPandas` takes, with `SCHEMA`; `asked` is what `Coder.code` may be told.

    Raises what reading a bundle raises, before Spark starts anything.
    """
    folder = Path(bundle).absolute()
    task = Task(bundle=str(folder), sha256=name_of(folder), form=".jsonl", asked=asked)
    return partial(code_frames, task)


def code_frames(task: Task, frames: Frames) -> Frames:
    """Frames of `id` and `text` into frames of `id` and `answer`, a row a note, in their order."""
    import pandas as pd

    coder = coder_of(task)
    for frame in frames:
        texts = frame["text"].where(frame["text"].notna(), "")
        notes = [Note(str(one), str(text)) for one, text in zip(frame["id"], texts, strict=True)]
        answers = [record(answer) for answer in coder.code(notes, **task.asked)]
        lines = [json.dumps(answer, ensure_ascii=False) for answer in answers]
        yield pd.DataFrame({"id": [note.id for note in notes], "answer": lines})
