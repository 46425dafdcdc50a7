"""What happens around a run: parameters are checked before it, MLflow is told during it."""

import hashlib
import json
import logging
import platform
import signal
from importlib.metadata import version
from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader
from kedro.framework.hooks import hook_impl
from kedro.io import MemoryDataset

from isd_pipeline.catalog.at_work import AtWork
from isd_pipeline.catalog.datasets import places
from isd_pipeline.catalog.own_record import IN_GIT, OWN
from isd_pipeline.catalog.room import refuse_full_disk_before
from isd_pipeline.catalog.run_context import RunContext
from isd_pipeline.config.engine import read_engine
from isd_pipeline.config.experiments import shown_parameters
from isd_pipeline.config.loading import (
    BASE_ALONE,
    FILES,
    refuse_misplaced,
    refuse_unwatched,
)
from isd_pipeline.config.names import refuse_name
from isd_pipeline.config.reading import choose, read_config, refuse_unknown
from isd_pipeline.config.rows import own_row, system_of
from isd_pipeline.config.sizes import refuse_uncounted, with_sizes
from isd_pipeline.pipelines.by_name import stages_of
from isd_pipeline.studies.closures import code_hash, code_of
from isd_pipeline.studies.cost import told_before
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.nodes import log_outputs
from isd_pipeline.tracking.tracker import RunKey, Tracker, TrackingSettings, git_commit
from isd_pipeline.training.ranks import ProcessLostError, here

LOG = logging.getLogger(__name__)
RUN_PARAMETERS = ["cohort", "experiment", "seed", "table", "results", "device", "jobs", "engine"]
TRACKED = {"train", "evaluate", "table", "report", "publish", "search"}
MADE_BY_SYSTEM = ("train", "evaluate", "search")
SHOWN_VERSIONS = ("isd-pipeline", "torch", "numpy", "scipy", "scikit-learn", "gensim")


class ParametersHook:
    """Refuses before any node runs what would fail later; waits where another is at the same.

    What follows from a cohort's size is put into the parameters, before another hook reads them.
    """

    def __init__(self) -> None:
        self._parameters: dict[str, Any] = {}
        self._project = Path()
        self._at_work = AtWork()

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: Any) -> None:
        """Check the names that every pipeline relies on."""
        parameters = context.params
        for name in parameters:
            refuse_unknown(name, [*RUN_PARAMETERS, *FILES], "--params")
        for name in ("cohort", "experiment", "table"):
            refuse_name(parameters[name], f"--params {name}={parameters[name]}")
        choose(parameters["cohort"], parameters["cohorts"], "conf/base/parameters_cohorts.yml")
        own_row(parameters, parameters["experiment"])
        read_engine(parameters.get("engine"))
        refuse_unknown(parameters["results"], [IN_GIT, OWN], "--params results")
        if not isinstance(parameters["seed"], int):
            raise ValueError(f"--params seed={parameters['seed']}: a seed is a whole number")
        _refuse_other_configuration(context)
        self._project = Path(context.project_path)
        sized = with_sizes(parameters, self._project)
        if told := sized.told.get(parameters["cohort"]):
            context.config_loader["parameters"] = sized.parameters
            LOG.info("%s", told)
        self._parameters = sized.parameters

    @hook_impl(tryfirst=True)  # before MLflow is told of a run that may have to wait
    def before_pipeline_run(self, run_params: dict[str, Any]) -> None:
        """Look for what would stop the stage only when its work is done; say what takes long."""
        names = stages_of(run_params.get("pipeline_names"))
        refuse_uncounted(names, self._parameters, self._project)
        refuse_full_disk_before(names, self._parameters)
        for line in told_before(names, self._parameters):
            LOG.info("%s", line)
        self._at_work.take(names, self._parameters)

    @hook_impl
    def after_pipeline_run(self, pipeline: Any, catalog: Any) -> None:
        """Let others work on the same; say where the results are."""
        self._at_work.let_go()
        written = [catalog[name] for name in pipeline.all_outputs() if name in catalog]
        if found := places(written, Path.cwd()):
            LOG.info("written: %s", ", ".join(found))

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Likewise."""
        self._at_work.let_go()


class ProcessesHook:
    """Of the processes that torchrun starts for a training, the first alone logs and writes."""

    @hook_impl
    def after_context_created(self) -> None:
        """Leave what all would say to the first process; an error is told by whoever has one."""
        if not here().is_first:
            logging.disable(logging.WARNING)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Refuse what processes cannot share; let the others keep what the first one writes."""
        ranks = here()
        if ranks.count == 1:
            return
        if {*stages_of(run_params.get("pipeline_names"))} != {"train"}:
            raise ValueError(
                f"torchrun started {ranks.count} processes, and only a training can share its work "
                "between them: run --pipelines=train with it, and the rest without"
            )
        for name in () if ranks.is_first else pipeline.all_outputs():
            catalog[name] = MemoryDataset(copy_mode="assign")


def _refuse_other_configuration(context: Any) -> None:
    """Raise a ValueError unless this run is told what DVC reads in the project's conf/base."""
    loader, conf = context.config_loader, Path(context.project_path) / "conf"
    env = Path(loader.conf_source) / (loader.env or loader.default_run_env)
    refuse_misplaced(conf)
    refuse_unwatched(context.params, conf, env, loader.runtime_params)
    if env.parent.resolve() == conf.resolve() and not any(env.glob("**/catalog*")):
        return
    base = OmegaConfigLoader(str(conf), runtime_params=loader.runtime_params, **BASE_ALONE)
    if loader["catalog"] != base["catalog"]:
        raise ValueError(f"{env}: a catalog other than conf/base/catalog.yml, by which DVC goes")


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
        names = set(stages_of(run_params.get("pipeline_names")))
        catalog["run_context"] = MemoryDataset(self._context(names), copy_mode="assign")
        if not self._settings.uri or not names & TRACKED or not here().is_first:
            return
        tracking.use(Tracker(self._settings))
        key = RunKey.of(self._parameters)
        if "train" in names:
            shown = shown_parameters(self._parameters)
            # What a training that was killed must have in common with the one that goes on.
            text = json.dumps(shown, sort_keys=True, default=str)
            same = hashlib.sha256(text.encode()).hexdigest()[:16]
            tracking.start(key, shown, {"resume_key": same})
        elif "evaluate" in names:
            tracking.reopen(key)

    @hook_impl
    def after_node_run(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Log what a node gave, under the names by which MLflow shows it."""
        log_outputs(inputs, outputs, self._parameters)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """The run is done."""
        tracking.close("FINISHED")

    @hook_impl
    def on_pipeline_error(self, error: Exception) -> None:
        """The run failed: say with what kind of error, never with its words.

        A training that lost one of its processes counts as killed: it is gone on with. torchrun
        ends what is left of it, but not while MLflow's database is being written.
        """
        if here().count > 1:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tracking.tag({"failed_with": type(error).__name__})
        tracking.close("KILLED" if isinstance(error, ProcessLostError) else "FAILED")

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
