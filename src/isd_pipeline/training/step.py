"""One step: losses, gradients, a change of the weights. Nothing is read back from the device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from isd_pipeline.training.batches import Batch
from isd_pipeline.training.parts import Cut, Losses, Shares, in_parts
from isd_pipeline.training.settings import TrainingConfig

Objective = Callable[[nn.Module, Batch], Losses]
WHOLE = Cut()  # the plain loop: one process, one part


def train_step(
    model: nn.Module,
    batch: Batch,
    objective: Objective,
    optimizer: torch.optim.Optimizer,
    config: TrainingConfig,
    weights: Mapping[str, float | int],
    cut: Cut = WHOLE,
) -> tuple[Losses, Tensor]:
    """Make one step, unless its loss or gradient is not finite, which the optimizer finds out.

    Gives the loss terms, their weighted sum `loss` and the `gradient_norm`, and whether the step
    was left out, all on the device. The step itself reads nothing back from there.
    """
    optimizer.zero_grad()

    def backward(part: Batch, shares: Shares | None = None) -> Losses:
        return _backward(model, part, objective, config.precision, weights, shares)

    if cut.is_whole:
        losses = backward(batch)
    else:
        losses = in_parts(cut, batch, model, [*weights, "loss"], backward)
    return update(model, optimizer, losses, config.clip)


def update(
    model: nn.Module, optimizer: torch.optim.Optimizer, losses: Losses, clip: float | int
) -> tuple[Losses, Tensor]:
    """Change the weights by their gradients, unless the loss or a gradient is not finite.

    Gives the losses with the `gradient_norm`, and whether the weights were left as they are.
    """
    norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
    is_unsound = ~(losses["loss"] + norm).isfinite()
    optimizer.found_inf = is_unsound.float()  # type: ignore[attr-defined]
    optimizer.step()
    return {**losses, "gradient_norm": norm.detach()}, is_unsound


def _backward(
    model: nn.Module,
    batch: Batch,
    objective: Objective,
    precision: str,
    weights: Mapping[str, float | int],
    shares: Shares | None,
) -> Losses:
    """Add the gradients of a batch, or of the `shares` that a part has in its whole's losses.

    Gives the loss terms and their weighted sum `loss`.
    """
    device = next(model.parameters()).device
    with autocast(device, precision):
        losses = objective(model, batch.to(device))
    if shares is not None:
        losses = {name: loss * shares.of(name) for name, loss in losses.items()}
    losses = {**losses, "loss": weighted(losses, weights)}  # Eq. 15
    losses["loss"].backward()
    return {name: loss.detach() for name, loss in losses.items()}


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
