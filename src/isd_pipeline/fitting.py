"""`fit`: notes and codes as frames or sequences, trained in one go; what `isd train` does of files.

Any frame that gives its columns by Arrow is read: pandas, polars, PyArrow, DuckDB's relations.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from isd_pipeline.coding.coder import Coder
from isd_pipeline.commands.project import root_of
from isd_pipeline.trained import Request, train

HERE = Path(__file__).parents[2]  # the checkout that this code is of


@dataclass(frozen=True)
class Fitted:
    """What came of `fit`.

    coder: codes notes.  experiment: what was chosen.  metrics: of the held-out notes, by name.
    intervals: of each metric (low, high), 95 % over bootstrapped notes.  notes: how many trained
    and were tuned and tested on.  folder: what was written, None without `to`.
    """

    coder: Coder
    experiment: str
    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    notes: Mapping[str, int]
    folder: Path | None


def fit(
    notes: Any,
    codes: Any,
    mentions: Any = None,
    *,
    system: str = "icd10cm",
    minutes: float = 10,
    to: Path | str | None = None,
    device: str = "auto",
    jobs: int = 1,
    tell: Callable[[str], None] = print,
) -> Fitted:
    """Check, choose, train, evaluate on held-out notes; docs/training.md says how it chooses.

    Args:
        notes: a frame with columns `id` and `text` (and any of docs/custom_data.md), or a
            sequence of texts.
        codes: a frame with columns `id` and `code`, a row a code; of a sequence of texts, the
            codes of each.
        mentions: a frame of marked stretches, if there is one.
        system: icd10cm, icd10pcs, icd9cm or icd9proc.
        minutes: about how long it may take on one core.
        to: a new folder for the page and the bundle; without one nothing is left on the disk.
        device: auto, cpu or cuda.
        jobs: cores.
        tell: is given each line of what is done.

    Raises:
        ValueError: something is wrong with the notes or codes (`tell` has been told what), or the
            minutes are too few.
        FileNotFoundError: this is no checkout of the project, which has the settings.
        FileExistsError: something stands at `to`.
    """
    root = root_of(Path.cwd()) or HERE
    if not (root / "conf/base/catalog.yml").exists():
        raise FileNotFoundError(f"{root}: no settings here (conf/base); work in a checkout")
    with tempfile.TemporaryDirectory(prefix="isd_fit_") as name:
        raw = Path(name, "custom")
        raw.mkdir()
        for file, table in _tables(notes, codes, mentions):
            pq.write_table(table, raw / f"{file}.parquet")
        made = Path(to) if to is not None else Path(name, "made")
        request = Request(
            folder=raw,
            custom={"system": system},
            minutes=minutes,
            to=made,
            device=device,
            jobs=jobs,
        )
        found = train(request, root, tell, tell)
        assert found is not None  # a plan alone is not asked for
        coder = Coder.open(found.bundle)
        assert isinstance(coder, Coder)
        return Fitted(
            coder=coder,
            experiment=found.chosen.experiment,
            metrics=found.chosen.metrics["test"],
            intervals=found.intervals[found.chosen.experiment],
            notes=found.notes,
            folder=None if to is None else made,
        )


def _tables(notes: Any, codes: Any, mentions: Any) -> list[tuple[str, pa.Table]]:
    """The files of a custom data set."""
    if is_frame(notes) != is_frame(codes):
        raise ValueError("notes and codes: two frames, or two sequences of one length, are wanted")
    if not is_frame(notes):
        if mentions is not None:
            raise ValueError("mentions: need notes as a frame, whose ids they name")
        return _of_sequences(notes, codes)
    given = {"notes": notes, "codes": codes, "mentions": mentions}
    return [(name, table_of(frame, name)) for name, frame in given.items() if frame is not None]


def _of_sequences(
    notes: Sequence[str], codes: Sequence[Iterable[str]]
) -> list[tuple[str, pa.Table]]:
    texts, of_notes = list(notes), list(codes)
    if len(texts) != len(of_notes):
        raise ValueError(f"{len(texts)} notes and the codes of {len(of_notes)}: not as many")
    if any(isinstance(one, str) for one in of_notes):
        raise ValueError('codes: a list for each note is wanted, as ["I10", "E11.9"], not one text')
    ids = [str(number) for number in range(len(texts))]
    rows = [(name, code) for name, some in zip(ids, of_notes, strict=True) for code in some]
    columns = {"id": [name for name, _ in rows], "code": [code for _, code in rows]}
    return [("notes", pa.table({"id": ids, "text": texts})), ("codes", pa.table(columns))]


def is_frame(given: Any) -> bool:
    """Whether columns can be had from it by Arrow."""
    return hasattr(given, "__arrow_c_stream__")


def table_of(frame: Any, name: str) -> pa.Table:
    """A frame's columns, texts as the reader of Parquet knows them; an index is left out.

    Raises a TypeError where it is no frame.
    """
    if not is_frame(frame):
        raise TypeError(f"{name}: {type(frame).__name__} is no frame (pandas, polars, PyArrow)")
    table = pa.table(frame)
    table = table.select([one for one in table.column_names if not one.startswith("__index")])
    return table.cast(pa.schema([(field.name, _plain(field.type)) for field in table.schema]))


def _plain(kind: pa.DataType) -> pa.DataType:
    """Any kind of text or category, and a column of nothing, as text."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    texts = (pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
    return pa.string() if any(is_one(kind) for is_one in texts) else kind
