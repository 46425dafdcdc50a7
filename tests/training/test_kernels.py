"""The functions with gradients of their own have those of the plain ones."""

from __future__ import annotations

import pytest
import torch

from isd_pipeline.training.kernels import Dropout, best_match, draw_kept, read

close = torch.testing.assert_close


def mask(lengths: list[int], longest: int) -> torch.Tensor:
    return torch.arange(longest) < torch.tensor(lengths)[:, None]


def test_attention_by_hand():
    memory = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]])
    query = torch.tensor([[[torch.tensor(3.0).log(), 0.0]]])  # weights 3 : 1, the third is padding
    found, weights, sums = read(query, memory, mask([2], 3))

    close(weights, torch.tensor([[[0.75, 0.25, 0.0]]]))
    close(found, torch.tensor([[[0.75, 0.25]]]))
    close(sums, torch.ones(1, 1))
    assert weights[0, 0, 2] == 0


def test_a_row_without_keys_stays_finite():
    found, weights, _ = read(torch.randn(1, 2, 4), torch.randn(1, 3, 4), mask([0], 3))
    assert found.isfinite().all()
    assert weights.isfinite().all()


def test_softmax_runs_in_fp32_under_bf16_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        found, weights, _ = read(torch.randn(1, 2, 4), torch.randn(1, 3, 4), mask([3], 3))
    assert found.dtype == torch.bfloat16
    assert weights.dtype == torch.float32
    close(weights.sum(-1), torch.ones(1, 2))


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("transposed", [False, True])  # as the encoder lays its states out
@pytest.mark.parametrize("keys", [(2, 6), (2, 3, 6)])
def test_reading_has_the_gradients_of_its_equation(
    keys: tuple[int, ...], transposed: bool, dropout: float
):
    torch.manual_seed(0)
    queries = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    memory = torch.randn(2, 6, 4, dtype=torch.float64)
    memory = (memory.mT.contiguous().mT if transposed else memory).requires_grad_()
    is_key = torch.rand(keys) < 0.7
    is_key[..., 0] = True

    def found(queries: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(1)
        values, _, sums = read(queries, memory, is_key, dropout)
        return values, sums

    assert torch.autograd.gradcheck(found, (queries, memory))


def test_the_gradient_of_a_memory_is_laid_out_as_the_memory():
    hidden = torch.randn(2, 4, 6, requires_grad=True)
    (gradient,) = torch.autograd.grad(
        read(torch.randn(2, 3, 4), hidden.mT, mask([6, 6], 6))[0].sum(), hidden
    )
    assert gradient.is_contiguous()


def test_dropped_weights_are_those_whose_gradient_is_dropped():
    torch.manual_seed(0)
    memory = torch.eye(8)[None].requires_grad_()  # what is read are the weights themselves
    values, weights, sums = read(torch.zeros(1, 5, 8), memory, mask([8], 8), 0.5)
    close(values, weights)
    close(sums, weights.sum(-1))
    assert set(weights.flatten().tolist()) == {0.0, 0.25}  # 1 / 8, scaled by 2
    (gradient,) = torch.autograd.grad(values.sum(), memory)
    close(gradient.sum(dim=2)[0] / 8, weights.sum(dim=1)[0], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 400_003])  # four values share 64 bits
def test_dropout_draws_for_every_value(size: int):
    torch.manual_seed(0)
    is_kept, scale = draw_kept(torch.empty(size), 0.1)
    assert is_kept.shape == (size,)
    assert scale == pytest.approx(1 / 0.9, rel=1e-4)
    if size > 1000:
        share = is_kept.double().mean().item()
        assert share == pytest.approx(0.9, abs=0.002)  # four standard deviations
        assert share * scale == pytest.approx(1.0, abs=0.002)
        neighbours = is_kept[:-4].view(-1)[: size // 4 * 4 - 4].double()
        assert abs(torch.corrcoef(torch.stack([neighbours[:-1], neighbours[1:]]))[0, 1]) < 0.01


def test_dropout_leaves_evaluation_alone_and_follows_the_seed():
    values = torch.randn(3, 7)
    layer = Dropout(0.5).eval()
    assert layer(values) is values
    layer.train()
    torch.manual_seed(3)
    first = layer(values)
    torch.manual_seed(3)
    assert torch.equal(layer(values), first)
    assert not torch.equal(layer(values), first)
    assert set((first / values).flatten().tolist()) <= {0.0, 2.0}


@pytest.mark.parametrize("n_codes", [1, 700])  # one tile, and more than one
def test_best_match_has_the_values_and_gradients_of_a_plain_maximum(n_codes: int):
    shared = torch.randn(3, 5, 8, requires_grad=True)
    codes = torch.randn(n_codes, 8, requires_grad=True)
    weights = torch.randn(3, n_codes)
    plain = (shared @ codes.T).amax(dim=1)
    fast = best_match(shared, codes)
    close(fast, plain)
    for got, want in zip(
        torch.autograd.grad((fast * weights).sum(), (shared, codes)),
        torch.autograd.grad((plain * weights).sum(), (shared, codes)),
        strict=True,
    ):
        close(got, want, atol=1e-5, rtol=1e-5)


def test_best_match_gives_fp32_scores_under_bf16_autocast():
    shared, codes = torch.randn(2, 3, 8, requires_grad=True), torch.randn(5, 8, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        scores = best_match(shared, codes)
    assert scores.dtype == torch.float32
    scores.sum().backward()
    assert shared.grad.dtype == codes.grad.dtype == torch.float32
