"""Readers and writers of one path, for the catalog, where no library has one that will do."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import load, save

from isd_pipeline.data.io.files import replacing, write_json, write_text

# The columns of a training's history: the terms of every objective, and what is watched.
TERMS = ("prediction", "teacher", "missing", "removal", "distillation", "description", "categories")
FIGURES = ("f1_micro", "f1_macro_caml", "f1_micro_tuned", "f1_macro_caml_tuned", "p_at_5", "p_at_8")
HISTORY = (
    "epoch",
    *TERMS,
    *("total", "gradient_norm", "learning_rate"),
    *(f"dev_{name}" for name in (*FIGURES, "map")),
)


def write_as_told(write: Callable[[Path], None], folder: Path) -> None:
    """For what is too large to be handed over: the node gives the function that writes it."""
    write(folder)


def read_json(path: Path) -> Any:
    """A JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def put_json(value: Any, path: Path) -> None:
    """A value as a JSON file."""
    write_json(path, value)


def read_text(path: Path) -> str:
    """A UTF-8 text."""
    return path.read_text(encoding="utf-8")


def put_text(text: str, path: Path) -> None:
    """A UTF-8 text."""
    write_text(path, text)


def write_table(table: pa.Table, path: Path, compression: str = "snappy") -> None:
    """An Arrow table as Parquet."""
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression=compression)


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """A pandas table as Parquet."""
    with replacing(path) as temporary:
        frame.to_parquet(temporary, index=False)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """A pandas table as CSV, its numbers in full."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_history(history: pd.DataFrame, path: Path) -> None:
    """A training's history as CSV, its columns in one order.

    A training that goes on reads its first epochs back with their figures sorted by name; to the
    byte the file is that of one that was never interrupted.
    """
    write_csv(in_order(history), path)


def in_order(history: pd.DataFrame) -> pd.DataFrame:
    """Its columns as HISTORY has them, those of no name there behind, sorted."""
    known = [name for name in HISTORY if name in history]
    return history[[*known, *sorted(set(history.columns).difference(known))]]


def write_scores(scores: Mapping[str, np.ndarray], path: Path) -> None:
    """Scores [D, L] by split as safetensors."""
    with replacing(path) as temporary:
        temporary.write_bytes(save(dict(scores)))


def read_scores(path: Path) -> dict[str, np.ndarray]:
    """What `write_scores` wrote."""
    return dict(load(path.read_bytes()))
