"""The five losses: by hand, against the plain reference, and what their settings do."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.completion import (
    Completion,
    missing_code,
    wrong_code,
)
from isd_pipeline.models.isd.distillation import assign, distillation
from isd_pipeline.models.isd.network import ISD
from isd_pipeline.models.isd.objective import (
    LOSSES,
    ISDObjective,
    ISDObjectiveConfig,
)
from isd_pipeline.models.isd.system import isd_of
from isd_pipeline.models.isd.teacher import teacher_text
from isd_pipeline.training.batches import Batch
from isd_pipeline.training.losses import cosine
from isd_pipeline.training.settings import TrainingConfig
from isd_pipeline.training.step import train_step
from isd_pipeline.training.transfer import HostCopy
from tests.models.isd.reference import ReferenceISD, best_by_trying

close = torch.testing.assert_close
N_WORDS, N_CODES, WIDTH = 40, 20, 16
TITLES = [[(7 * code + k) % N_WORDS + 1 for k in range(1 + code % 5)] for code in range(N_CODES)]
DESCRIPTIONS = torch.tensor([title + [0] * (6 - len(title)) for title in TITLES])
GOLD = [[0, 3, 7, 19], [5], [3, 4], [1, 2, 3, 5, 8, 13]]


def padded(gold: list[list[int]]) -> torch.Tensor:
    longest = max(1, *map(len, gold))
    return torch.tensor([codes + [-1] * (longest - len(codes)) for codes in gold])


def small_batch(gold: list[list[int]] = GOLD) -> Batch:
    generator = torch.Generator().manual_seed(3)
    tokens = torch.randint(1, N_WORDS + 1, (len(gold), 30), generator=generator)
    for row in range(len(gold)):
        tokens[row, 30 - 6 * row :] = 0
    return Batch(tokens=tokens, gold=padded(gold), rows=np.arange(len(gold)))


def small_isd(**settings: Any) -> Any:
    torch.manual_seed(0)
    sizes = {
        "kernel_sizes": (3, 5),
        "width": WIDTH,
        "n_queries": 5,
        "dropout": 0.0,
    } | settings
    return isd_of(ISDConfig(**sizes), torch.randn(N_WORDS + 2, 10), torch.randn(N_CODES, WIDTH))


def objective(**settings: Any) -> ISDObjective:
    return ISDObjective(ISDObjectiveConfig(**settings), DESCRIPTIONS)


def losses(model: torch.nn.Module, batch: Batch | None = None, **settings: Any) -> dict[str, float]:
    torch.manual_seed(5)
    found = objective(**settings)(model, small_batch() if batch is None else batch)
    return {name: loss.item() for name, loss in found.items()}


def plainly(task: Completion) -> tuple[list[list[int]], list[int], list[int]]:
    slots = [row[mask].tolist() for row, mask in zip(task.codes, task.is_slot, strict=True)]
    return slots, task.asked.tolist(), task.answer.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_heads", [1, 2])
def test_losses_and_gradients_equal_the_plain_reference(n_heads: int, dtype: torch.dtype):
    model, batch = small_isd(n_heads=n_heads).to(dtype), small_batch()
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    reference = ReferenceISD(
        model.words.detach(),
        model.codes.detach(),
        kernel_sizes=(3, 5),
        n_queries=5,
        n_heads=n_heads,
    ).to(dtype)
    reference.load_state_dict(model.state_dict())
    torch.manual_seed(11)
    got = objective()(model, batch)
    torch.manual_seed(11)
    drawn = [draw(batch.gold, N_CODES) for draw in (missing_code, wrong_code)]
    want = reference.losses(batch.tokens, GOLD, TITLES, *map(plainly, drawn))

    assert list(got) == list(want) == list(LOSSES)
    for name in want:
        close(got[name], want[name], atol=tolerance, rtol=tolerance, check_dtype=False)
        mine = gradients(model, got[name])
        for parameter, other in gradients(reference, want[name]).items():
            close(
                mine[parameter],
                other,
                atol=tolerance,
                rtol=tolerance,
                msg=lambda text, n=name, p=parameter: f"{n} by {p}: {text}",
            )


def gradients(model: torch.nn.Module, loss: torch.Tensor) -> dict[str, torch.Tensor]:
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, trained.values(), retain_graph=True, allow_unused=True)
    return {
        name: torch.zeros_like(p) if gradient is None else gradient
        for (name, p), gradient in zip(trained.items(), found, strict=True)
    }


def test_every_part_is_trained_by_the_sum_of_losses():
    model = small_isd()
    sum(objective()(model, small_batch()).values()).backward()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("name", list(LOSSES))
def test_a_loss_of_weight_0_is_left_out_and_changes_no_other(name: str):
    model = small_isd().double()
    every = losses(model)
    rest = losses(model, weights={name: 0})
    assert rest.keys() == every.keys() - {name}
    unmoved = rest.keys() - ({"removal"} if name == "missing" else set())  # drawn after it
    assert {k: rest[k] for k in unmoved} == pytest.approx({k: every[k] for k in unmoved}, abs=1e-12)


def test_what_is_left_out_is_not_computed(monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[int, ...]] = []
    model, read = small_isd(), ISD.read
    monkeypatch.setattr(
        ISD,
        "read",
        lambda self, tokens, mask: seen.append(tuple(tokens.shape)) or read(self, tokens, mask),
    )
    losses(model, weights={"teacher": 0, "distillation": 0})
    assert seen == [(4, 30)]  # the notes, no description
    seen.clear()
    losses(model)
    assert seen == [(4, 30), (10, 5)]  # each of 10 distinct codes once, at the longest's length

    slots: list[list[int]] = []
    interact = type(model.interact).forward
    monkeypatch.setattr(
        type(model.interact),
        "forward",
        lambda self, groups, *rest: (
            slots.append([group.shape[1] for group in groups]) or interact(self, groups, *rest)
        ),
    )
    losses(model)
    losses(model, weights={"missing": 0, "removal": 0})
    losses(model, weights={"missing": 0, "removal": 0, "teacher": 0, "distillation": 0})
    assert slots == [[5, 6, 7], [5], [5], [5], [5]]


def test_neighbours_in_the_batch_leave_a_notes_losses_alone():
    """Completion aside, which draws: the batch's losses are the means of its notes' losses."""
    model = small_isd()
    settings = {"weights": {"missing": 0, "removal": 0}}
    together = losses(model, **settings)
    batch = small_batch()
    apart = [
        losses(
            model,
            Batch(tokens=batch.tokens[b : b + 1], gold=padded([GOLD[b]]), rows=np.arange(1)),
            **settings,
        )
        for b in range(len(GOLD))
    ]
    for name, loss in together.items():
        assert loss == pytest.approx(np.mean([one[name] for one in apart]), abs=1e-6)


# -------------------------------------------------------------------------------- distillation


def distilled(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    cosines = cosine(student, teacher)
    partner = torch.from_numpy(assign(cosines.numpy()))
    return distillation(cosines, partner, torch.ones(len(student), dtype=torch.bool))


def test_the_assignment_is_the_best_of_all():
    torch.manual_seed(0)
    for size in range(1, 8):
        cosines = torch.rand(1, size, size) * 2 - 1
        partner = torch.from_numpy(assign(cosines.numpy()))
        total = cosines.gather(2, partner[..., None]).sum().item()
        assert sorted(partner[0].tolist()) == list(range(size))
        assert total == pytest.approx(best_by_trying(cosines[0]), abs=1e-5)


def test_distillation_by_hand():
    student = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    teacher = torch.tensor([[[0.0, 3.0], [4.0, 3.0]]])  # cosines 0, .8 and 1, .6
    assert distilled(student, teacher).item() == pytest.approx(1 - 1.8 / 2)


def test_distillation_ignores_the_order_of_the_teachers_representations():
    student, teacher = torch.randn(2, 6, 8), torch.randn(2, 6, 8)
    close(distilled(student, teacher), distilled(student, teacher[:, torch.randperm(6)]))
    close(distilled(student, student[:, torch.randperm(6)]), torch.tensor(0.0), atol=1e-6, rtol=0)


def test_what_is_not_finite_reaches_the_loss_and_not_the_assignment():
    student = torch.full((1, 2, 2), torch.nan)
    assert distilled(student, torch.randn(1, 2, 2)).isnan()


# ------------------------------------------------------------------------------------- teacher


def test_the_teachers_words_lie_end_to_end():
    gold = padded([[0, 2], [1], []])
    descriptions = torch.tensor([[5, 6, 0, 0], [7, 0, 0, 0], [8, 9, 4, 0]])
    text = teacher_text(gold, descriptions)
    assert text.tokens.tolist() == [[5, 6, 0], [7, 0, 0], [8, 9, 4]]
    words = text.tokens.flatten()[text.place].masked_fill(~text.is_token, 0)
    assert words.tolist() == [[5, 6, 8, 9, 4], [7, 0, 0, 0, 0], [0, 0, 0, 0, 0]]


def test_descriptions_read_apart_do_not_see_each_other():
    """No convolution crosses from one description to the next, so their order says nothing."""
    model, alone = small_isd().double(), {"weights": {"missing": 0, "removal": 0}}
    swapped = replace(small_batch([[4, 9]]), gold=torch.tensor([[9, 4]]))
    assert losses(model, small_batch([[4, 9]]), **alone) == pytest.approx(
        losses(model, swapped, **alone), abs=1e-12
    )


def test_a_note_without_codes_counts_for_the_prediction_alone():
    model = small_isd()
    batch = small_batch([[0, 3, 7, 19], []])
    only = Batch(tokens=batch.tokens[:1], gold=batch.gold[:1], rows=np.arange(1))
    both, one = losses(model, batch), losses(model, only)
    for name in ("teacher", "distillation"):
        assert both[name] == pytest.approx(one[name], abs=1e-6)
    assert both["prediction"] != one["prediction"]
    assert all(np.isfinite(loss) for loss in losses(model, small_batch([[]])).values())


# ---------------------------------------------------------------------------------- completion


def test_where_every_code_is_gold_the_removal_task_is_left_out():
    assert np.isfinite(losses(small_isd(), small_batch([list(range(N_CODES))]))["removal"])


def test_draws_follow_the_seed():
    model = small_isd()
    assert losses(model) == losses(model)
    torch.manual_seed(6)
    other = objective()(model, small_batch())
    assert other["missing"].item() != losses(model)["missing"]


# ------------------------------------------------------------------------------------ settings


def test_weights_are_the_papers_with_what_differs():
    config = ISDObjectiveConfig(weights={"distillation": 0})
    assert dict(config.weights) == {
        "prediction": 0.5,
        "teacher": 0.5,
        "missing": 5e-4,
        "removal": 5e-4,
        "distillation": 0,
        "attention": 0,  # ours
    }
    assert asdict(config)["weights"] == dict(config.weights)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"weights": {"distilation": 0}}, "did you mean distillation"),
        ({"weights": {"teacher": -1}}, "teacher=-1.0 is below 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], complaint: str):
    with pytest.raises(ValueError, match=complaint):
        ISDObjectiveConfig(**settings)


def test_losses_that_need_a_missing_part_are_refused():
    with pytest.raises(ValueError, match="per_label"):
        losses(small_isd(representation="per_label"))
    with pytest.raises(ValueError, match="no decoder"):
        losses(small_isd(n_layers=0))
    alone = {"teacher": 0, "missing": 0, "removal": 0, "distillation": 0}
    assert list(losses(small_isd(representation="per_label"), weights=alone)) == ["prediction"]


def test_losses_are_fp32_under_bf16_autocast_and_near_those_of_fp32():
    model = small_isd()
    with torch.autocast("cpu", torch.bfloat16):
        low = losses(model)
    assert low == pytest.approx(losses(model), abs=0.05, rel=0.05)


def test_a_few_notes_are_learnt_by_heart():
    """32 notes of words that say nothing: all five losses still lead to every gold code."""
    torch.manual_seed(0)
    n_notes, n_codes, width = 32, 20, 32
    gold = [sorted(torch.randperm(n_codes)[: 1 + i % 5].tolist()) for i in range(n_notes)]
    batch = Batch(
        tokens=torch.randint(1, 101, (n_notes, 20)), gold=padded(gold), rows=np.arange(n_notes)
    )
    model = isd_of(
        ISDConfig(
            kernel_sizes=(3, 5),
            width=width,
            n_queries=16,
            shared_space=True,
            residual_words=1.0,
            logit_scale=5.0,
            learned_logit_scale=True,
            dropout=0.0,
            attention_temperature=20.0,
            label_bias="log_odds",
            n_layers=1,
        ),
        torch.randn(102, width),
        torch.randn(n_codes, width),
        label_log_odds=torch.full((n_codes,), -1.7),
    )
    learn = ISDObjective(ISDObjectiveConfig(), torch.randint(1, 101, (n_codes, 4)))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    history = []
    for _ in range(150):
        found = learn(model, batch)
        total = sum(learn.weights[name] * loss for name, loss in found.items())
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        history.append(total.item())
    assert all(late < early for early, late in pairwise(history[::50]))
    predicted = model.eval()(batch.tokens, batch.is_token).logits > 0
    assert [row.nonzero()[:, 0].tolist() for row in predicted] == gold


def test_a_step_asks_the_device_for_nothing_but_the_cosines(monkeypatch: pytest.MonkeyPatch):
    """On `meta` no value can be read: whatever would make a GPU wait raises an error there."""
    model = small_isd(dropout=0.1).to("meta").train()
    with pytest.raises((NotImplementedError, RuntimeError)):
        model.codes[0, 0].item()
    waited = []

    def wait(copy: HostCopy) -> np.ndarray:
        waited.append(tuple(copy.values.shape))
        return np.zeros(copy.values.shape)

    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # meta has none
    monkeypatch.setattr(HostCopy, "__init__", lambda self, tensor: setattr(self, "values", tensor))
    monkeypatch.setattr(HostCopy, "is_of_gpu", False, raising=False)
    monkeypatch.setattr(HostCopy, "wait", wait)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monkeypatch.setattr(optimizer, "step", lambda: None)  # there is no fused one for meta
    train_step(model, small_batch(), objective(), optimizer, TrainingConfig(), LOSSES)
    assert waited == [(4, 5, 5)]
