"""MLflow decorates the work: whatever befalls it, a stage goes on and no figure is lost."""

from __future__ import annotations

import json
import logging
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from isd_pipeline.messages import one_line
from isd_pipeline.tracking import open_run, spool
from isd_pipeline.tracking.tracker import RunKey, Tracker, TrackingSettings, git_commit, needed

KEY = RunKey("synthetic", "isd", 1)
DATABASE = Path("mlflow.db")
CLOSED_PORT = "http://127.0.0.1:9"


def train(from_epoch_2: Callable[[], Any] = lambda: None) -> None:
    """What a training tells MLflow; `from_epoch_2` is what happens to MLflow meanwhile."""
    open_run.start(KEY, {"seed": 1, "width": 8}, {"resume_key": "abc"})
    open_run.log_epoch(1, {"loss": 3.0})
    from_epoch_2()
    open_run.log_epoch(2, {"loss": 2.0})
    open_run.log_epoch(3, {"loss": 1.0})
    open_run.tag({"fingerprint_codes": "f"})
    open_run.close("FINISHED")


def fresh(tracker: Tracker) -> Tracker:
    """As a new process sees the same MLflow."""
    return Tracker(tracker.settings)


def shown(tracker: Tracker) -> list[tuple[Any, ...]]:
    """Of every run of KEY its state, parameters, a tag and the history of the loss."""
    found = []
    for run in tracker.search("tags.experiment = 'isd'"):
        history = tracker.client.get_metric_history(run.info.run_id, "loss/loss")
        points = [(point.step, point.value) for point in history]
        tag = run.data.tags.get("fingerprint_codes")
        found.append((run.info.status, run.data.params, tag, points))
    return found


WHOLE = ("FINISHED", {"seed": "1", "width": "8"}, "f", [(1, 3.0), (2, 2.0), (3, 1.0)])


def deleted_run(tracker: Tracker) -> Iterator[None]:
    tracker.client.delete_run(tracker.run_id)
    yield


def deleted_experiment(tracker: Tracker) -> Iterator[None]:
    number = tracker.experiment_id
    tracker.client.delete_experiment(number)
    yield
    tracker.client.restore_experiment(number)


def locked(tracker: Tracker) -> Iterator[None]:
    from mlflow.store.db import utils

    other = sqlite3.connect(DATABASE, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    real = utils.sql.text
    with pytest.MonkeyPatch.context() as patched:  # MLflow waits 20 seconds, and so does a training
        patched.setattr(utils.sql, "text", lambda said: real(said.replace("= 20000", "= 200")))
        yield
    other.execute("ROLLBACK")
    other.close()


def no_table_of_metrics(tracker: Tracker) -> Iterator[None]:
    """As of a schema of another version."""
    other = sqlite3.connect(DATABASE)
    other.execute("ALTER TABLE metrics RENAME TO metrics_of_another_version")
    yield
    other.execute("ALTER TABLE metrics_of_another_version RENAME TO metrics")
    other.close()


@pytest.mark.parametrize(
    "fault",
    [deleted_run, deleted_experiment, locked, no_table_of_metrics],
    ids=lambda f: f.__name__,
)
def test_a_fault_in_mid_training_costs_one_line_and_no_figure(
    tracker: Tracker, caplog: pytest.LogCaptureFixture, fault: Callable[..., Iterator[None]]
) -> None:
    tracker = Tracker(TrackingSettings(uri=f"{tracker.settings.uri}?timeout=0.2"))
    open_run.use(tracker)
    happens = contextmanager(fault)(tracker)
    with caplog.at_level(logging.WARNING, "isd_pipeline"):
        train(happens.__enter__)
    if fault is not deleted_run:  # which is sent, as a new run, when the training ends
        assert [path.parent for path in spool.waiting()] == [spool.FOLDER]
    [line] = [record.getMessage() for record in caplog.records if "MLflow" in record.getMessage()]
    assert "the work goes on" in line
    assert "scratch/mlflow/" in line
    happens.__exit__(None, None, None)

    open_run.use(fresh(tracker))
    open_run.close("FINISHED")
    assert shown(tracker) == [WHOLE]
    assert spool.waiting() == []


def cut(_: Path) -> None:
    DATABASE.write_bytes(DATABASE.read_bytes()[: DATABASE.stat().st_size // 2])


def no_database(_: Path) -> None:
    DATABASE.write_bytes(b"not SQLite's" * 1000)


def newer_schema(_: Path) -> None:
    database = sqlite3.connect(DATABASE)
    database.execute("UPDATE alembic_version SET version_num = 'of_the_future'")
    database.commit()
    database.close()


@pytest.mark.parametrize("fault", [cut, no_database, newer_schema], ids=lambda f: f.__name__)
def test_a_database_that_cannot_be_read_is_told_at_once_and_sent_to_later(
    tracker: Tracker, caplog: pytest.LogCaptureFixture, fault: Callable[[Path], None]
) -> None:
    kept = DATABASE.read_bytes()
    fault(DATABASE)
    open_run.use(fresh(tracker))
    with caplog.at_level(logging.WARNING, "isd_pipeline"):
        train()
    assert sum("the work goes on" in record.getMessage() for record in caplog.records) == 1
    DATABASE.write_bytes(kept)
    open_run.use(tracker)
    assert shown(tracker) == [WHOLE]


@pytest.mark.parametrize("fault", [no_database, newer_schema], ids=lambda f: f.__name__)
def test_what_is_for_mlflow_alone_names_it_in_one_line(
    tracker: Tracker, fault: Callable[[Path], None]
) -> None:
    fault(DATABASE)
    other = fresh(tracker)
    with pytest.raises(OSError, match=r"^MLflow, sqlite:///.*mlflow\.db: .") as told, needed(other):
        other.search("")
    assert "\n" not in str(told.value)


def test_a_server_that_is_away_is_named_without_a_library_s_words(tracker: Tracker) -> None:
    away = Tracker(TrackingSettings(uri=CLOSED_PORT))
    told = f"^MLflow, {CLOSED_PORT}: no answer from {CLOSED_PORT}/"
    with pytest.raises(OSError, match=told), needed(away):
        away.search("")


def test_a_read_only_database_stops_nothing(tracker: Tracker) -> None:
    _ = tracker.experiment_id
    read_only = f"sqlite:///file:{DATABASE.resolve()}?mode=ro&uri=true"
    open_run.use(Tracker(TrackingSettings(uri=read_only)))
    train()
    open_run.use(tracker)
    assert shown(tracker) == [WHOLE]


def test_without_mlflow_installed_a_training_goes_on(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as without:
        for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
            without.delitem(sys.modules, name)
        without.setitem(sys.modules, "mlflow", None)
        open_run.use(fresh(tracker))
        train()
    open_run.use(tracker)
    assert shown(tracker) == [WHOLE]


def test_a_server_that_is_away_is_asked_for_seconds_not_for_half_an_hour(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    away = Tracker(TrackingSettings(uri=CLOSED_PORT))
    import requests

    real = requests.Session.send

    def counted(session: Any, request: Any, **options: Any) -> Any:
        asked.append(request.url)
        assert options["timeout"] <= 10
        return real(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", counted)
    open_run.use(away)
    train()
    assert len(asked) == 2  # at the start, and once more at the end
    open_run.use(tracker)
    assert shown(tracker) == [WHOLE]


def test_what_a_killed_training_could_not_tell_is_taken_up_by_the_one_that_goes_on(
    tracker: Tracker,
) -> None:
    script = f"""
from tests.tracking.test_open_run import *
open_run.use(Tracker(TrackingSettings(uri={CLOSED_PORT!r})))
open_run.start(KEY, {{"seed": 1, "width": 8}}, {{"resume_key": "abc"}})
open_run.log_epoch(1, {{"loss": 3.0}})
os.kill(os.getpid(), 9)
"""
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", f"import os, sys\nsys.path.insert(0, {str(root)!r})\n{script}"]
    assert subprocess.run(command, check=False).returncode == -9
    [path] = spool.waiting()
    with path.open("a") as file:
        file.write('{"do": "log", "metr')  # of a line, what the kill left

    open_run.use(tracker)
    assert [run[0] for run in shown(tracker)] == ["KILLED"]
    open_run.start(KEY, {"seed": 1, "width": 8}, {"resume_key": "abc"})
    open_run.log_epoch(2, {"loss": 2.0})
    open_run.close("FINISHED")
    assert shown(tracker) == [("FINISHED", WHOLE[1], None, WHOLE[3][:2])]


def test_what_a_living_process_keeps_is_left_to_it(tracker: Tracker) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    path = spool.new_path(1).with_name(f"1-{spool.socket.gethostname()}-{other.pid}.jsonl")
    spool.append(path, [{"do": "log", "time": 1, "metrics": {}, "step": 1}])
    try:
        assert spool.waiting() == []
    finally:
        other.kill()
        other.wait()
    assert spool.waiting() == [path]


def test_sending_twice_shows_every_number_once(tracker: Tracker) -> None:
    open_run.use(Tracker(TrackingSettings(uri=CLOSED_PORT)))
    train()
    [path] = spool.waiting()
    lines = path.read_text()
    spool.append(path, [{"do": "no such thing"}])
    assert json.loads(lines.splitlines()[0])["do"] == "start"
    path.write_text("".join(lines.splitlines(keepends=True)[:4]))  # a part was sent, then a kill
    spool.send(tracker, path)
    path.write_text(lines)
    spool.send(tracker, path)
    assert shown(tracker) == [WHOLE]


def test_what_is_kept_holds_nothing_but_what_mlflow_would_show(tracker: Tracker) -> None:
    open_run.use(Tracker(TrackingSettings(uri=CLOSED_PORT)))
    train()
    [path] = spool.waiting()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["do"] for line in lines] == ["start", "log", "log", "log", "tag", "finish"]
    keys = {"do", "time", "key", "parameters", "tags", "run_id", "metrics", "step", "status"}
    assert {key for line in lines for key in line} <= keys


def test_where_figures_cannot_be_kept_either_that_is_said_and_the_work_goes_on(
    tracker: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    Path("scratch").mkdir()
    Path("scratch/mlflow").write_text("in the way")
    open_run.use(Tracker(TrackingSettings(uri=CLOSED_PORT)))
    train()
    assert "could not be kept either" in caplog.text


def test_a_machine_without_git_records_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert git_commit() == ""


def test_a_folder_that_another_repository_does_not_know_has_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], check=True, capture_output=True)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    git("init")
    git("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--allow-empty", "-m", "theirs")
    project = tmp_path / "project"
    project.mkdir()
    (project / "pyproject.toml").write_text("")
    monkeypatch.chdir(project)
    assert git_commit() == ""
    git("add", "pyproject.toml")
    assert len(git_commit()) == 40


def test_a_killed_command_closes_the_run_that_is_open(tracker: Tracker) -> None:
    open_run.use(tracker)
    open_run.start(KEY, {}, {"resume_key": "abc"})
    with pytest.raises(SystemExit, match="143"):
        one_line(lambda: sys.exit(143))()
    assert [run[0] for run in shown(tracker)] == ["KILLED"]
