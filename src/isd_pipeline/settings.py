"""Kedro's settings: our hooks, no plugin's, and configuration from conf/base and conf/local."""

import os
from typing import Any

# MLflow honours DO_NOT_TRACK only when it is the word `true`.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from isd_pipeline.hooks import ParametersHook, TrackingHook

HOOKS = (ParametersHook(), TrackingHook())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-telemetry", "kedro_telemetry")
CONFIG_LOADER_ARGS: dict[str, Any] = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"tracking": ["tracking*"]},
    # conf/local changes the keys it names, and only them.
    "merge_strategy": {"parameters": "soft", "tracking": "soft"},
}
