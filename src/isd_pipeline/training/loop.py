"""The training loop. It owns no effect: no file, no clock, no tracker, no progress bar.

What it needs done it is given: `batches_of` makes (and may show) an epoch's batches, `validate`
scores the model on the development set, `record` takes an epoch's figures, `save_state` keeps
all that is needed to go on after a kill.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from isd_pipeline.training.batches import Batch
from isd_pipeline.training.transfer import HostCopy

Objective = Callable[[nn.Module, Batch], dict[str, Tensor]]
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


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train; the defaults are the paper's, or the authors' code's where it is silent.

    `patience` counts epochs without a better `metric` on the development set, after the warm-up.
    `bf16` holds on a GPU; a CPU always computes in fp32. `mention_notes` is the share of the
    mentions that an epoch also reads as short notes, each with `mention_context` words on either
    side (`training/mention_notes.py`). `keep: last` keeps the last epoch's weights and has no
    patience: for a training whose development documents train as well.
    """

    learning_rate: float | int = 3e-4
    weight_decay: float | int = 0.0
    batch_size: int = 32
    max_epochs: int = 200
    warm_up_epochs: float | int = 5
    schedule: str = "linear"  # to 0 at the end of max_epochs; or constant
    clip: float | int = 10.0  # of the norm of all gradients together
    patience: int = 10
    metric: str = "dev_f1_micro"
    max_tokens: int = 4000
    precision: str = "bf16"
    keep: str = "best"
    mention_notes: float | int = 0.0
    mention_context: int = 10

    def __post_init__(self) -> None:
        for name in ("learning_rate", "batch_size", "max_epochs", "clip", "patience", "max_tokens"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}={getattr(self, name)} must be above 0")
        for name in ("weight_decay", "warm_up_epochs", "mention_notes", "mention_context"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}={getattr(self, name)} must be 0 or more")
        choices = {"schedule": ("linear", "constant"), "precision": ("bf16", "fp32")}
        choices |= {"keep": ("best", "last")}
        for name, known in choices.items():
            if getattr(self, name) not in known:
                raise ValueError(f"{name}={getattr(self, name)!r} must be one of {known}")
        if self.mention_notes > 1:
            raise ValueError(f"mention_notes={self.mention_notes} is a share: 1 at most")
        if self.warm_up_epochs >= self.max_epochs:
            raise ValueError(
                f"warm_up_epochs={self.warm_up_epochs} leaves nothing of "
                f"max_epochs={self.max_epochs} to train at the full rate"
            )


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
    """

    epoch: int
    weights: Mapping[str, Tensor] = field(repr=False)
    optimizer: dict[str, Any] = field(repr=False)
    best: Best
    history: tuple[Figures, ...]


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

    Raises:
        FloatingPointError: a loss or gradient is not finite; the step was not made.
        ValueError: the optimizer is not a fused one, and would make such a step.
    """
    if not optimizer.defaults.get("fused"):
        raise ValueError("optimizer: only one made with fused=True leaves out an unsound step")
    epoch, best, history = _start(model, optimizer, resume)
    while epoch < config.max_epochs:
        if (
            config.keep == "best"
            and epoch - max(best.epoch, config.warm_up_epochs) >= config.patience
        ):
            break
        epoch += 1
        torch.manual_seed(_mixed(seed, epoch))
        batches = batches_of(epoch)
        figures = train_epoch(model, batches, objective, optimizer, config, weights, epoch)
        figures |= validate(model)
        score = _score(figures, config.metric, epoch)
        if config.keep == "last" or score > best.score:
            state = model.state_dict()
            best = Best(score, epoch, {k: v.detach().clone().cpu() for k, v in state.items()})
        history = (*history, figures)
        record(epoch, figures)
        if save_state is not None:
            save_state(State(epoch, model.state_dict(), optimizer.state_dict(), best, history))
    return Trained(best, history)


def train_epoch(
    model: nn.Module,
    batches: SizedBatches,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    weights: Mapping[str, float | int],
    epoch: int,
) -> Figures:
    """One pass over the batches; the mean of every loss term, of their weighted sum, of the norm.

    Figures stay on the device until the epoch's end. The host hears a step late that one was not
    sound, and so was not made, and then raises: a GPU never waits for the question.
    """
    sums: dict[str, Tensor] = {}
    rate, before = 0.0, None
    model.train()
    for number, batch in enumerate(batches, start=1):
        rate = learning_rate(config, epoch - 1 + (number - 1) / len(batches), 1 / len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("rate_factor", 1.0)
        with _explained(batch, epoch, number):
            figures, is_unsound = train_step(model, batch, objective, optimizer, config, weights)
        _refuse_unsound(before)
        before = (f"epoch {epoch}, batch {number}", figures, HostCopy(is_unsound))
        for name, value in figures.items():
            sums[name] = sums.get(name, 0.0) + value.double()
    _refuse_unsound(before)
    if not sums:
        raise ValueError("there is no training document: no batch to train on")
    return {name: value.item() / number for name, value in sums.items()} | {"learning_rate": rate}


def train_step(
    model: nn.Module,
    batch: Batch,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    weights: Mapping[str, float | int],
) -> tuple[dict[str, Tensor], Tensor]:
    """Make one step, unless its loss or gradient is not finite, which the optimizer finds out.

    Gives the loss terms, their weighted sum `loss` and the `gradient_norm`, and whether the step
    was left out, all on the device. The step itself reads nothing back from there.
    """
    device = next(model.parameters()).device
    optimizer.zero_grad()
    with autocast(device, config.precision):
        losses = objective(model, batch.to(device))
    losses = {**losses, "loss": weighted(losses, weights)}  # Eq. 15
    losses["loss"].backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip)
    is_unsound = ~(losses["loss"].detach() + norm).isfinite()
    optimizer.found_inf = is_unsound.float()  # type: ignore[attr-defined]
    optimizer.step()
    figures = {**losses, "gradient_norm": norm}
    return {name: value.detach() for name, value in figures.items()}, is_unsound


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


def weighted(losses: Mapping[str, Tensor], weights: Mapping[str, float | int]) -> Tensor:
    """The weighted sum of the loss terms, Eq. 15 of ISD."""
    for name in losses:
        if name not in weights:
            raise ValueError(f"loss '{name}' has no weight; there are weights for {list(weights)}")
    return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


def autocast(device: torch.device, precision: str) -> AbstractContextManager[None]:
    """bf16 matrix products where a GPU can have them and the precision asks for it."""
    enabled = precision == "bf16" and device.type == "cuda"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


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


def _refuse_unsound(step: tuple[str, Mapping[str, Tensor], HostCopy] | None) -> None:
    """Tell of a step that was not made: which, and its figures."""
    if step is None or not step[2].wait():
        return
    which, figures, _ = step
    terms = ", ".join(f"{n.replace('_', ' ')} {value.item():.6g}" for n, value in figures.items())
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
