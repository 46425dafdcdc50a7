"""HA-GRU by hand, and against a reading that knows no padding."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isd_pipeline.models.ha_gru import HAGRU, HAGRUConfig, cut_sentences
from isd_pipeline.models.layers.encoders import Recurrent
from tests.models.graphs.graph_models import N_CODES, ha_gru, logits, notes

close = torch.testing.assert_close
EXACT = {"atol": 1e-12, "rtol": 1e-12}


def begin_at(tokens: Tensor, *places: int) -> Tensor:
    begins = torch.zeros_like(tokens, dtype=torch.bool)
    begins[:, list(places)] = True
    return begins


def read_alone(network: Recurrent, sequence: Tensor) -> Tensor:
    back = network.backwards(sequence.flip(0))[0].flip(0)
    return torch.cat([network.onwards(sequence)[0], back], dim=1)


def test_a_note_without_known_sentences_is_cut_into_equal_pieces():
    is_token = torch.arange(8) < torch.tensor([[7], [2]])
    starts, place = cut_sentences(is_token, None, longest=3)
    assert starts.nonzero().tolist() == [[0, 0], [0, 3], [0, 6], [1, 0]]
    assert place[0].tolist() == [0, 1, 2, 0, 1, 2, 0, 1]


def test_sentences_begin_where_they_are_said_to_and_long_ones_are_cut():
    is_token = torch.arange(9)[None] < 8
    begins = torch.zeros(1, 9, dtype=torch.bool)
    begins[0, [2, 8]] = True  # the first word begins a sentence unsaid, padding never
    starts, place = cut_sentences(is_token, begins, longest=4)
    assert starts[0].nonzero()[:, 0].tolist() == [0, 2, 6]
    assert place[0, :8].tolist() == [0, 1, 0, 1, 2, 3, 0, 1]


def test_logits_are_those_of_the_equations_sentence_by_sentence():
    model, tokens = ha_gru(longest_sentence=9).double(), notes(8)
    attend = model.attend_words
    sentences = []
    for words in model.words[tokens[0]].split([3, 1, 4]):
        states = read_alone(model.read_words, words)
        weights = (attend.to_key(states).tanh() @ attend.query.weight[0]).softmax(dim=0)
        sentences.append(states.T @ weights)
    states = read_alone(model.read_sentences, torch.stack(sentences))
    wanted = []
    for code in range(N_CODES):
        weights = (model.to_key(states).tanh() @ model.codes[code]).softmax(dim=0)
        wanted.append(states.T @ weights @ model.score.weight[code] + model.score.bias[code])
    found = model(tokens, tokens != 0, begins=begin_at(tokens, 0, 3, 4)).logits
    close(found[0], torch.stack(wanted), **EXACT)


def test_sentences_given_are_sentences_read():
    model, tokens = ha_gru(longest_sentence=4).double(), notes(10)
    given = model(tokens, tokens != 0, begins=begin_at(tokens, 0, 4, 8)).logits
    close(given, logits(model, tokens), **EXACT)  # where the fall-back begins them
    other = model(tokens, tokens != 0, begins=begin_at(tokens, 0, 3, 7)).logits
    assert (other - given).abs().max() > 1e-6


def test_notes_of_different_sentences_do_not_touch_each_other():
    model, tokens = ha_gru().double(), notes(9, 3, 14)
    begins = torch.rand(3, 14, generator=torch.Generator().manual_seed(2)) < 0.4
    together = model(tokens, tokens != 0, begins=begins).logits
    for row, length in enumerate((9, 3, 14)):
        own = slice(row, row + 1), slice(0, length)
        close(
            together[row : row + 1],
            model(tokens[own], tokens[own] != 0, begins=begins[own]).logits,
            **EXACT,
        )


def test_attention_to_a_sentence_is_shared_out_among_its_words():
    model, tokens = ha_gru().double(), notes(6)
    begins = begin_at(tokens, 0, 3)
    attention = model.attention_of(tokens, tokens != 0, torch.arange(N_CODES), begins=begins)
    first, second = attention[:, :3], attention[:, 3:]
    shares = first / first.sum(dim=1, keepdim=True)
    close(shares, shares[:1].expand(N_CODES, -1))  # the words' attention is one for all codes
    assert first.sum(dim=1).std() > 1e-6  # the sentences' is each code's own
    close((first.sum(dim=1) + second.sum(dim=1)), torch.ones(N_CODES).double())


@pytest.mark.parametrize(("codes", "millions"), [(8_921, 10.7), (5_031, 9.2)])
def test_the_shared_matrix_keeps_it_small(codes: int, millions: float):
    """10.7 million parameters instead of 305, 9.2 instead of 175."""
    with torch.device("meta"):
        model = HAGRU(HAGRUConfig(), torch.empty(52_254, 128), codes)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == millions
