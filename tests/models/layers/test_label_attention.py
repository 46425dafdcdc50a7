"""Promises of the attention with a query a code: the plain formula, in tiles, never in fp16."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from isd_pipeline.models.layers import label_attention
from isd_pipeline.models.layers.label_attention import LabelwiseAttention

close = torch.testing.assert_close
EXACT = {"atol": 1e-12, "rtol": 1e-12}
N_CODES, N_KEYS, WIDTH = 7, 5, 3


def attention_of(key_width: int = 4) -> LabelwiseAttention:
    torch.manual_seed(0)
    attend = LabelwiseAttention(N_CODES, key_width, WIDTH).double()
    torch.nn.init.normal_(attend.queries)
    return attend


def note(key_width: int = 4, n_notes: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Keys, values, and which of them are there: the last note is two keys short."""
    torch.manual_seed(1)
    keys = torch.randn(n_notes, N_KEYS, key_width, dtype=torch.double, requires_grad=True)
    values = torch.randn(n_notes, N_KEYS, WIDTH, dtype=torch.double, requires_grad=True)
    is_key = torch.ones(n_notes, N_KEYS, dtype=torch.bool)
    is_key[-1, 3:] = False
    return keys, values, is_key


def plain(attend: LabelwiseAttention, keys: Tensor, values: Tensor, is_key: Tensor) -> tuple:
    """The formula as it is written, every weight of every code at once."""
    scores = attend.queries @ keys.mT
    weights = scores.masked_fill(~is_key[:, None], -torch.inf).softmax(-1)
    found = weights @ values
    return (found * attend.score.weight).sum(-1) + attend.score.bias, weights


@pytest.mark.parametrize("codes_at_once", [1, 3, 100])
def test_tiles_give_the_logits_and_gradients_of_the_plain_formula(
    monkeypatch: pytest.MonkeyPatch, codes_at_once: int
):
    monkeypatch.setitem(label_attention.SCORES_AT_ONCE, "cpu", codes_at_once * N_KEYS)
    attend, (keys, values, is_key) = attention_of(), note()
    weights_of_logits = torch.randn(2, N_CODES, dtype=torch.double)
    parts = [*attend.parameters(), keys, values]
    found = attend(keys, values, is_key)
    wanted, _ = plain(attend, keys, values, is_key)
    close(found, wanted, **EXACT)
    got = torch.autograd.grad((found * weights_of_logits).sum(), parts)
    want = torch.autograd.grad((wanted * weights_of_logits).sum(), parts)
    for ours, theirs in zip(got, want, strict=True):
        close(ours, theirs, **EXACT)


def test_one_tensor_may_be_keys_and_values():
    attend, (keys, _, is_key) = attention_of(key_width=WIDTH), note(key_width=WIDTH)
    (got,) = torch.autograd.grad(attend(keys, keys, is_key).square().sum(), keys)
    (want,) = torch.autograd.grad(plain(attend, keys, keys, is_key)[0].square().sum(), keys)
    close(got, want, **EXACT)


def test_a_code_reads_the_word_it_asks_for_by_hand():
    attend = LabelwiseAttention(1, 1, 2)
    attend.queries.data.fill_(1.0)
    attend.score.weight.data.copy_(torch.tensor([[1.0, 10.0]]))
    attend.score.bias.data.fill_(0.5)
    keys = torch.tensor([[[0.0], [3.0]]]).log1p()  # exp of the scores: 1 and 4
    values = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    is_key = torch.ones(1, 2, dtype=torch.bool)
    logits = attend(keys, values, is_key)
    close(attend.attention_of(torch.tensor([0]), keys, is_key), torch.tensor([[[0.2, 0.8]]]))
    close(logits, torch.tensor([[0.2 * 1 + 0.8 * 10 + 0.5]]))


def test_attention_of_some_codes_is_the_formulas_and_ends_at_the_note():
    attend, (keys, values, is_key) = attention_of(), note()
    attention = attend.attention_of(torch.tensor([4, 1]), keys, is_key)
    close(attention, plain(attend, keys, values, is_key)[1][:, [4, 1]], **EXACT)
    assert not attention[1, :, 3:].any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scores_beyond_fp16_do_no_harm_under_autocast(dtype: torch.dtype):
    attend = attention_of().float()
    attend.queries.data.fill_(400.0)
    keys, values, is_key = (x.float() if x.is_floating_point() else x for x in note())
    keys = torch.full_like(keys, 100.0)  # scores of 160,000
    with torch.autocast("cpu", dtype):
        logits = attend(keys.to(dtype), values.to(dtype), is_key)
    logits.sum().backward()
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    assert attend.queries.grad.isfinite().all()
    close(logits, plain(attend, keys, values, is_key)[0], atol=0.03, rtol=0.03)
