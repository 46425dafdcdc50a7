"""What happens around a run: parameters are checked before it, MLflow is told during it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from kedro.framework.hooks import hook_impl

from isd_pipeline.pipelines import tracking
from isd_pipeline.pipelines.configuration import choose, flatten, read_config, refuse_unknown
from isd_pipeline.pipelines.tracking import RunKey, Tracker, TrackingSettings

RUN_PARAMETERS = ["cohort", "experiment", "seed", "device", "jobs", "smoke"]
SECTIONS = ["repro", "cohorts", "experiments", "paper"]


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
        """Open the run that the nodes log into: a new one to train, the newest to evaluate."""
        names = set(run_params.get("pipeline_names") or ["train"])
        if not self._settings.uri or not names & {"train", "floor", "evaluate"}:
            return
        tracker = Tracker(self._settings)
        key = RunKey(*(self._parameters[name] for name in ("cohort", "experiment", "seed")))
        if names & {"train", "floor"}:
            tracker.start(key, self._shown_parameters(), {"resume_key": self._resume_key()})
        else:
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

    def _shown_parameters(self) -> dict[str, Any]:
        row = self._parameters["experiments"][self._parameters["experiment"]]
        cohort = self._parameters["cohorts"][self._parameters["cohort"]]
        shown = {name: self._parameters[name] for name in ("cohort", "experiment", "seed")}
        return shown | flatten(cohort.get("train") or {}, "cohort.") | flatten(row or {})

    def _resume_key(self) -> str:
        text = json.dumps(self._shown_parameters(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
