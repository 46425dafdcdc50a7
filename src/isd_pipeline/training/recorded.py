"""Steps that a GPU repeats by itself: recorded at the second batch of a shape, replayed after it.

A step of ISD is some thousand small operations, and a host takes longer to start them one by one
than a GPU takes to do them. A CUDA graph starts all of them at once. It repeats what was recorded
on the same places of memory, so nothing recorded may depend on a batch's shape or be read by the
host. The host has one say in a step, the assignment; before, between and after it lie three pieces.

On a CPU the same pieces are called one by one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from isd_pipeline.training.batches import Batch, in_few_shapes, rung
from isd_pipeline.training.graphs import CudaGraphs, OneByOne, Piece, Recorder
from isd_pipeline.training.parts import Cut, Losses
from isd_pipeline.training.settings import TrainingConfig
from isd_pipeline.training.step import autocast, update, weighted
from isd_pipeline.training.transfer import HostCopy, each, send, tensors

Thing = TypeVar("Thing")
END = object()


@runtime_checkable
class Staged(Protocol):
    """An objective whose losses are made in stages, with at most one question to the host."""

    def in_stages(self, model: nn.Module) -> bool:
        """Whether it is so with this model."""

    def lay(self, batch: Batch, size: Callable[[int], int]) -> tuple[Any, ...]:
        """Make on the host what a step reads: tensors in tuples, their lengths by `size`."""

    def begin(self, model: nn.Module, laid: Any) -> tuple[Any, Tensor | None]:
        """Give what the later stages need, and what the host is to look at."""

    def go_on(self, model: nn.Module, laid: Any, begun: Any) -> Losses:
        """Give the losses that need no answer."""

    def answer(self, asked: HostCopy) -> Tensor:
        """Wait for the copy and give the host's answer, on the host."""

    def finish(self, laid: Any, asked: Tensor, answer: Tensor) -> Losses:
        """Give the losses that needed it."""


@dataclass
class RecordedSteps:
    """Makes the steps of one training; called with a batch, it gives what `train_step` gives."""

    model: nn.Module
    objective: Staged
    optimizer: torch.optim.Optimizer
    config: TrainingConfig
    weights: Mapping[str, float | int]
    recorder: Recorder
    rates: list[Tensor] = field(init=False)
    steps: dict[tuple[torch.Size, ...], _Step] = field(init=False, default_factory=dict)

    @classmethod
    def of(
        cls,
        model: nn.Module,
        objective: Any,
        optimizer: torch.optim.Optimizer,
        config: TrainingConfig,
        weights: Mapping[str, float | int],
        cut: Cut,
    ) -> RecordedSteps:
        """With what the model's device has; a ValueError if such steps cannot be recorded."""
        if not cut.is_whole:
            raise ValueError("graphs: batches in parts, or draws: example, go with graphs: false")
        if not isinstance(objective, Staged) or not objective.in_stages(model):
            raise ValueError(
                f"graphs: steps of {type(model).__name__} with these losses are not recorded, but "
                "those of the system isd with a teacher or completion tasks: set graphs: false"
            )
        on_gpu = next(model.parameters()).is_cuda
        recorder = CudaGraphs() if on_gpu else OneByOne()
        return cls(model, objective, optimizer, config, weights, recorder)

    def __post_init__(self) -> None:
        device = next(self.model.parameters()).device
        self.rates = [torch.zeros((), device=device) for _ in self.optimizer.param_groups]

    def ahead(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """The batches in few shapes, with all that the host makes of them; for a GPU, ahead.

        The thread that makes them draws from torch's generator of the host, which a step on a GPU
        does not touch: the draws are those of a training without it.
        """
        laid = map(self._laid, batches)
        return made_ahead(laid) if next(self.model.parameters()).is_cuda else laid

    def __call__(self, batch: Batch) -> tuple[Losses, Tensor]:
        """Make the step of a batch: one by one, recording, or by the recording of its shape."""
        for rate, group in zip(self.rates, self.optimizer.param_groups, strict=True):
            rate.fill_(group["lr"])
        shape = tuple(one.shape for one in tensors(batch.laid))
        with self.recorder.aside():
            if shape not in self.steps:
                first = self.steps[shape] = _Step(self)
                first.read(batch.laid)
                return self._made(first, lambda piece: piece())
            step = self.steps[shape]
            step.read(batch.laid)
            return self._made(step, step.replay if step.recorded else step.record)

    def _laid(self, batch: Batch) -> Batch:
        batch = in_few_shapes(batch)
        laid = self.objective.lay(batch, rung)
        if next(self.model.parameters()).is_cuda:
            laid = each(Tensor.pin_memory, laid)
        return replace(batch, laid=laid)

    def _made(self, step: _Step, call: Callable[[Piece], None]) -> tuple[Losses, Tensor]:
        """A step's pieces, and the host's answer while the second of them is computed."""
        call(step.begin)
        copied = None if step.asked is None else HostCopy(step.asked)
        call(step.go_on)
        if copied is not None:
            step.hear(self.objective.answer(copied))
        call(step.finish)
        return step.end()


class _Step:
    """The pieces of a step of one shape, and the places in memory that they read and write."""

    def __init__(self, training: RecordedSteps) -> None:
        self.of, self.recorded = training, dict[str, Piece]()
        self.device = training.rates[0].device
        self.laid: Any = None
        self.begun: Any = None
        self.asked: Tensor | None = None
        self.answer: Tensor | None = None
        self.losses: Losses = {}
        self.made: tuple[Losses, Tensor] | None = None

    def read(self, laid: Any) -> None:
        """Put a batch where the pieces read it."""
        if self.laid is None:
            self.laid = each(partial(send, device=self.device), laid)
            return
        for old, new in zip(tensors(self.laid), tensors(laid), strict=True):
            old.copy_(new, non_blocking=True)

    def hear(self, answer: Tensor) -> None:
        """Put the host's answer where the last piece reads it."""
        if self.answer is None:
            self.answer = torch.empty_like(answer, device=self.device)
        self.answer.copy_(send(answer, self.device), non_blocking=True)

    def record(self, piece: Piece) -> None:
        """Do a piece so that it can be replayed."""
        self.recorded[piece.__name__] = self.of.recorder(piece)

    def replay(self, piece: Piece) -> None:
        """Do a piece again."""
        self.recorded[piece.__name__]()

    def begin(self) -> None:
        """Read note and descriptions, up to what the host is asked."""
        self.of.optimizer.zero_grad()
        with autocast(self.device, self.of.config.precision):
            self.begun, self.asked = self.of.objective.begin(self.of.model, self.laid)

    def go_on(self) -> None:
        """Make the losses that need no answer."""
        with autocast(self.device, self.of.config.precision):
            self.losses = self.of.objective.go_on(self.of.model, self.laid, self.begun)

    def finish(self) -> None:
        """Make the other losses and the gradients, and change the weights."""
        losses, weights = self.losses, self.of.weights
        with autocast(self.device, self.of.config.precision):
            if self.asked is not None and self.answer is not None:
                losses |= self.of.objective.finish(self.laid, self.asked, self.answer)
        losses = {name: losses[name] for name in weights if name in losses}
        losses["loss"] = weighted(losses, weights)
        losses["loss"].backward()
        losses = {name: loss.detach() for name, loss in losses.items()}
        with _rates_read_on_device(self.of.optimizer, self.of.rates):
            self.made = update(self.of.model, self.of.optimizer, losses, self.of.config.clip)

    def end(self) -> tuple[Losses, Tensor]:
        """Give the step's figures, and forget what the gradient was made of: its memory is free."""
        self.begun, self.losses = None, {}
        self.asked = None if self.asked is None else self.asked.detach()
        assert self.made is not None
        return self.made


@contextmanager
def _rates_read_on_device(optimizer: torch.optim.Optimizer, rates: list[Tensor]) -> Iterator[None]:
    """Let a step read its rates where a recording finds them; the groups keep their numbers."""
    groups = optimizer.param_groups
    before = [(group["lr"], group["capturable"]) for group in groups]
    for group, rate in zip(groups, rates, strict=True):
        group.update(lr=rate, capturable=rate.is_cuda and torch.cuda.is_current_stream_capturing())
    try:
        yield
    finally:
        for group, (rate, capturable) in zip(groups, before, strict=True):
            group.update(lr=rate, capturable=capturable)


def made_ahead(things: Iterable[Thing], n: int = 2) -> Iterator[Thing]:
    """The same in the same order; a thread makes the next ones while one is used."""
    source = iter(things)
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, source, END) for _ in range(n))
        while (one := waiting.popleft().result()) is not END:
            waiting.append(thread.submit(next, source, END))
            yield one  # type: ignore[misc]
