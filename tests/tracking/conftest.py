"""An MLflow of its own for a test; its tables are made once, which takes MLflow seconds."""

import shutil
from pathlib import Path

import pytest

from isd_pipeline.tracking.tracker import Tracker, TrackingSettings


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments(max_results=1)
    return path


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Tracker:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return Tracker(TrackingSettings(uri=f"sqlite:///{tmp_path}/mlflow.db"))
