"""Parts of a batch make the step of the whole, whatever a loss is a mean over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from isd_pipeline.models.prediction import PredictionConfig
from isd_pipeline.models.registry import load, names
from isd_pipeline.training.batches import Batch, Marks
from isd_pipeline.training.loop import make_optimizer
from isd_pipeline.training.parts import CountsMeans, Cut, refuse_whole_batch_norms
from isd_pipeline.training.settings import TrainingConfig
from isd_pipeline.training.step import train_step
from tests.models.test_systems import model_of, notes, start_of
from tests.models.tiny_encoder import needs_transformers

# Some notes have no code, one has all; the last batch has fewer notes than there are parts.
GOLD = [
    [[0, 2], [1], [], [0, 1, 2, 3, 4, 5], [5], [2, 4], [3]],
    [[], [0, 4], [1, 2, 3], [2]],
    [[1, 5]],
]
LENGTHS = [(9, 3, 14, 1, 6, 11, 2), (5, 8, 13, 4), (7,)]
STEPS = TrainingConfig(learning_rate=0.01, precision="fp32")
ALONE = {"teacher": 0, "missing": 0, "removal": 0, "distillation": 0}
MARKED = [
    ("isd", {"representation": "per_label"}, {"weights": {**ALONE, "attention": 0.3}}),
    ("isd", {"n_heads": 2}, {"weights": {"attention": 0.3}}),
    ("laat", {}, {"attention": 0.3}),
]
PLAIN = [
    pytest.param((name, {}, {}), marks=needs_transformers) if load(name).pretrained
    else (name, {}, {})
    for name in names()
    if name != "multirescnn"
]  # fmt: skip


def batches(sentences: bool = False) -> Iterator[Batch]:
    first = 0
    for gold, lengths in zip(GOLD, LENGTHS, strict=True):
        tokens, widest = notes(*lengths), max(map(len, gold))
        begins = (torch.arange(tokens.shape[1]) % 3 == 0) & (tokens != 0) if sentences else None
        codes = torch.tensor([row + [-1] * (widest - len(row)) for row in gold])
        words = (tokens != 0)[:, None] & (codes >= 0)[..., None] & (codes % 2 == 0)[..., None]
        rows = np.arange(first, first + len(gold))
        yield Batch(tokens, codes, rows, begins, Marks(codes, words))
        first += len(gold)


def learned(case: tuple[str, dict[str, Any], dict[str, Any]], cut: Cut) -> tuple[nn.Module, Any]:
    """The weights after three steps in double precision, and the figures of each."""
    name, settings, aims = case
    system = load(name)
    dropout = {"dropout": 0.0 if system.pretrained else 0.4}
    model = model_of(name, **(settings | dropout)).double().train()
    config = system.objective_config(**aims)
    objective = system.make_objective(config, start_of())
    if isinstance(objective, CountsMeans):
        cut = Cut(cut.ranks, cut.accumulate, cut.draws, objective.counts)
    optimizer, figures = make_optimizer(model, STEPS), []
    torch.manual_seed(7)
    for batch in batches(system.sentences):
        found, is_unsound = train_step(
            model, batch, objective, optimizer, STEPS, config.weights, cut
        )
        assert not is_unsound
        figures.append({key: value.item() for key, value in found.items()})
    return model, figures


def farthest(one: nn.Module, other: nn.Module) -> float:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return max((a.double() - b.double()).abs().max().item() for a, b in pairs if a.numel())


@pytest.mark.parametrize("case", [*PLAIN, *MARKED], ids=lambda case: case[0])
def test_three_steps_in_parts_are_those_of_whole_batches(case: Any):
    whole, figures = learned(case, Cut(draws="example"))
    parts, others = learned(case, Cut(accumulate=3))
    assert farthest(whole, parts) < 1e-9
    for one, other in zip(figures, others, strict=True):
        assert one == pytest.approx(other, rel=1e-9)


def test_numbers_drawn_by_example_are_others_than_the_batchs_and_come_again():
    case: Any = ("isd", {}, {})
    whole, _ = learned(case, Cut(draws="example"))
    plain, _ = learned(case, Cut())
    assert farthest(whole, plain) > 1e-3
    again, _ = learned(case, Cut(draws="example"))
    assert farthest(whole, again) == 0


def test_a_network_that_normalises_over_a_batch_is_not_trained_in_parts():
    model = model_of("multirescnn")
    refuse_whole_batch_norms(model, Cut(draws="example"))
    with pytest.raises(ValueError, match="MultiResCNN normalises over all words of a batch"):
        refuse_whole_batch_norms(model, Cut(accumulate=2))


def test_a_part_that_is_not_finite_leaves_out_the_whole_step():
    model = model_of("bag_of_embeddings", dropout=0.0)
    before = [value.clone() for value in model.state_dict().values()]
    plain = load("bag_of_embeddings").make_objective(PredictionConfig(), start_of())

    def objective(model: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        factor = math.nan if 1 in batch.rows else 1.0
        return {name: loss * factor for name, loss in plain(model, batch).items()}

    _, is_unsound = train_step(
        *(model, next(batches()), objective, make_optimizer(model, STEPS), STEPS),
        *({"prediction": 1.0}, Cut(accumulate=3)),
    )
    assert is_unsound
    assert all(map(torch.equal, model.state_dict().values(), before))
