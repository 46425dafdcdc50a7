"""What happens around a run: parameters are checked before it, MLflow is told during it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from kedro.framework.hooks import hook_impl

from isd_pipeline.config.experiments import shown_parameters
from isd_pipeline.config.reading import choose, read_config, refuse_unknown
from isd_pipeline.tracking import tracker as tracking
from isd_pipeline.tracking.tracker import RunKey, Tracker, TrackingSettings

RUN_PARAMETERS = ["cohort", "experiment", "seed", "table", "device", "jobs"]
SECTIONS = ["cohorts", "experiments", "tables", "search", "paper", "paper_cohorts"]
TRACKED = {"train", "floor", "stack", "evaluate", "table", "publish", "search"}


class ParametersHook:
    """Refuses a misspelt run parameter, cohort or experiment before any node runs."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Check the names that every pipeline relies on."""
        parameters = context.params
        for name in parameters:
            refuse_unknown(name, RUN_PARAMETERS + SECTIONS, "--params")
        choose(parameters["cohort"], parameters["cohorts"], "conf/base/parameters_cohorts.yml")
        choose(
            parameters["experiment"],
            parameters["experiments"],
            "conf/base/parameters_experiments.yml",
        )
        if not isinstance(parameters["seed"], int):
            raise ValueError(f"--params seed={parameters['seed']}: a seed is a whole number")


class TrackingHook:
    """Opens the MLflow run of a training and closes it as what it became."""

    def __init__(self) -> None:
        self._parameters: dict[str, Any] = {}
        self._settings = TrackingSettings()

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Keep the parameters; MLflow itself is not imported until there is a run to track."""
        self._parameters = context.params
        self._settings = read_config(
            TrackingSettings, context.config_loader["tracking"], "conf/base/tracking.yml"
        )

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Open the run that the nodes log into: a new one to train, the newest to evaluate.

        What makes many runs or none of its own (publish, search, table) opens them itself.
        """
        names = set(run_params.get("pipeline_names") or ["train"])
        if not self._settings.uri or not names & TRACKED:
            return
        tracker = Tracker(self._settings)
        key = RunKey(*(self._parameters[name] for name in ("cohort", "experiment", "seed")))
        if names & {"train", "floor", "stack"}:
            shown = shown_parameters(self._parameters)
            tracker.start(key, shown, {"resume_key": _resume_key(shown)})
        elif "evaluate" in names:
            tracker.reopen(key)
        tracking.use(tracker)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """The run is done."""
        tracking.close("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """The run failed: say with what kind of error, never with its words."""
        tracking.tag({"failed_with": type(error).__name__})
        tracking.close("FAILED")


def _resume_key(shown: dict[str, Any]) -> str:
    """What a training that was killed must have in common with the one that goes on."""
    text = json.dumps(shown, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
