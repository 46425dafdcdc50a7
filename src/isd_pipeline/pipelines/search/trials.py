"""The trials of a search: Optuna suggests settings and cuts short what promises nothing.

A trial is the training that `train` would make of the same row, watched by Optuna.

Before every trial Optuna is told the finished ones anew, and its sampler is seeded with the
search's seed and the trial's number. So what comes next is a function of settings, seed and
finished trials, and a search that was killed goes on to the trials it would have made.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna import pruners, samplers
from optuna.trial import TrialState, create_trial

from isd_pipeline.config.experiments import Plan, read_plan, shown_parameters
from isd_pipeline.data.io.files import write_text
from isd_pipeline.evaluation.dev_figures import dev_figures
from isd_pipeline.pipelines.search.space import SearchSettings, searched
from isd_pipeline.predictors import network
from isd_pipeline.predictors.base import Options, TrainingData
from isd_pipeline.predictors.progress import Stopwatch
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.tracker import RunKey

logger = logging.getLogger(__name__)
Report = Callable[[int, float], None]  # takes an epoch, counted from 1, and the metric after it


@dataclass(frozen=True, kw_only=True)
class Tried:
    """A finished trial: `state` is complete, pruned, diverged (a loss not finite) or refused.

    Refused are settings that do not go together, though each fits alone. `values` are the
    settings by dotted name, `epochs` the metric after each epoch; `score`, of a complete trial,
    is the metric at the epoch that its training kept.
    """

    number: int
    state: str
    values: Mapping[str, Any]
    epochs: Sequence[float] = ()
    score: float | None = None


def go_on(
    settings: SearchSettings,
    seed: int,
    tried: Sequence[Tried],
    run: Callable[[optuna.Trial], Tried],
    keep: Callable[[Sequence[Tried]], None],
) -> list[Tried]:
    """Run the trials that are still missing; `keep` is given all of them after each."""
    trials = list(tried[: settings.wanted])
    while len(trials) < settings.wanted:
        trial = suggest(settings, seed, trials)
        name = f"trial {trial.number + 1} of {settings.wanted}"
        values = trial.params.items()
        shown = (f"{n}={v:.4g}" if isinstance(v, float) else f"{n}={v}" for n, v in values)
        logger.info("%s: %s", name, ", ".join(shown))
        trials.append(run(trial))
        keep(trials)
        one = trials[-1]
        score = "" if one.score is None else f", {settings.metric} {one.score:.4f}"
        logger.info("%s: %s after %d epochs%s", name, one.state, len(one.epochs), score)
    return trials


def suggest(settings: SearchSettings, seed: int, tried: Sequence[Tried]) -> optuna.Trial:
    """The next trial, its settings chosen."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: one.distribution for name, one in settings.space.items()}
    pruner: pruners.BasePruner = pruners.NopPruner()
    if rule := settings.pruning:  # Optuna counts steps from 0
        pruner = pruners.MedianPruner(rule.first_trials, rule.warm_up_epochs + 1)
    sampler = _sampler(settings, seed, len(tried))
    study = optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)
    for one in tried:  # what did not come to its end is pruned: the sampler keeps away from there
        study.add_trial(
            create_trial(
                state=TrialState.PRUNED if one.score is None else TrialState.COMPLETE,
                value=one.score,
                params=dict(one.values),
                distributions=distributions,
                intermediate_values=dict(enumerate(one.epochs, start=1)),
            )
        )
    return study.ask(distributions)


def run_trial(trial: optuna.Trial, train: Callable[[Report], float]) -> Tried:
    """Train once, telling Optuna of every epoch, and say what became of it."""
    epochs: list[float] = []

    def report(epoch: int, value: float) -> None:
        epochs.append(value)
        trial.report(value, step=epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    score, state = None, "complete"
    try:
        score = train(report)
    except optuna.TrialPruned:
        state = "pruned"
    except (FloatingPointError, ValueError) as error:
        logger.warning("trial %d: %s", trial.number + 1, error)
        state = "diverged" if isinstance(error, FloatingPointError) else "refused"
    return Tried(number=trial.number, state=state, values=trial.params, epochs=epochs, score=score)


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
        # A search is a family of runs beside its cohort's: trials compare with trials.
        family = f"{these['cohort']}: search of {self.parameters['experiment']}"
        key = RunKey(family, f"trial {trial.number + 1}", these["seed"])
        with tracking.part(key, shown_parameters(these), tags):
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


def best_of(tried: Sequence[Tried]) -> Tried:
    """The complete trial of the highest score, the first of equals."""
    complete = [(one.score, -one.number, one) for one in tried if one.score is not None]
    if not complete:
        raise ValueError(f"none of {len(tried)} trials came to its end: take a milder space")
    return max(complete)[2]


def table(tried: Sequence[Tried]) -> pd.DataFrame:
    """One row per trial: trial (from 1), state, score, epochs, then the settings tried."""
    return pd.DataFrame(
        {
            "trial": one.number + 1,
            "state": one.state,
            "score": one.score,
            "epochs": len(one.epochs),
            **one.values,
        }
        for one in tried
    )


def read_tried(path: Path) -> list[Tried]:
    """The trials that `write_tried` wrote; none where there is no file."""
    if not path.exists():
        return []
    return [Tried(**one) for one in json.loads(path.read_text(encoding="utf-8"))]


def write_tried(path: Path, tried: Sequence[Tried]) -> None:
    """All that a search goes on from, as JSON; settings keep the order of their space."""
    write_text(path, json.dumps([asdict(one) for one in tried], indent=1) + "\n")


def _sampler(settings: SearchSettings, seed: int, number: int) -> samplers.BaseSampler:
    if settings.sampler == "grid":  # trial n is point n of an order that the seed alone makes
        return samplers.GridSampler({n: one.choices for n, one in settings.space.items()}, seed)
    mixed = np.random.SeedSequence((seed, number)).generate_state(1)[0]
    return samplers.TPESampler(seed=int(mixed))
