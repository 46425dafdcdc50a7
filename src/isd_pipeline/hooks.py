"""What happens around a run: parameters are checked before it, MLflow is told during it."""

import hashlib
import json
import platform
from importlib.metadata import version
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.io import MemoryDataset

from isd_pipeline.catalog.run_context import RunContext
from isd_pipeline.config.engine import read_engine
from isd_pipeline.config.experiments import shown_parameters
from isd_pipeline.config.reading import choose, read_config, refuse_unknown
from isd_pipeline.config.rows import own_row, system_of
from isd_pipeline.studies.closures import code_hash, code_of
from isd_pipeline.tracking import tracker as tracking
from isd_pipeline.tracking.nodes import log_outputs
from isd_pipeline.tracking.tracker import RunKey, Tracker, TrackingSettings, git_commit

RUN_PARAMETERS = ["cohort", "experiment", "seed", "table", "device", "jobs", "engine"]
SECTIONS = [
    *("cohorts", "profiles", "experiments", "renamed"),
    *("tables", "search", "paper", "paper_cohorts", "published"),
]
TRACKED = {"train", "evaluate", "table", "publish", "search"}
MADE_BY_SYSTEM = ("train", "evaluate", "search")
SHOWN_VERSIONS = ("isd-pipeline", "torch", "numpy", "scipy", "scikit-learn", "gensim")


class ParametersHook:
    """Refuses a misspelt run parameter, cohort or experiment before any node runs."""

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Check the names that every pipeline relies on."""
        parameters = context.params
        for name in parameters:
            refuse_unknown(name, RUN_PARAMETERS + SECTIONS, "--params")
        choose(parameters["cohort"], parameters["cohorts"], "conf/base/parameters_cohorts.yml")
        own_row(parameters, parameters["experiment"])
        read_engine(parameters.get("engine"))
        if not isinstance(parameters["seed"], int):
            raise ValueError(f"--params seed={parameters['seed']}: a seed is a whole number")


class TrackingHook:
    """Gives a run its context; opens its MLflow run and closes it as what it became."""

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
    def before_pipeline_run(self, run_params: dict[str, Any], catalog: Any) -> None:
        """Open the run that is logged into: a new one to train, the newest to evaluate.

        What makes many runs or none of its own (publish, search, table) opens them itself.
        """
        names = set(run_params.get("pipeline_names") or ["train"])
        catalog["run_context"] = MemoryDataset(self._context(names), copy_mode="assign")
        if not self._settings.uri or not names & TRACKED:
            return
        tracker = Tracker(self._settings)
        key = RunKey(*(self._parameters[name] for name in ("cohort", "experiment", "seed")))
        if "train" in names:
            shown = shown_parameters(self._parameters)
            # What a training that was killed must have in common with the one that goes on.
            text = json.dumps(shown, sort_keys=True, default=str)
            same = hashlib.sha256(text.encode()).hexdigest()[:16]
            tracker.start(key, shown, {"resume_key": same})
        elif "evaluate" in names:
            tracker.reopen(key)
        tracking.use(tracker)

    @hook_impl
    def after_node_run(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Log what a node gave, under the names by which MLflow shows it."""
        log_outputs(inputs, outputs)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """The run is done."""
        tracking.close("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """The run failed: say with what kind of error, never with its words."""
        tracking.tag({"failed_with": type(error).__name__})
        tracking.close("FAILED")

    def _context(self, names: set[str]) -> RunContext:
        """What the run knows of itself: by stage the hash of its code, the commit, versions."""
        stages = [stage for stage in MADE_BY_SYSTEM if stage in names]
        if not stages:
            return RunContext()
        systems = [system_of(self._parameters, self._parameters["experiment"])]
        code = {stage: code_hash(code_of([stage], systems)) for stage in stages}
        versions = {"python": platform.python_version()}
        versions |= {name: version(name) for name in SHOWN_VERSIONS}
        made_by = {"commit": git_commit(), "versions": versions}
        return RunContext(code, made_by, tracking.log_epoch)
