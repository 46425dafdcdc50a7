"""One trial: the training that `train` would make of the same row, watched by Optuna."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.experiments import Plan, read_plan, shown_parameters
from isd_pipeline.pipelines.search.space import searched
from isd_pipeline.pipelines.search.trials import Report, Tried, run_trial
from isd_pipeline.pipelines.train.watching import Progress, Stopwatch, validation
from isd_pipeline.tracking import tracker as tracking

if TYPE_CHECKING:
    import optuna
    import torch

    from isd_pipeline.models.system import Initialisation
    from isd_pipeline.text.documents import Documents

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bench:
    """What all trials of a search have in common; `search` names it to MLflow."""

    documents: Mapping[str, Documents]
    start: Callable[[], Initialisation]
    parameters: Mapping[str, Any]
    metric: str
    device: torch.device
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
            tried = run_trial(trial, partial(self.train, plan, self.start()))
            tracking.tag({"state": tried.state})
            if tried.score is not None:
                tracking.log({"search/score": tried.score})
        return tried

    def train(self, plan: Plan, start: Initialisation, report: Report) -> float:
        """Train, and give the metric at the epoch whose weights would be kept."""
        import torch

        from isd_pipeline.training.loop import make_optimizer, train

        torch.manual_seed(self.parameters["seed"])
        model = plan.system.make_model(plan.model, start).to(self.device)
        objective = plan.system.make_objective(plan.objective, start)
        progress = Progress(self.documents["train"], plan, objective, self.parameters["seed"])
        trained = train(
            model,
            progress.batches_of,
            progress.objective,
            make_optimizer(model, plan.training),
            plan.training,
            weights=plan.objective.weights,
            validate=validation(self.documents["dev"], len(start.codes), plan),
            record=self._recording(plan, report),
            seed=self.parameters["seed"],
        )
        return trained.history[trained.best.epoch - 1][self.metric]

    def _recording(self, plan: Plan, report: Report) -> Callable[[int, Mapping[str, float]], None]:
        watch = Stopwatch(plan.training.max_epochs, self.device)

        def record(epoch: int, figures: Mapping[str, float]) -> None:
            watch.record(epoch, figures)
            report(epoch, figures[self.metric])

        return record

    def _run_key(self, trial: optuna.Trial) -> tracking.RunKey:
        """A search is a family of runs beside its cohort's: trials compare with trials."""
        family = f"{self.parameters['cohort']}: search of {self.parameters['experiment']}"
        return tracking.RunKey(family, f"trial {trial.number + 1}", self.parameters["seed"])
