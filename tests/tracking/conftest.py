"""An MLflow of its own for a test."""

from pathlib import Path

import pytest

from isd_pipeline.tracking.tracker import Tracker, TrackingSettings


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tracker:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Tracker(TrackingSettings(uri=f"sqlite:///{tmp_path}/mlflow.db"))
