"""A GPU computes what a CPU does: scores, losses, gradients; and in bf16 it learns as well."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from isd_pipeline.models.registry import load
from isd_pipeline.training.batches import Batch
from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train_step
from tests.models.test_systems import model_of, notes, start_of, systems

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")

close = torch.testing.assert_close
EXACT = {"atol": 1e-9, "rtol": 1e-7}  # of double precision: no TF32, and sums in another order
GOLD = torch.tensor([[0, 2], [1, -1], [5, -1]])


def on_both(name: str) -> tuple[nn.Module, nn.Module]:
    model = model_of(name).double().eval()
    return model, deepcopy(model).cuda()


def losses_and_gradients(
    name: str, model: nn.Module
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Without dropout; what is drawn is drawn on the host."""
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
        here, there = on_both(name)
        expected = here(tokens, tokens != 0).logits
        found = there(tokens.cuda(), tokens.cuda() != 0).logits
    close(found.cpu(), expected, **EXACT)


@systems
def test_losses_and_gradients_are_a_cpus(name: str):
    here, there = (losses_and_gradients(name, model) for model in on_both(name))
    for found, expected in zip(there, here, strict=True):
        assert set(found) == set(expected)
        for key, value in expected.items():
            close(found[key], value, **EXACT, msg=lambda words, key=key: f"{key}: {words}")


@systems
def test_steps_in_bf16_bring_the_loss_down(name: str):
    system, batch = load(name), Batch(notes(9, 5, 14), GOLD, np.arange(3))
    config, losses = TrainingConfig(learning_rate=1e-2), system.objective_config()
    model = model_of(name).cuda().train()
    objective, optimizer = system.make_objective(losses, start_of()), make_optimizer(model, config)
    seen = []
    for _ in range(60):
        figures, is_unsound = train_step(model, batch, objective, optimizer, config, losses.weights)
        assert not is_unsound
        seen.append(figures["loss"].item())
    assert np.mean(seen[-5:]) < 0.9 * np.mean(seen[:5])
