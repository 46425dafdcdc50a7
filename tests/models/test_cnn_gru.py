"""Promises of the networks without attention: the published sizes, a note of two words by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isd_pipeline.models.cnn_gru import CNN, BiGRU, BiGRUConfig, CNNConfig

close = torch.testing.assert_close
N_WORDS = 52_254


@pytest.mark.parametrize(("n_codes", "size"), [(8_921, 9_895_321), (50, 5_450_950)])
def test_the_published_sizes_of_the_cnn(n_codes: int, size: int):
    with torch.device("meta"):
        model = CNN(CNNConfig(), torch.empty(N_WORDS, 100), n_codes)
    assert sum(p.numel() for p in model.parameters()) == size


def test_the_published_size_of_the_bi_gru():
    with torch.device("meta"):
        model = BiGRU(BiGRUConfig(), torch.empty(N_WORDS, 100), 8_921)
    assert sum(p.numel() for p in model.parameters()) == 10_351_761


def test_the_cnn_takes_the_best_window_by_hand():
    model = CNN(CNNConfig(width=1, kernel_size=1, dropout=0.0), torch.zeros(3, 1), 1)
    model.words.weight.data = torch.tensor([[9.0], [0.1], [0.4]])
    nn.init.ones_(model.encode.convolve.weight)
    nn.init.zeros_(model.encode.convolve.bias)
    nn.init.constant_(model.score.weight, 3.0)
    nn.init.constant_(model.score.bias, -1.0)
    tokens = torch.tensor([[1, 2, 1], [1, 0, 0]])
    want = 3 * torch.tensor([[0.4], [0.1]]).tanh() - 1
    close(model(tokens, tokens != 0).logits, want)


@pytest.mark.parametrize("both_ways", [True, False])
def test_the_gru_is_scored_by_its_last_states(both_ways: bool):
    torch.manual_seed(0)
    model = BiGRU(BiGRUConfig(width=4, both_ways=both_ways), torch.randn(9, 3), 2)
    tokens = torch.tensor([[3, 4]])
    states, _ = model.encode(model.words(tokens, tokens != 0), tokens != 0)
    ends = torch.cat([states[:, -1, :2], states[:, 0, 2:]], 1) if both_ways else states[:, -1]
    close(model(tokens, tokens != 0).logits, model.score(ends))


@pytest.mark.parametrize(
    ("config", "settings"),
    [(CNNConfig, {"width": 0}), (CNNConfig, {"dropout": 1.0}), (BiGRUConfig, {"width": 5})],
)
def test_settings_that_cannot_be_are_refused(config: type, settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        config(**settings)
