"""`isd compare` serves MLflow to this machine alone, and the server tells nobody of it."""

from typing import Any

import pytest

from isd_pipeline.commands import runs


def test_the_server_is_for_this_machine_and_sends_no_telemetry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: dict[str, Any] = {}
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    monkeypatch.setattr(
        runs.subprocess, "Popen", lambda command, **more: started.update(more, command=command)
    )
    runs._serve("http://127.0.0.1:5000", "sqlite:///mlflow.db")
    assert started["env"]["MLFLOW_DISABLE_TELEMETRY"] == "true"
    words = started["command"]
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[words.index("--backend-store-uri") + 1] == "sqlite:///mlflow.db"
