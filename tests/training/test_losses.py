"""Losses from gold codes alone are those of dense targets."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from isd_pipeline.training.losses import (
    attention_on_marks,
    binary_cross_entropy,
    cosine,
    cross_entropy,
    mean_where,
)

close = torch.testing.assert_close
GOLD = torch.tensor([[0, 3, -1], [2, -1, -1], [-1, -1, -1]])


def test_binary_cross_entropy_by_hand():
    """Probabilities 3/4 (gold) and 1/2: -log 3/4 - log 1/2."""
    logits = torch.tensor([[math.log(3.0), 0.0]])
    gold = torch.tensor([[0]])
    want = -math.log(0.75) - math.log(0.5)
    assert binary_cross_entropy(logits, gold, "sum").item() == pytest.approx(want)
    assert binary_cross_entropy(logits, gold, "mean").item() == pytest.approx(want / 2)


def test_binary_cross_entropy_equals_torchs_on_dense_targets():
    logits = torch.randn(3, 5, requires_grad=True)
    dense = torch.zeros(3, 5)
    dense[0, [0, 3]] = dense[1, 2] = 1.0
    want = F.binary_cross_entropy_with_logits(logits, dense)
    got = binary_cross_entropy(logits, GOLD)
    close(got, want)
    close(torch.autograd.grad(got, logits), torch.autograd.grad(want, logits))
    close(binary_cross_entropy(logits, GOLD, "sum"), 5 * want)


def test_notes_that_do_not_count_leave_no_trace():
    logits = torch.randn(3, 5)
    counts = torch.tensor([True, False, True])
    close(
        binary_cross_entropy(logits, GOLD, counts=counts),
        binary_cross_entropy(logits[counts], GOLD[counts]),
    )
    assert mean_where(torch.tensor([1.0, torch.nan]), torch.tensor([True, False])) == 1
    assert mean_where(torch.ones(2), torch.zeros(2, dtype=torch.bool)) == 0


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)], [5.0, 5.0], [0.0, 0.0]])
    target, counts = torch.tensor([1, 0, 1]), torch.tensor([True, False, True])
    want = (-math.log(0.75) - math.log(0.5)) / 2
    assert cross_entropy(logits, target, counts).item() == pytest.approx(want)


def test_attention_on_marks_by_hand():
    """Two codes of a note of three words attend 1/2, 1/4, 1/4; marked are words 0 and 2, word 1."""
    scores = torch.tensor([[[2.0, 1.0, 1.0, 9.0]] * 2]).log()
    is_word = torch.tensor([[True, True, True, False]])
    marked = torch.tensor([[[True, False, True, False], [False, True, False, False]]])
    want = -(math.log(3 / 4) + math.log(1 / 4)) / 2
    assert attention_on_marks(scores, is_word, marked).item() == pytest.approx(want)


def test_codes_without_a_mark_and_scores_that_leave_no_mass_on_marks_stay_finite():
    scores = torch.tensor([[[500.0, -500.0], [3.0, 4.0]]], requires_grad=True)
    marked = torch.tensor([[[False, True], [False, False]]])
    loss = attention_on_marks(scores, torch.ones(1, 2, dtype=torch.bool), marked)
    loss.backward()
    assert loss.item() == pytest.approx(1_000)
    assert scores.grad.tolist() == [[[1.0, -1.0], [0.0, 0.0]]]
    nothing = attention_on_marks(scores, torch.ones(1, 2, dtype=torch.bool), marked & False)
    assert nothing.item() == 0


def test_cosine_by_hand():
    left = torch.tensor([[[3.0, 4.0], [1.0, 0.0]]])
    right = torch.tensor([[[0.0, 2.0], [-5.0, 0.0]]])
    close(cosine(left, right), torch.tensor([[[0.8, -0.6], [0.0, -1.0]]]))


def test_losses_and_cosines_count_in_fp32_under_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        low = torch.randn(3, 5).bfloat16()
        assert binary_cross_entropy(low, GOLD).dtype == torch.float32
        every = torch.ones(3, dtype=torch.bool)
        assert cross_entropy(low, torch.tensor([0, 1, 2]), every).dtype == torch.float32
        assert cosine(low[None], low[None]).dtype == torch.float32
