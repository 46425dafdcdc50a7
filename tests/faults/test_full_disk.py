"""A full disk: one line that names the file, what is free and what is needed; nothing half written.

Where a small file system can be mounted, the errors are its own; else they are raised as it would.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from isd_pipeline.catalog.room import refuse_full_disk_before
from isd_pipeline.data.io import files
from isd_pipeline.data.io.files import replacing, write_json, write_text
from isd_pipeline.data.io.tables import SortedSpill, stream_table, write_parquet
from isd_pipeline.embeddings.words import Embedding
from isd_pipeline.messages import cause
from isd_pipeline.training.checkpoints import read_model, refuse_small_disk, write_model

SIZE = 256_000
TEXT = pa.schema([("text", pa.string()), ("place", pa.int64())])


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of a quarter of a megabyte."""
    place = tmp_path_factory.mktemp("small")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no small file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def small(disk: Path) -> Iterator[Path]:
    yield disk
    for path in disk.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def rows(count: int) -> pa.Table:
    texts = [np.random.default_rng(n).bytes(500).hex() for n in range(count)]
    return pa.table([texts, [*range(count)]], schema=TEXT)


def weights(count: int) -> dict[str, torch.Tensor]:
    return {"w": torch.zeros(count)}


def write_model_of(path: Path, count: int) -> None:
    write_model(path, weights(count), settings={}, fingerprints={})


WRITERS = {
    "text": lambda path: write_text(path, "x" * 2 * SIZE),
    "JSON": lambda path: write_json(path, ["x" * 2 * SIZE]),
    "Parquet": lambda path: write_parquet(stream_table(rows(600)), path),
    "checkpoint": lambda path: write_model_of(path, SIZE),
    "vectors": lambda path: Embedding(np.zeros((SIZE, 1), np.float32), {}).save(path),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_what_finds_no_room_is_told_by_its_path_and_leaves_nothing(small: Path, kind: str) -> None:
    path = small / "of_a_stage"
    with pytest.raises(OSError, match="the disk is full") as told:
        WRITERS[kind](path)
    line = cause(told.value)
    assert line.startswith(str(path))
    assert "0.3 MB are free" in line
    assert "Errno" not in line
    assert told.value.errno == errno.ENOSPC
    assert [one for one in small.rglob("*") if one.is_file()] == []


def test_where_the_size_is_known_it_is_told(small: Path) -> None:
    with pytest.raises(OSError, match=r"this file needs 4\.0 MB"):
        write_model_of(small / "model", 1_000_000)
    with pytest.raises(OSError, match=r"state needs 12\.0 MB"):
        refuse_small_disk(small / "not/there/yet", nn.Linear(250_000, 1, bias=False))


def test_a_checkpoint_that_finds_no_room_leaves_the_one_before(small: Path) -> None:
    write_model_of(small, 10)
    with pytest.raises(OSError, match="the disk is full"):
        write_model_of(small, SIZE)
    assert read_model(small).weights["w"].tolist() == [0.0] * 10


def test_sorting_on_a_full_disk_names_its_folder(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(small))
    spill = SortedSpill(TEXT, ["place"])
    [batch] = rows(600).to_batches()
    with pytest.raises(OSError, match="TMPDIR") as told:
        spill.add(batch)
    assert str(small) in str(told.value)


def test_every_error_of_a_full_disk_is_named_whatever_raises_it(tmp_path: Path) -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        with pytest.raises(OSError, match="the disk is full") as told, replacing(tmp_path / "a"):
            raise OSError(number, os.strerror(number))
        assert str(tmp_path / "a") in str(told.value)
    with (
        pytest.raises(PermissionError, match="denied"),
        replacing(tmp_path / "a"),
    ):
        raise PermissionError(errno.EACCES, "denied")
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("stage", "made"),
    [
        ("extract", {"data/01_raw/c/NOTEEVENTS.csv.gz": 100_000}),
        ("extract", {"data/01_raw/c/notes.csv": 200_000}),
        ("preprocess", {"data/02_intermediate/c/notes.parquet": 10_000}),
    ],
)
def test_a_stage_without_room_is_refused_before_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, made: dict[str, int]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, size in made.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"0" * size)
    parameters = {"cohort": "c", "cohorts": {"c": {"extract": {"raw": "data/01_raw/c"}}}}
    monkeypatch.setattr(files, "free_bytes", lambda path: 10_000)
    refuse_full_disk_before([stage], parameters)
    monkeypatch.setattr(files, "free_bytes", lambda path: 9_999)
    with pytest.raises(OSError, match=f"the stage {stage}, at the least, needs 0.0 MB"):
        refuse_full_disk_before([stage], parameters)
    refuse_full_disk_before(["evaluate"], parameters)


def test_room_for_vectors_is_counted_from_words_codes_and_widths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(Path("data/03_primary/c/vocabulary.json"), {"words": ["w"] * 30})
    write_json(Path("data/03_primary/c/code_index.json"), {"codes": [["1", "diagnosis", ""]] * 2})
    embed = {"words": {"width": 10}, "codes": {"width": 20}}
    parameters = {"cohort": "c", "cohorts": {"c": {"embed": embed}}}
    monkeypatch.setattr(files, "free_bytes", lambda path: 4 * (30 * 30 + 2 * 20))
    refuse_full_disk_before(["embed"], parameters)
    monkeypatch.setattr(files, "free_bytes", lambda path: 4 * (30 * 30 + 2 * 20) - 1)
    with pytest.raises(OSError, match="the stage embed"):
        refuse_full_disk_before(["embed"], parameters)
