"""`torchrun … kedro run`: what its processes cannot share is refused, and one of them writes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from kedro.io import DataCatalog, MemoryDataset

from isd_pipeline.__main__ import main
from isd_pipeline.catalog.datasets import FileDataset
from isd_pipeline.hooks import ProcessesHook, TrackingHook
from isd_pipeline.pipelines.train import create_pipeline, nodes
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.tracker import Tracker
from isd_pipeline.training.ranks import ProcessLostError

TRAIN = {"pipeline_names": ["train"]}
MADE = ("model", "history", "training")


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def rank(monkeypatch: pytest.MonkeyPatch, request: Any) -> int:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", str(request.param))
    return request.param


def catalog() -> DataCatalog:
    files = {name: FileDataset(filepath=f"{name}.json", load="a:b", save="a:b") for name in MADE}
    return DataCatalog(files)


@pytest.mark.parametrize(
    ("rank", "kind"), [(0, FileDataset), (1, MemoryDataset)], indirect=["rank"]
)
def test_only_the_first_process_writes_files(rank: int, kind: type):
    found = catalog()
    ProcessesHook().after_context_created()
    ProcessesHook().before_pipeline_run(TRAIN, create_pipeline(), found)
    assert {type(found[name]) for name in MADE} == {kind}
    assert logging.getLogger("isd_pipeline").isEnabledFor(logging.ERROR)
    assert logging.getLogger("isd_pipeline").isEnabledFor(logging.WARNING) == (rank == 0)


@pytest.mark.parametrize("rank", [1], indirect=True)
def test_only_the_first_process_tracks(rank: int, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError("another process than the first opens MLflow")

    monkeypatch.setattr(Tracker, "start", refuse)
    hook = TrackingHook()
    hook._parameters = {"cohort": "c", "experiment": "isd", "seed": 1, "experiments": {"isd": {}}}
    hook.before_pipeline_run(TRAIN, DataCatalog())
    assert tracking.current() is None


@pytest.mark.parametrize("rank", [0, 1], indirect=True)
@pytest.mark.parametrize("names", [["train", "evaluate"], ["evaluate"], None])
def test_what_is_no_training_is_refused_in_a_line(rank: int, names: list[str] | None):
    with pytest.raises(ValueError, match="run --pipelines=train with it, and the rest without"):
        ProcessesHook().before_pipeline_run({"pipeline_names": names}, None, None)


@pytest.mark.parametrize("rank", [1], indirect=True)
def test_isd_train_is_one_process_and_says_so_before_it_writes(rank: int, tmp_path: Path):
    done = CliRunner().invoke(main, ["train", str(tmp_path)])
    assert done.exit_code != 0
    assert done.stderr.startswith("Error: torchrun started 2 processes, and `isd train` is")
    assert done.stderr.count("\n") == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("rank", [0], indirect=True)
def test_a_baseline_is_not_fitted_twice(rank: int, monkeypatch: pytest.MonkeyPatch):
    parameters = {
        "cohort": "c",
        "cohorts": {"c": {}},
        "experiment": "svm",
        "experiments": {"svm": {"system": "linear_svm"}},
    }
    with pytest.raises(ValueError, match="linear_svm is fitted by one process"):
        nodes.train(*[None] * 11, parameters)


@pytest.mark.parametrize("rank", [0], indirect=True)
def test_a_training_that_lost_a_process_counts_as_killed(
    rank: int, monkeypatch: pytest.MonkeyPatch
):
    said = []
    monkeypatch.setattr(tracking, "close", said.append)
    monkeypatch.setattr("isd_pipeline.hooks.signal.signal", lambda *_: None)
    for error in (ProcessLostError("one"), ValueError("another")):
        TrackingHook().on_pipeline_error(error)
    assert said == ["KILLED", "FAILED"]


def test_one_process_runs_any_pipeline(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    found = catalog()
    ProcessesHook().before_pipeline_run({"pipeline_names": ["evaluate"]}, create_pipeline(), found)
    assert {type(found[name]) for name in MADE} == {FileDataset}
