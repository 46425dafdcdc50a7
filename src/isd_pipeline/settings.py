"""Kedro's settings: our hooks, no plugin's, and configuration from conf/base and conf/local."""

import os

# MLflow honours DO_NOT_TRACK only when it is the word `true`.
os.environ.setdefault("DO_NOT_TRACK", "true")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # as in `isd`: --params jobs=2 beside others
os.environ.setdefault("KEDRO_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from isd_pipeline.config.loading import LOADER_ARGS as CONFIG_LOADER_ARGS
from isd_pipeline.hooks import ParametersHook, ProcessesHook, TrackingHook

__all__ = ["CONFIG_LOADER_ARGS", "DISABLE_HOOKS_FOR_PLUGINS", "HOOKS"]

HOOKS = (ParametersHook(), ProcessesHook(), TrackingHook())
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", "kedro-telemetry", "kedro_telemetry")
