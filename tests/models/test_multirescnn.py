"""Promises of MultiResCNN: the published size, torch's own norm, statistics of real tokens."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isd_pipeline.models.multirescnn import (
    MultiResCNN,
    MultiResCNNConfig,
    ResidualFilter,
    TokenNorm,
)

close = torch.testing.assert_close
N_WORDS, N_CODES = 52_254, 8_921


def test_the_published_size():
    """11.96 M count a bias of the attention, one a code, that the authors never use."""
    with torch.device("meta"):
        model = MultiResCNN(MultiResCNNConfig(), torch.empty(N_WORDS, 100), N_CODES)
    assert sum(parameter.numel() for parameter in model.parameters()) + N_CODES == 11_958_242


def test_without_padding_the_norm_is_torchs_own():
    torch.manual_seed(0)
    ours, theirs = TokenNorm(3).double(), nn.BatchNorm1d(3).double()
    everywhere = torch.ones(2, 5, dtype=torch.bool)
    for _ in range(2):  # the second step's running means depend on the first's
        states = torch.randn(2, 3, 5, dtype=torch.double, requires_grad=True)
        found, wanted = ours(states, everywhere), theirs(states)
        close(found, wanted)
        weights = torch.randn_like(found)
        (got,) = torch.autograd.grad((found * weights).sum(), states)
        (want,) = torch.autograd.grad((wanted * weights).sum(), states)
        close(got, want)
    close(ours.running_mean, theirs.running_mean)
    close(ours.running_var, theirs.running_var)
    close(ours.eval()(states, everywhere), theirs.eval()(states))


def test_statistics_in_training_are_those_of_real_tokens():
    torch.manual_seed(0)
    norm, alone = TokenNorm(3).double(), TokenNorm(3).double()
    note = torch.randn(1, 3, 4, dtype=torch.double)
    padded = torch.cat([note, torch.full((1, 3, 6), 100.0, dtype=torch.double)], dim=2)
    is_token = torch.arange(10)[None] < 4
    found = norm(padded, is_token)[..., :4]
    close(found, alone(note, is_token[:, :4]), atol=1e-12, rtol=1e-12)
    close(found.mean(dim=2), torch.zeros(1, 3, dtype=torch.double))
    close(norm.running_mean, alone.running_mean)
    close(norm.running_var, alone.running_var)


def test_in_training_padding_changes_no_state_and_no_gradient():
    torch.manual_seed(0)
    read = ResidualFilter(4, 3, 5, dropout=0.0).double()
    words = torch.randn(1, 6, 4, dtype=torch.double)
    padded = torch.cat([words, torch.zeros(1, 7, 4, dtype=torch.double)], dim=1)
    is_token = torch.arange(13)[None] < 6
    shorter, longer = read(words, is_token[:, :6]), read(padded, is_token)[:, :6]
    close(longer, shorter, atol=1e-12, rtol=1e-12)
    for weight in read.parameters():
        (got,) = torch.autograd.grad(longer.pow(3).sum(), weight, retain_graph=True)
        (want,) = torch.autograd.grad(shorter.pow(3).sum(), weight, retain_graph=True)
        close(got, want, atol=1e-10, rtol=1e-10)


def test_one_token_has_no_variance_and_does_no_harm():
    norm = TokenNorm(2)
    found = norm(torch.ones(1, 2, 1), torch.ones(1, 1, dtype=torch.bool))
    close(found, torch.zeros(1, 2, 1))
    assert norm.running_var.isfinite().all()


@pytest.mark.parametrize("settings", [{"kernel_sizes": (4,)}, {"width": 0}, {"dropout": -0.1}])
def test_settings_that_cannot_be_are_refused(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        MultiResCNNConfig(**settings)
