from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.system import isd_of
from isd_pipeline.models.layers.parts import MultiScaleConv
from isd_pipeline.predictors.attention import Reading, read_note, windows_around
from isd_pipeline.predictors.evidence import (
    code_evidence,
    representations_read,
    spread_over_windows,
)

TOKENS = np.array([3, 1, 4, 1, 5, 9, 2, 6], dtype=np.int32)


def model_of(**choices: object) -> nn.Module:
    torch.manual_seed(0)
    sizes = {"kernel_sizes": (3, 5), "width": 8, "n_queries": 4, **choices}
    return isd_of(ISDConfig(**sizes), torch.randn(12, 8), torch.randn(5, 8))


def test_weight_is_spread_evenly_over_the_window() -> None:
    one = np.array([[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]])
    third = 1 / 3
    np.testing.assert_allclose(spread_over_windows(one, (3,)), [[0, third, third, third, 0, 0]])
    both = spread_over_windows(one, (1, 3))  # half to the word itself, half to three words
    np.testing.assert_allclose(both, [[0, third / 2, 1 / 2 + third / 2, third / 2, 0, 0]])


def test_a_window_cut_by_the_end_of_its_note_keeps_its_weight_in_the_note() -> None:
    one = np.array([[0.0, 0.6, 0.4, 0.0]])  # two notes of two words
    found = spread_over_windows(one, (5,), note_starts=(0, 2))
    np.testing.assert_allclose(found, [[0.3, 0.3, 0.2, 0.2]])


def test_the_residual_path_keeps_its_share_at_the_word() -> None:
    one = np.array([[0.0, 1.0, 0.0]])
    found = spread_over_windows(one, (3,), residual=1.0)
    np.testing.assert_allclose(found, [[1 / 6, 1 / 6 + 1 / 2, 1 / 6]])


@pytest.mark.parametrize("note_starts", [(0,), (0, 3, 4), (0, 9, 12)], ids=["1", "3", "lost"])
@pytest.mark.parametrize("residual", [0.0, 0.7])
def test_spreading_loses_and_invents_no_weight(
    note_starts: tuple[int, ...], residual: float
) -> None:
    weights = np.random.default_rng(0).dirichlet(np.ones(9), size=4)
    found = spread_over_windows(weights, (3, 7, 21), residual, note_starts)
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(
        spread_over_windows(3 * weights, (3, 7, 21), residual, note_starts), 3 * found
    )


def test_evidence_reaches_just_those_words_that_can_move_what_was_attended_to() -> None:
    """Two implementations: windows by counting, and the gradient of the encoder."""
    encode = MultiScaleConv(8, 8, (3, 7))
    words = torch.randn(1, 9, 8, requires_grad=True)
    states = encode(words, torch.ones(1, 9, dtype=torch.bool))
    for word in range(9):
        (gradient,) = torch.autograd.grad(states[0, word].sum(), words, retain_graph=True)
        found = spread_over_windows(np.eye(9)[[word]], (3, 7))
        np.testing.assert_array_equal(found[0] > 0, gradient[0].abs().sum(dim=1).numpy() > 0)


def test_evidence_of_a_code_is_its_winners_attention_spread() -> None:
    model, codes = model_of(residual_words=1.0), np.array([4, 0])
    reading = read_note(model, TOKENS)
    found = code_evidence(model, TOKENS, codes, max_tokens=100)
    expected = spread_over_windows(
        np.stack([reading.attention_of(4), reading.attention_of(0)]), (3, 5), residual=1.0
    )
    np.testing.assert_allclose(found, expected)


def test_without_shared_representations_a_code_has_its_own_evidence() -> None:
    model = model_of(representation="per_label")
    found = code_evidence(model, TOKENS, np.array([1, 3]), max_tokens=100)
    attention = read_note(model, TOKENS).attention[[1, 3]]
    np.testing.assert_allclose(found, spread_over_windows(attention, (3, 5)))


def test_words_that_were_not_read_are_no_evidence() -> None:
    model, codes = model_of(), np.arange(5)
    found = code_evidence(model, TOKENS, codes, max_tokens=5, note_starts=(0, 3, 7))
    assert found.shape == (5, 8)
    assert (found[:, 5:] == 0).all()
    reading = read_note(model, TOKENS[:5])
    attention = np.stack([reading.attention_of(code) for code in codes])
    np.testing.assert_allclose(found[:, :5], spread_over_windows(attention, (3, 5), 0.0, (0, 3)))


READING = Reading(
    scores=np.array([2.0, -1.0, 0.5, 3.0, 0.1]),
    winners=np.array([1, 1, 0, 0, 2]),
    attention=np.array([[0.1, 0.6, 0.2, 0.1], [0.0, 0.1, 0.4, 0.5], [0.25] * 4]),
)
CODES = ["A00", "B01", "C02", "D03", "E04"]
WINDOWS = windows_around(np.array([0, 5, 0, 4]), np.array([4, 9, 3, 8]), 0, note_starts=(0, 2))


def test_table_5_names_the_places_read_and_the_codes_won_there() -> None:
    rows = representations_read(READING, WINDOWS, CODES, count=2, threshold=0.2)
    assert [row["representation"] for row in rows] == [0, 1]  # two codes above 0.2, then one
    assert rows[0]["words"] == [
        {"note": 0, "begin": 5, "end": 9, "weight": 0.6},
        {"note": 1, "begin": 0, "end": 3, "weight": 0.2},
    ]
    assert [code["code"] for code in rows[0]["codes"]] == ["D03", "C02"]
    assert [code["probability"] for code in rows[0]["codes"]] == pytest.approx(
        [0.9526, 0.6225], abs=1e-4
    )
    assert [code["code"] for code in rows[1]["codes"]] == ["A00"]  # B01 is not predicted


def test_the_words_of_table_5_stand_apart() -> None:
    (row, *_) = representations_read(READING, WINDOWS, CODES, count=3, apart=2)
    assert [word["weight"] for word in row["words"]] == [0.6, 0.1]


def test_a_note_without_a_predicted_code_has_no_row() -> None:
    assert representations_read(READING, WINDOWS, CODES, threshold=5.0) == []
