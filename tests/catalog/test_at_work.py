"""Two processes at the same run: the second waits, says so, and mixes no files with the first."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from isd_pipeline.catalog.at_work import AtWork

ISD = {"cohort": "c", "experiment": "isd", "seed": 1}
OTHERS = ({**ISD, "seed": 2}, {**ISD, "experiment": "laat"})


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AtWork]:
    monkeypatch.chdir(tmp_path)
    made = AtWork()
    yield made
    made.let_go()


def waits(pipelines: list[str], run: dict[str, object], first: AtWork) -> bool:
    """Whether these have to wait until the first lets go; if so, they must come through then."""
    second, through = AtWork(), threading.Event()

    def take() -> None:
        second.take(pipelines, run)
        through.set()

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    came_through = through.wait(0.3)
    first.let_go()
    assert through.wait(10)
    thread.join()
    second.let_go()
    return not came_through


@pytest.mark.parametrize("stage", ["train", "evaluate", "evidence", "search"])
def test_the_same_run_waits_and_says_so(
    first: AtWork, caplog: pytest.LogCaptureFixture, stage: str
) -> None:
    first.take(["train"], ISD)
    assert waits([stage], ISD, first)
    assert "another process is at work on c, isd, seed 1: waiting for it" in caplog.text


@pytest.mark.parametrize("run", OTHERS)
def test_other_runs_of_the_cohort_go_on_side_by_side(
    first: AtWork, caplog: pytest.LogCaptureFixture, run: dict[str, object]
) -> None:
    with caplog.at_level(logging.INFO):
        first.take(["train", "evaluate"], ISD)
        assert not waits(["train"], run, first)
    assert caplog.text == ""


def test_what_all_runs_of_a_cohort_read_is_not_made_anew_under_them(first: AtWork) -> None:
    first.take(["train"], ISD)
    assert waits(["preprocess"], ISD, first)
    first.take(["extract", "preprocess"], ISD)
    assert waits(["train"], OTHERS[0], first)
    first.take(["extract"], ISD)
    assert not waits(["train"], {**ISD, "cohort": "other"}, first)


def test_reports_wait_for_nobody(first: AtWork) -> None:
    first.take(["train"], ISD)
    assert not waits(["record", "table", "compare", "report", "publish"], ISD, first)


def test_a_killed_process_lets_go(first: AtWork) -> None:
    script = (
        "import os, time\n"
        "from isd_pipeline.catalog.at_work import AtWork\n"
        f"held = AtWork(); held.take(['train'], {ISD!r})\n"
        "print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        os.kill(other.pid, 9)
        other.wait()
    first.take(["train"], ISD)  # comes through, or the test times out
