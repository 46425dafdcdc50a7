from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from isd_pipeline.training.batches import Batch
from isd_pipeline.training.loop import (
    Figures,
    State,
    Trained,
    TrainingConfig,
    learning_rate,
    make_optimizer,
    train,
    train_epoch,
)

SHORT = TrainingConfig(max_epochs=4, warm_up_epochs=1, patience=2, learning_rate=0.1)


class OneNumber(nn.Module):
    """A model of one weight, with dropout so that a step depends on torch's generator."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0]))
        self.dropout = nn.Dropout(0.5)


class TwoBatches:
    def __init__(self, n: int = 2) -> None:
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Batch]:
        for i in range(self.n):
            yield Batch(torch.tensor([[i + 1]]), torch.tensor([[0]]), np.array([i]))


def squared(model: OneNumber, batch: Batch) -> dict[str, Tensor]:
    value = model.dropout(model.weight * batch.tokens[0].float())
    return {"square": (value**2).sum(), "size": model.weight.abs().sum()}


def run(model: nn.Module, scores: list[float], **changes: object) -> Trained:
    """Train with development scores that are written down."""
    given = iter(scores)
    kept: dict[str, object] = {
        "weights": {"square": 0.5, "size": 0.1},
        "validate": lambda _: {"dev_f1_micro": next(given)},
        "record": lambda epoch, figures: None,
        "seed": 1,
    }
    config = changes.pop("config", SHORT)
    objective = changes.pop("objective", squared)
    optimizer = changes.pop("optimizer", None) or make_optimizer(model, config)
    kept |= changes
    return train(model, lambda epoch: TwoBatches(), objective, optimizer, config, **kept)


def test_the_rate_rises_through_the_warm_up_and_falls_to_zero_by_hand():
    config = TrainingConfig(max_epochs=4, warm_up_epochs=2, learning_rate=1.0)
    rates = [learning_rate(config, half / 2, 1 / 2) for half in range(8)]
    assert rates == [0.25, 0.5, 0.75, 1.0, 1.0, 0.75, 0.5, 0.25]


def test_a_constant_schedule_stays_after_the_warm_up():
    config = TrainingConfig(schedule="constant", warm_up_epochs=1, learning_rate=1.0)
    assert [learning_rate(config, done, 0.5) for done in (0.0, 0.5, 1.0, 150.0)] == [0.5, 1, 1, 1]


def test_without_warm_up_the_first_step_has_the_whole_rate():
    config = TrainingConfig(schedule="constant", warm_up_epochs=0, learning_rate=1.0)
    assert learning_rate(config, 0.0, 0.5) == 1.0


def test_training_stops_when_patience_is_over_and_gives_the_best_epochs_weights():
    seen: dict[int, float] = {}
    model = OneNumber()

    def record(epoch: int, figures: Figures) -> None:
        seen[epoch] = model.weight.item()

    config = TrainingConfig(max_epochs=9, warm_up_epochs=0, patience=2, learning_rate=0.1)
    trained = run(model, [0.1, 0.3, 0.2, 0.3, 0.9], config=config, record=record)
    assert list(seen) == [1, 2, 3, 4]  # 0.3 again is no improvement
    assert (trained.best.epoch, trained.best.score) == (2, 0.3)
    assert trained.best.weights["weight"].item() == seen[2] != seen[4]


def test_patience_does_not_run_during_the_warm_up():
    config = TrainingConfig(max_epochs=9, warm_up_epochs=3, patience=2)
    assert len(run(OneNumber(), [0.0] * 9, config=config).history) == 5


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_before_the_update(bad: float):
    model = OneNumber()

    def objective(model: OneNumber, batch: Batch) -> dict[str, Tensor]:
        return {"square": (model.weight * (bad if batch.rows[0] == 1 else 1.0)).sum()}

    optimizer = make_optimizer(model, SHORT)
    after: list[float] = []
    step = optimizer.step
    optimizer.step = lambda: (step(), after.append(model.weight.item()))
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 2: square (nan|inf), loss"):
        run(model, [0.1], objective=objective, optimizer=optimizer)
    assert after[0] != 1.0
    assert {model.weight.item(), *after} == {after[0]}  # the first batch's step, and no other
    assert optimizer.state[model.weight]["step"] == 1


def test_a_gradient_that_is_not_finite_stops_before_the_update():
    def objective(model: OneNumber, batch: Batch) -> dict[str, Tensor]:
        return {"square": (model.weight - 1.0).abs().sqrt().sum()}  # 0, with slope 1 / 0

    model = OneNumber()
    with pytest.raises(FloatingPointError, match=r"gradient norm (nan|inf)"):
        run(model, [0.1], objective=objective)
    assert model.weight.item() == 1.0


def test_an_unsound_step_is_told_of_though_another_follows():
    """The host hears of a step while the next one is made; this one changes nothing either way."""
    model = OneNumber()

    def objective(model: OneNumber, batch: Batch) -> dict[str, Tensor]:
        return {"square": (model.weight * (math.nan if batch.rows[0] == 0 else 0.0)).sum()}

    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 1: square nan"):
        run(model, [0.1], objective=objective)
    assert model.weight.item() == 1.0


def test_a_batch_that_a_gpu_has_no_room_for_is_named_with_its_size():
    def objective(model: OneNumber, batch: Batch) -> dict[str, Tensor]:
        if batch.rows[0] == 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return squared(model, batch)

    told = (
        r"epoch 1, batch 2: 1 notes of up to 1 tokens do not fit the GPU; lower batch_size or max"
    )
    with pytest.raises(torch.OutOfMemoryError, match=told):
        run(OneNumber(), [0.1], objective=objective)


def test_an_optimizer_that_would_make_an_unsound_step_is_refused():
    model = OneNumber()
    with pytest.raises(ValueError, match="fused=True"):
        run(model, [0.1], optimizer=torch.optim.SGD(model.parameters(), lr=1.0))


def test_the_gradient_is_clipped_to_the_norm():
    def objective(model: OneNumber, batch: Batch) -> dict[str, Tensor]:
        return {"square": 2e6 * model.weight.sum()}

    model = OneNumber()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0, fused=True)
    config = TrainingConfig(max_epochs=1, warm_up_epochs=0, schedule="constant", learning_rate=1.0)
    trained = run(model, [0.1], objective=objective, optimizer=optimizer, config=config)
    torch.testing.assert_close(model.weight.data, torch.tensor([1.0 - 2 * 10.0]))
    assert trained.history[0]["gradient_norm"] == 1e6  # as it was


def test_the_figures_of_an_epoch_are_means_over_its_batches():
    def objective(model: OneNumber, batch: Batch) -> dict[str, Tensor]:
        return {"square": model.weight.sum() * 0 + batch.rows[0], "size": torch.tensor(4.0)}

    figures = run(OneNumber(), [0.5, 0.5, 0.5], objective=objective).history[0]
    assert figures["square"] == 0.5  # of 0 and 1
    assert figures["size"] == 4.0
    assert figures["loss"] == pytest.approx(0.5 * 0.5 + 0.1 * 4.0)
    assert figures["dev_f1_micro"] == 0.5
    assert figures["learning_rate"] == 0.1


def test_an_epoch_depends_on_no_random_number_drawn_before():
    def trained(disturb: bool) -> float:
        model = OneNumber()

        def validate(_: nn.Module) -> dict[str, float]:
            if disturb:
                torch.rand(7)
            return {"dev_f1_micro": 0.5}

        torch.manual_seed(disturb)
        run(model, [], validate=validate)
        return model.weight.item()

    assert trained(True) == trained(False)


def test_going_on_from_any_epoch_ends_where_an_unbroken_training_does():
    scores = [0.1, 0.4, 0.3, 0.2]
    states: list[State] = []

    def save(state: State) -> None:
        optimizer = {
            "state": {0: {k: v.clone() for k, v in state.optimizer["state"][0].items()}},
            "param_groups": [dict(group) for group in state.optimizer["param_groups"]],
        }
        weights = {name: value.clone() for name, value in state.weights.items()}
        states.append(State(state.epoch, weights, optimizer, state.best, state.history))

    unbroken = OneNumber()
    whole = run(unbroken, scores, save_state=save)
    for state in states:
        model = OneNumber()
        resumed = run(model, scores[state.epoch :], resume=state)
        assert model.weight.item() == unbroken.weight.item()
        assert resumed.history == whole.history
        assert resumed.best.weights == whole.best.weights


def test_a_metric_that_is_not_computed_is_refused():
    with pytest.raises(ValueError, match="metric='dev_f1_micro' is not among the figures"):
        run(OneNumber(), [], validate=lambda _: {"macro_f1": 1.0})


def test_a_metric_that_is_nan_is_refused():
    with pytest.raises(ValueError, match="epoch 1: dev_f1_micro is nan"):
        run(OneNumber(), [math.nan])


def test_a_loss_without_a_weight_is_refused():
    with pytest.raises(ValueError, match="loss 'size' has no weight"):
        run(OneNumber(), [0.1], weights={"square": 1.0})


def test_no_batches_are_refused():
    model = OneNumber()
    optimizer = make_optimizer(model, SHORT)
    with pytest.raises(ValueError, match="no batch to train on"):
        train_epoch(model, TwoBatches(0), squared, optimizer, SHORT, {}, epoch=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0 must be above 0"),
        ({"schedule": "cosine"}, "schedule='cosine' must be one of"),
        ({"max_epochs": 3}, "warm_up_epochs=5 leaves nothing of max_epochs=3"),
        ({"learning_rate": math.nan}, "learning_rate=nan must be above 0"),
        ({"accumulate": 0}, "accumulate=0 must be above 0"),
        ({"draws": "row"}, "draws='row' must be one of"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(settings: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**settings)


class Slow(nn.Linear):
    """A part that learns at a tenth of the rate, its bias not at all."""

    def rate_factors(self) -> dict[str, float]:
        return {"weight": 0.1, "bias": 0.0}


def one_step(model: nn.Module, config: TrainingConfig, optimizer: torch.optim.Optimizer) -> None:
    def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"square": model(batch.tokens.float()).square().sum()}

    train_epoch(model, TwoBatches(1), loss, optimizer, config, {"square": 1.0}, 1)


def test_a_parts_own_rates_are_factors_of_the_schedules():
    """Adam's first step is the rate itself, whatever the gradient."""
    torch.manual_seed(0)
    model = nn.Sequential(Slow(1, 2), nn.Linear(2, 1))
    before = [parameter.detach().clone() for parameter in model.parameters()]
    config = TrainingConfig(max_epochs=4, warm_up_epochs=2, learning_rate=0.2, clip=math.inf)
    one_step(model, config, make_optimizer(model, config))  # one batch: half of the warm-up
    moved = [(a - b).abs().max().item() for a, b in zip(before, model.parameters(), strict=True)]
    assert moved == pytest.approx([0.01, 0.0, 0.1, 0.1], rel=1e-4)


def test_without_rates_of_their_own_the_optimizer_is_plain_adamw_to_the_bit():
    models = []
    for made in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(1, 3), nn.Linear(3, 1))
        plain = torch.optim.AdamW(
            model.parameters(), lr=0.1, eps=1e-8, weight_decay=0.0, fused=True
        )
        one_step(model, SHORT, make_optimizer(model, SHORT) if made else plain)
        models.append(model)
    for ours, plain in zip(*(model.parameters() for model in models), strict=True):
        assert torch.equal(ours, plain)
