"""MLflow's database is there whole or not at all."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from isd_pipeline.tracking.store import make_store
from isd_pipeline.tracking.tracker import RunKey, Tracker, TrackingSettings

KILLED = """
import os, signal, sys

made = []
import sqlalchemy
def counted(dialect, *given, real=sqlalchemy.engine.default.DefaultDialect.do_execute):
    real(dialect, *given)
    made.append(given)
    if sum("CREATE TABLE" in str(one[1]) for one in made) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
sqlalchemy.engine.default.DefaultDialect.do_execute = counted
from isd_pipeline.tracking.tracker import Tracker, TrackingSettings
Tracker(TrackingSettings(uri=sys.argv[1])).client
"""


def test_a_kill_while_the_tables_are_made_leaves_no_database_and_the_next_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    command = [sys.executable, "-c", KILLED, uri]
    killed = subprocess.run(command, cwd=tmp_path, env=os.environ, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    assert not (tmp_path / "mlflow.db").exists()
    tracker = Tracker(TrackingSettings(uri=uri))
    tracker.start(RunKey("synthetic", "isd", 1), {"seed": 1}, {})
    assert tracker.client.get_run(tracker.run_id).info.status == "RUNNING"


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1", "postgresql://nobody", "sqlite:///there.db"])
def test_what_is_there_or_elsewhere_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.db").write_bytes(b"as it was")
    make_store(uri)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"as it was"]
