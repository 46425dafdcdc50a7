"""One trial: the training that `train` would make of the same row, watched by Optuna."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import optuna

from isd_pipeline.config.experiments import Plan, read_plan, shown_parameters
from isd_pipeline.evaluation.dev_figures import dev_figures
from isd_pipeline.pipelines.search.space import searched
from isd_pipeline.pipelines.search.trials import Report, Tried, run_trial
from isd_pipeline.predictors import network
from isd_pipeline.predictors.base import Options, TrainingData
from isd_pipeline.predictors.progress import Stopwatch
from isd_pipeline.tracking import tracker as tracking

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bench:
    """What all trials of a search have in common; `search` names it to MLflow."""

    data: TrainingData
    parameters: Mapping[str, Any]
    metric: str
    search: str

    def try_out(self, trial: optuna.Trial) -> Tried:
        """One trial, in an MLflow run of its own."""
        these = searched(self.parameters, trial.params)
        try:
            plan = read_plan(these)
        except ValueError as error:
            logger.warning("trial %d: %s", trial.number + 1, error)
            return Tried(number=trial.number, state="refused", values=trial.params)
        tags = {"resume_key": f"{self.search}-{trial.number}"}
        with tracking.part(self._run_key(trial), shown_parameters(these), tags):
            tried = run_trial(trial, partial(self.train, plan))
            tracking.tag({"state": tried.state})
            if tried.score is not None:
                tracking.log({"search/score": tried.score})
        return tried

    def train(self, plan: Plan, report: Report) -> float:
        """Train, and give the metric at the epoch whose weights would be kept."""
        seed, device, jobs = (self.parameters[name] for name in ("seed", "device", "jobs"))
        options = Options(seed=seed, dev_figures=dev_figures, device=device, jobs=jobs)
        prepared = network.prepare(plan.system, plan.sections, self.data, options)
        watch = Stopwatch(plan.sections["training"].max_epochs, prepared.device, tracking.log_epoch)

        def record(epoch: int, figures: Mapping[str, float]) -> None:
            watch.record(epoch, figures)
            report(epoch, figures[self.metric])

        trained = network.optimise(prepared, plan.system, plan.sections, self.data, options, record)
        return trained.history[trained.best.epoch - 1][self.metric]

    def _run_key(self, trial: optuna.Trial) -> tracking.RunKey:
        """A search is a family of runs beside its cohort's: trials compare with trials."""
        family = f"{self.parameters['cohort']}: search of {self.parameters['experiment']}"
        return tracking.RunKey(family, f"trial {trial.number + 1}", self.parameters["seed"])
