from __future__ import annotations

import html
import re

import numpy as np
import pytest
import torch
from torch import nn

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.system import isd_of
from isd_pipeline.predictors.attention import (
    attention_entropy,
    attention_sd,
    note_as_html,
    read_note,
    top_words,
    windows_around,
    winning_query,
)
from isd_pipeline.text.tokens import tokenize
from isd_pipeline.training.kernels import best_match

NOTE = "Pt. <b>denies</b> chest pain & 2 fevers; insulin 250mg daily"


def model_of(**choices: object) -> nn.Module:
    torch.manual_seed(0)
    config = ISDConfig(kernel_sizes=(3, 5), width=8, n_queries=4, dropout=0.5, **choices)
    return isd_of(config, torch.randn(12, 6), torch.randn(5, 8))


def test_the_winner_is_the_representation_whose_product_is_the_score() -> None:
    shared = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])  # two representations of one note
    codes = torch.tensor([[3.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    assert winning_query(shared, codes).tolist() == [[0, 1, 0]]  # 3 > 2, 1 < 2, the first of equals


def test_winners_agree_with_the_models_own_maximum() -> None:
    shared, codes = torch.randn(3, 7, 4), torch.randn(900, 4)
    products = torch.einsum("bqd,ld->blq", shared, codes)
    winners = winning_query(shared, codes)
    found = products.gather(2, winners[..., None])[..., 0]
    torch.testing.assert_close(found, best_match(shared, codes))


def test_a_reading_is_what_the_model_says_without_dropout_and_leaves_it_training() -> None:
    model, tokens = model_of(), np.array([3, 1, 4, 1, 5, 9], dtype=np.int32)
    model.train()
    reading = read_note(model, tokens)
    assert model.training
    words = torch.from_numpy(tokens.astype(np.int64))[None]
    output = model.eval()(words, words != 0)
    np.testing.assert_allclose(reading.scores, output.logits[0].detach(), rtol=1e-5, atol=1e-6)
    assert reading.attention.shape == (4, 6)
    np.testing.assert_allclose(reading.attention.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(
        reading.attention_of(2), reading.attention[reading.winners[2]], strict=True
    )


def test_without_shared_representations_every_code_reads_for_itself() -> None:
    reading = read_note(model_of(representation="per_label"), np.array([3, 1, 4]))
    assert reading.winners.tolist() == [0, 1, 2, 3, 4]
    assert reading.attention.shape == (5, 3)


def test_a_window_is_a_word_and_its_neighbours_in_the_note_as_written() -> None:
    words = tokenize(NOTE)  # pt b denies b chest pain fevers insulin 250mg daily
    windows = windows_around(words.begins, words.ends, 1)
    found = [NOTE[b:e] for b, e in zip(windows.begins, windows.ends, strict=True)]
    assert found[0] == "Pt. <b"  # nothing is before the first word
    assert found[5] == "chest pain & 2 fevers"
    assert found[-1] == "250mg daily"


def test_a_window_stays_in_its_own_note() -> None:
    begins, ends = np.array([0, 5, 0, 4]), np.array([4, 9, 3, 8])  # two notes of two words
    windows = windows_around(begins, ends, 5, note_starts=[0, 2])
    assert windows.note.tolist() == [0, 0, 1, 1]
    assert windows.begins.tolist() == [0, 0, 0, 0]
    assert windows.ends.tolist() == [9, 9, 8, 8]


def test_a_window_touches_a_span_only_where_they_share_a_character_of_the_same_note() -> None:
    begins, ends = np.array([0, 5, 0, 4]), np.array([4, 9, 3, 8])
    windows = windows_around(begins, ends, 0, note_starts=[0, 2])

    def touched(note: int, begin: int, end: int) -> list[bool]:
        return windows.touch(np.array([note]), np.array([begin]), np.array([end])).tolist()

    assert touched(0, 3, 5) == [True, False, False, False]  # the span ends where word 1 begins
    assert touched(0, 4, 5) == [False, False, False, False]  # the blank between the words
    assert touched(1, 2, 5) == [False, False, True, True]
    nothing = np.array([], dtype=np.int64)
    assert windows.touch(nothing, nothing, nothing).tolist() == [False] * 4


def test_top_words_are_the_heaviest_whose_windows_share_nothing() -> None:
    weights = np.array([0.1, 0.3, 0.25, 0.05, 0.2, 0.1])
    assert top_words(weights, 3) == [1, 2, 4]
    assert top_words(weights, 3, apart=3) == [1, 4]
    assert top_words(np.full(3, 1 / 3), 2) == [0, 1]


@pytest.mark.parametrize("length", [4, 100])
def test_attention_sd_is_numpys_over_the_padded_note(length: int) -> None:
    weights = np.array([[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3]])
    padded = np.pad(weights, ((0, 0), (0, length - 3)))
    np.testing.assert_allclose(attention_sd(weights, length), padded.std(axis=1))


def test_attention_sd_by_hand() -> None:
    assert attention_sd(np.array([1.0, 0.0]), length=2) == pytest.approx(0.5)  # of 1 and 0
    assert attention_sd(np.full(4, 0.25), length=4) == pytest.approx(0.0)
    one_word = np.array([1.0])
    assert attention_sd(one_word) == pytest.approx(1 / 4000**0.5, rel=1e-3)  # the most there can be
    with pytest.raises(ValueError, match="a note of 4 words does not fit length=3"):
        attention_sd(np.full(4, 0.25), length=3)


def test_attention_entropy_counts_words_and_not_padding() -> None:
    even = np.full(4, 0.25, dtype=np.float32)
    assert np.exp(attention_entropy(even)) == pytest.approx(4)
    assert attention_entropy(np.append(even, [0, 0])) == pytest.approx(np.log(4))
    rows = np.array([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(np.exp(attention_entropy(rows)), [1, 2])


def test_a_highlighted_note_is_the_note_escaped() -> None:
    words = tokenize(NOTE)
    weights = np.zeros(len(words))
    weights[[5, 7]] = 0.2, 0.1
    shown = note_as_html(NOTE, words.begins, words.ends, weights, spans=[(18, 28)])
    assert html.unescape(re.sub(r"</?(div|span)[^>]*>", "", shown)) == NOTE
    assert "<b>" not in shown
    heats = re.findall(r"rgba\(240, 120, 20, ([\d.]+)\)[^>]*>([^<]*)<", shown)
    assert heats == [("1.0", "pain"), ("0.5", "insulin")]
    assert re.findall(r"border-bottom[^>]*>([^<]*)<", shown) == ["chest ", "pain"]


def test_an_empty_note_can_be_highlighted() -> None:
    nothing = np.array([], dtype=np.int32)
    assert note_as_html("", nothing, nothing, np.array([])).startswith("<div")
