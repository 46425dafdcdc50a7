"""A GPU computes what a CPU does: scores, losses, gradients; and in bf16 it learns as well.

Without a GPU the CPU stands for it, so that a fault of these tests shows anywhere.
"""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from isd_pipeline.models.registry import load
from isd_pipeline.training.batches import Batch
from isd_pipeline.training.loop import make_optimizer
from isd_pipeline.training.settings import TrainingConfig
from isd_pipeline.training.step import train_step
from tests.models.test_systems import NAMES, model_of, notes, start_of, systems

close = torch.testing.assert_close
THERE = "cuda" if torch.cuda.is_available() else "cpu"
EXACT = {"atol": 1e-9, "rtol": 1e-7}  # of double precision: no TF32, and sums in another order
GOLD = torch.tensor([[0, 2], [1, -1], [5, -1]])
LEARNERS = (
    NAMES if THERE == "cuda" else ["isd", "bi_gru"]
)  # a CPU's own learning is tested elsewhere


def on_both(name: str) -> tuple[nn.Module, nn.Module]:
    """In training, but without dropout."""
    model = model_of(name, dropout=0.0).double().train()
    for part in model.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
        if isinstance(part, nn.RNNBase):
            part.register_forward_pre_hook(refuse_as_cudnn_does)
    return model, deepcopy(model).to(THERE)


def refuse_as_cudnn_does(part: nn.Module, given: tuple[Tensor, ...]) -> None:
    """Its LSTMs and GRUs have a gradient only in training; a CPU's have one always."""
    assert part.training or not torch.is_grad_enabled()


def losses_and_gradients(
    name: str, model: nn.Module
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Of a step; what is drawn is drawn on the host."""
    system = load(name)
    config = system.objective_config()
    objective = system.make_objective(config, start_of())
    torch.manual_seed(3)
    batch = Batch(notes(9, 5, 14), GOLD, np.arange(3)).to(next(model.parameters()).device)
    losses = objective(model, batch)
    sum(config.weights[key] * loss for key, loss in losses.items()).backward()
    gradients = {n: p.grad.cpu() for n, p in model.named_parameters() if p.grad is not None}
    return {key: loss.detach().cpu() for key, loss in losses.items()}, gradients


@systems
def test_scores_are_a_cpus(name: str):
    tokens = notes(9, 3, 14, 1)
    with torch.no_grad():
        here, there = (model.eval() for model in on_both(name))
        expected = here(tokens, tokens != 0).logits
        found = there(tokens.to(THERE), tokens.to(THERE) != 0).logits
    close(found.cpu(), expected, **EXACT)


@systems
def test_losses_and_gradients_are_a_cpus(name: str):
    here, there = (losses_and_gradients(name, model) for model in on_both(name))
    for found, expected in zip(there, here, strict=True):
        assert set(found) == set(expected) != set()
        for key, value in expected.items():
            close(found[key], value, **EXACT, msg=lambda words, key=key: f"{key}: {words}")


@pytest.mark.parametrize("name", LEARNERS)
def test_steps_in_bf16_bring_the_loss_down(name: str):
    """A CPU computes in fp32 whatever is asked for."""
    system, batch = load(name), Batch(notes(9, 5, 14), GOLD, np.arange(3))
    config, losses = TrainingConfig(learning_rate=1e-2), system.objective_config()
    model = model_of(name).to(THERE).train()
    objective, optimizer = system.make_objective(losses, start_of()), make_optimizer(model, config)
    seen = []
    for _ in range(60):
        figures, is_unsound = train_step(model, batch, objective, optimizer, config, losses.weights)
        assert not is_unsound
        seen.append(figures["loss"].item())
    assert np.mean(seen[-5:]) < 0.9 * np.mean(seen[:5])
