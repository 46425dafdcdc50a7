"""Promises of what notes are read with: windows where they should be, padding never inside."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isd_pipeline.models.layers.encoders import Recurrent, TanhConv, WordVectors, greatest

close = torch.testing.assert_close


def words_of(*lengths: int, width: int = 2) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    is_token = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    return torch.randn(len(lengths), max(lengths), width) * is_token[..., None], is_token


def summing(size: int, border: int) -> TanhConv:
    """A convolution that adds up what its window holds."""
    conv = TanhConv(1, 1, size, border)
    nn.init.ones_(conv.convolve.weight)
    nn.init.zeros_(conv.convolve.bias)
    return conv


@pytest.mark.parametrize(
    ("size", "border", "sums"),
    [
        (3, 1, [3, 6, 5]),  # an odd size: a window a word, centred
        (2, 1, [1, 3, 5, 3]),  # an even one: also the window behind the note
        (2, 0, [3, 5]),  # those that fit
        (3, 0, [6]),
        (5, 0, [6]),  # a note shorter than the window still has one
    ],
)
def test_windows_stand_where_they_should(size: int, border: int, sums: list[int]):
    words = torch.tensor([[[0.1], [0.2], [0.3]]])
    states, is_state = summing(size, border)(words, torch.ones(1, 3, dtype=torch.bool))
    close(states[0, :, 0].atanh(), torch.tensor(sums) / 10)
    assert is_state.all()


@pytest.mark.parametrize(("size", "border"), [(3, 1), (4, 2), (2, 0), (5, 0)])
def test_a_shorter_note_has_its_own_windows_and_no_other(size: int, border: int):
    conv = TanhConv(2, 3, size, border)
    words, is_token = words_of(9, 4, 1)
    states, is_state = conv(words, is_token)
    for note, length in enumerate((9, 4, 1)):
        alone, all_own = conv(words[note : note + 1, :length], is_token[note : note + 1, :length])
        assert all_own.all()
        assert is_state[note].sum() == alone.shape[1]
        close(states[note, : alone.shape[1]], alone[0])


def test_the_greatest_is_taken_over_the_note_alone():
    states = torch.tensor([[[-0.5], [-0.2], [0.9]]])
    is_state = torch.tensor([[True, True, False]])
    close(greatest(states, is_state), torch.tensor([[-0.2]]))


def test_padding_is_zero_and_untrained_words_stay():
    words = torch.ones(4, 2)
    look_up = WordVectors(words, dropout=0.0)
    tokens = torch.tensor([[3, 0]])
    close(look_up(tokens, tokens != 0), torch.tensor([[[1.0, 1.0], [0.0, 0.0]]]))
    assert look_up.weight.requires_grad
    assert not WordVectors(words, dropout=0.0, trained=False).weight.requires_grad


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_a_recurrent_network_is_torchs_on_each_note_alone(kind: type[nn.LSTM] | type[nn.GRU]):
    words, is_token = words_of(2, 6)
    network, torchs = Recurrent(kind, 2, 3), kind(2, 3, batch_first=True, bidirectional=True)
    back = {f"{name}_reverse": value for name, value in network.backwards.state_dict().items()}
    torchs.load_state_dict(network.onwards.state_dict() | back)
    states, last = network(words, is_token)
    assert states.shape == (2, 6, 6)
    assert not states[0, 2:].any()
    for note, length in enumerate((2, 6)):
        alone, _ = torchs(words[note : note + 1, :length])
        close(states[note, :length], alone[0])
        close(last[note], torch.cat([alone[0, -1, :3], alone[0, 0, 3:]]))


def test_a_network_that_reads_onwards_alone_has_one_direction():
    words, is_token = words_of(2, 6)
    network = Recurrent(nn.GRU, 2, 3, both_ways=False)
    states, last = network(words, is_token)
    assert states.shape == (2, 6, 3)
    close(last, torch.stack([states[0, 1], states[1, 5]]))
