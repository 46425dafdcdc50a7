"""The training loop. It owns no effect: no file, no clock, no tracker, no progress bar.

What it needs done it is given: `batches_of` makes (and may show) an epoch's batches, `validate`
scores the model on the development set, `record` takes an epoch's figures, `save_state` keeps
all that is needed to go on after a kill.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from isd_pipeline.training.batches import Batch
from isd_pipeline.training.parts import Cut, refuse_whole_batch_norms
from isd_pipeline.training.recorded import RecordedSteps
from isd_pipeline.training.settings import TrainingConfig
from isd_pipeline.training.step import WHOLE, Objective, train_step
from isd_pipeline.training.transfer import HostCopy

Figures = dict[str, float]


@runtime_checkable
class SizedBatches(Protocol):
    """The batches of an epoch, and how many they are."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Batch]: ...


@runtime_checkable
class OwnRates(Protocol):
    """A module whose parameters learn at rates of their own."""

    def rate_factors(self) -> Mapping[str, float]:
        """By what the learning rate of each parameter is multiplied, by its name."""
        ...


@dataclass(frozen=True)
class Best:
    """The weights of the epoch that scored highest on the development set, on the CPU."""

    score: float = -math.inf
    epoch: int = 0
    weights: Mapping[str, Tensor] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class State:
    """All that the next epoch depends on, after `epoch`; with (seed, epoch) it fixes the rest.

    `weights` and `optimizer` are the living tensors: write them out before training goes on.
    `ranks` is how many processes made it.
    """

    epoch: int
    weights: Mapping[str, Tensor] = field(repr=False)
    optimizer: dict[str, Any] = field(repr=False)
    best: Best
    history: tuple[Figures, ...]
    ranks: int = 1


@dataclass(frozen=True)
class Trained:
    """The best weights, and the figures of every epoch in order."""

    best: Best
    history: tuple[Figures, ...]


def train(
    model: nn.Module,
    batches_of: Callable[[int], SizedBatches],
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    *,
    weights: Mapping[str, float | int],
    validate: Callable[[nn.Module], Mapping[str, float]],
    record: Callable[[int, Figures], None],
    seed: int,
    resume: State | None = None,
    save_state: Callable[[State], None] | None = None,
    cut: Cut = WHOLE,
) -> Trained:
    """Train until `validate` has not improved for `config.patience` epochs, or to the end.

    An epoch is a function of (weights, optimizer, seed, epoch), so that a training that goes on
    from `resume` makes the same steps as one that was never interrupted.

    Args:
        model: on the device where it is to be trained.
        batches_of: the batches of an epoch, counted from 1.
        objective: the loss terms of a batch, each unweighted.
        optimizer: of the model's parameters, a fused one; its rate is set at every step.
        config: how to train.
        weights: of each loss term in the sum, Eq. 15.
        validate: figures of the model; `config.metric`, the higher the better, is among them.
        record: takes the epoch and its figures: loss terms, rate, gradient norm, validation.
        seed: with the epoch, seeds torch at the start of every epoch.
        resume: where an earlier training stood.
        save_state: called at the end of every epoch.
        cut: how batches are cut. Every process of a training calls this, and `validate` gives all
            of them the same figures.

    Raises:
        FloatingPointError: a loss or gradient is not finite; the step was not made.
        ValueError: the optimizer is not a fused one, and would make such a step; or the model
            cannot learn from parts of a batch.
        ProcessLostError: another process of the training has ended.
    """
    if not optimizer.defaults.get("fused"):
        raise ValueError("optimizer: only one made with fused=True leaves out an unsound step")
    refuse_whole_batch_norms(model, cut)
    epoch, best, history = _start(model, optimizer, resume)
    recorded = None
    if config.graphs:
        recorded = RecordedSteps.of(model, objective, optimizer, config, weights, cut)
    cut.ranks.copy_first([*model.state_dict().values()])
    while epoch < config.max_epochs:
        if (
            config.keep == "best"
            and epoch - max(best.epoch, config.warm_up_epochs) >= config.patience
        ):
            break
        epoch += 1
        torch.manual_seed(_mixed(seed, epoch))
        given = (batches_of(epoch), objective, optimizer, config, weights, epoch, cut, recorded)
        figures = train_epoch(model, *given)
        figures |= validate(model)
        score = _score(figures, config.metric, epoch)
        if config.keep == "last" or score > best.score:
            state = model.state_dict()
            best = Best(score, epoch, {k: v.detach().clone().cpu() for k, v in state.items()})
        history = (*history, figures)
        record(epoch, figures)
        if save_state is not None:
            kept = (model.state_dict(), optimizer.state_dict(), best, history)
            save_state(State(epoch, *kept, cut.ranks.count))
    return Trained(best, history)


def train_epoch(
    model: nn.Module,
    batches: SizedBatches,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    weights: Mapping[str, float | int],
    epoch: int,
    cut: Cut = WHOLE,
    recorded: RecordedSteps | None = None,
) -> Figures:
    """One pass over the batches; the mean of every loss term, of their weighted sum, of the norm.

    Figures stay on the device until the epoch's end. The host hears a step late that one was not
    sound, and so was not made, and then raises: a GPU never waits for the question. `recorded`
    makes the steps where it is given.
    """
    names, sums, rate, before = list[str](), None, 0.0, None
    model.train()
    for number, batch in enumerate(recorded.ahead(batches) if recorded else batches, start=1):
        rate = learning_rate(config, epoch - 1 + (number - 1) / len(batches), 1 / len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("rate_factor", 1.0)
        with _explained(batch, epoch, number):
            if recorded:
                figures, is_unsound = recorded(batch)
            else:
                made = (model, batch, objective, optimizer, config, weights, cut)
                figures, is_unsound = train_step(*made)
        _refuse_unsound(before)
        names, values = list(figures), torch.stack([*figures.values()]).double()
        before = (f"epoch {epoch}, batch {number}", names, values, HostCopy(is_unsound))
        sums = values if sums is None else sums + values
    _refuse_unsound(before)
    if sums is None:
        raise ValueError("there is no training document: no batch to train on")
    means = {name: total / number for name, total in zip(names, sums.tolist(), strict=True)}
    return means | {"learning_rate": rate}


def learning_rate(config: TrainingConfig, done: float, step: float) -> float:
    """The rate of a step that begins after `done` epochs and is `step` of an epoch long.

    It rises from the first step on to its full height at the end of the warm-up, then stays
    there or falls to 0 at the end of the last epoch. No step has rate 0.
    """
    factor = 1.0
    if config.warm_up_epochs:
        factor = min(factor, (done + step) / config.warm_up_epochs)
    if config.schedule == "linear":
        left = config.max_epochs - config.warm_up_epochs
        factor = min(factor, (config.max_epochs - done) / left)
    return config.learning_rate * factor


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Optimizer:
    """Adam over the parameters that are trained; weight decay, if any, is decoupled.

    Parameters whose rate is multiplied by the same factor are one group, which keeps it.
    """
    factors = _rate_factors(model)
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(factors.get(name, 1.0), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": group, "rate_factor": factor} for factor, group in groups.items()],
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=True,
    )


def _start(
    model: nn.Module, optimizer: torch.optim.Optimizer, resume: State | None
) -> tuple[int, Best, tuple[Figures, ...]]:
    """Where training begins: at nothing, or with everything put back as it stood."""
    if resume is None:
        return 0, Best(), ()
    model.load_state_dict(dict(resume.weights))
    optimizer.load_state_dict(resume.optimizer)
    return resume.epoch, resume.best, resume.history


def _mixed(seed: int, epoch: int) -> int:
    """One seed of two: neighbouring seeds and epochs share no draws."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1, np.uint64)[0])


def _score(figures: Figures, metric: str, epoch: int) -> float:
    if metric not in figures:
        raise ValueError(f"metric={metric!r} is not among the figures: {', '.join(figures)}")
    if not math.isfinite(figures[metric]):
        raise ValueError(f"epoch {epoch}: {metric} is {figures[metric]}, so no epoch can be best")
    return figures[metric]


def _rate_factors(model: nn.Module) -> dict[str, float]:
    """By what the rate of each parameter is multiplied, of those that their module tells of."""
    return {
        f"{path}.{name}" if path else name: factor
        for path, module in model.named_modules()
        if isinstance(module, OwnRates)
        for name, factor in module.rate_factors().items()
    }


def _refuse_unsound(step: tuple[str, list[str], Tensor, HostCopy] | None) -> None:
    """Tell of a step that was not made: which, and its figures."""
    if step is None or not step[3].wait():
        return
    which, names, values, _ = step
    figures = zip(names, values.tolist(), strict=True)
    terms = ", ".join(f"{name.replace('_', ' ')} {value:.6g}" for name, value in figures)
    raise FloatingPointError(
        f"{which}: {terms}: not finite, so the step was not made; a lower learning_rate or "
        "precision fp32 may help"
    )


@contextmanager
def _explained(batch: Batch, epoch: int, number: int) -> Iterator[None]:
    """Say which batch a GPU had no room for."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        notes, tokens = batch.tokens.shape
        raise torch.OutOfMemoryError(
            f"epoch {epoch}, batch {number}: {notes} notes of up to {tokens} tokens do not fit "
            f"the GPU; lower batch_size or max_tokens ({error})"
        ) from None
