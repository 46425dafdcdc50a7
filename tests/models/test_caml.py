"""Promises of CAML and DR-CAML: the published sizes, a note of two words by hand, the attention."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isd_pipeline.models.caml import CAML, DRCAML, CAMLConfig, DescriptionNet, on_words

close = torch.testing.assert_close
N_WORDS, N_CODES = 52_254, 8_921


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_published_sizes():
    """6.19 M and 11.46 M count a bias of the attention, one a code, that the authors never use."""
    words = torch.empty(N_WORDS, 100, device="meta")
    with torch.device("meta"):
        assert count(CAML(CAMLConfig(), words, N_CODES)) + N_CODES == 6_185_392
        assert count(DRCAML(CAMLConfig(), words, N_CODES)) + N_CODES == 11_463_392


def test_a_note_of_two_words_by_hand():
    """One filter over pairs of words: windows (0, a), (a, b), (b, 0)."""
    model = CAML(CAMLConfig(width=1, kernel_size=2, dropout=0.0), torch.zeros(3, 1), 1)
    model.words.weight.data = torch.tensor([[9.0], [0.1], [0.4]])
    nn.init.ones_(model.encode.convolve.weight)
    nn.init.zeros_(model.encode.convolve.bias)
    model.attend.queries.data.fill_(2.0)
    model.attend.score.weight.data.fill_(3.0)
    model.attend.score.bias.data.fill_(-1.0)
    tokens = torch.tensor([[1, 2]])
    logits, attention = (
        model(tokens, tokens != 0).logits,
        model.attention_of(tokens, tokens != 0, torch.tensor([0])),
    )
    states = torch.tensor([0.1, 0.5, 0.4]).tanh()
    weights = (2 * states).exp() / (2 * states).exp().sum()
    close(logits, (3 * (weights * states).sum() - 1).view(1, 1))
    close(attention, torch.stack([weights[0], weights[1] + weights[2]]).view(1, 2))


def test_the_window_behind_the_note_counts_for_the_last_word():
    attention = torch.tensor([[[0.1, 0.2, 0.3, 0.4]], [[0.5, 0.5, 0.0, 0.0]]])
    is_state = torch.tensor([[True, True, True, True], [True, True, False, False]])
    close(
        on_words(attention, is_state, 3),
        torch.tensor([[[0.1, 0.2, 0.7]], [[1.0, 0.0, 0.0]]]),
    )
    assert on_words(attention, is_state, 4) is attention  # an odd kernel


def test_a_description_is_read_as_if_alone():
    torch.manual_seed(0)
    net = DescriptionNet(CAMLConfig(width=4), torch.randn(20, 6)).double()
    titles = torch.tensor([[3, 4, 5], [7, 0, 0], [0, 0, 0]])  # the last has no word at all
    alone = torch.cat([net(titles[:1]), net(titles[1:2, :1]), net(titles[2:, :1])])
    close(net(titles), alone, atol=1e-12, rtol=1e-12)


def test_dr_caml_scores_as_caml():
    torch.manual_seed(0)
    words, tokens = torch.randn(20, 6), torch.tensor([[3, 4, 5]])
    described = DRCAML(CAMLConfig(width=4), words, 5).eval()
    plain = CAML(CAMLConfig(width=4), words, 5).eval()
    plain.load_state_dict(described.caml.state_dict())
    close(described(tokens, tokens != 0).logits, plain(tokens, tokens != 0).logits)
    assert described.code_vectors() is described.caml.attend.score.weight


@pytest.mark.parametrize("settings", [{"width": 0}, {"kernel_size": 0}, {"dropout": 1.0}])
def test_settings_that_cannot_be_are_refused(settings: dict[str, float]):
    with pytest.raises(ValueError, match=next(iter(settings))):
        CAMLConfig(**settings)
