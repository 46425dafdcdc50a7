"""The folded, packed and tiled pieces are equal to the plain ones."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isd_pipeline.models.layers.parts import (
    Attention,
    DecoderLayer,
    InteractiveDecoder,
    MultiScaleConv,
)
from isd_pipeline.training.kernels import best_match

close = torch.testing.assert_close


def mask(lengths: list[int], longest: int) -> torch.Tensor:
    return torch.arange(longest) < torch.tensor(lengths)[:, None]


@pytest.mark.parametrize("n_heads", [1, 2, 4])
def test_folded_attention_equals_torchs(n_heads: int):
    theirs = nn.MultiheadAttention(8, n_heads, batch_first=True)
    nn.init.normal_(theirs.in_proj_bias)
    nn.init.normal_(theirs.out_proj.bias)
    ours = Attention(8, n_heads)
    ours.load_state_dict(theirs.state_dict())
    queries, memory, is_key = torch.randn(2, 3, 8), torch.randn(2, 5, 8), mask([5, 2], 5)
    want, want_weights = theirs(
        queries, memory, memory, key_padding_mask=~is_key, average_attn_weights=False
    )
    got, weights = ours(queries, memory, is_key)

    close(got, want, atol=1e-6, rtol=1e-5)
    close(weights.unflatten(1, (n_heads, 3)), want_weights, atol=1e-6, rtol=1e-5)


def test_initial_attention_has_torchs_scale():
    torch.manual_seed(0)
    ours, theirs = Attention(64), nn.MultiheadAttention(64, 1)
    close(ours.in_proj_weight.abs().max(), theirs.in_proj_weight.abs().max(), atol=1e-3, rtol=0)
    close(ours.out_proj.weight.std(), theirs.out_proj.weight.std(), atol=3e-3, rtol=0)


@pytest.mark.parametrize("n_heads", [1, 2])
def test_decoder_layer_equals_torchs_with_its_weights(n_heads: int):
    theirs = nn.TransformerDecoderLayer(8, n_heads, 16, dropout=0.0, batch_first=True)
    for name, parameter in theirs.named_parameters():
        if "bias" in name:
            nn.init.normal_(parameter)
    ours = DecoderLayer(8, n_heads, 16, 0.0)
    ours.load_state_dict(theirs.state_dict())
    slots, memory = torch.randn(2, 4, 8), torch.randn(2, 5, 8)
    is_slot, is_key = mask([4, 3], 4), mask([5, 1], 5)
    want = theirs(slots, memory, tgt_key_padding_mask=~is_slot, memory_key_padding_mask=~is_key)
    got = ours(slots, slots, is_slot[:, None].expand(-1, 4, -1), memory, is_key)
    close(got, want, atol=2e-6, rtol=1e-5)

    (want.sin().sum()).backward()
    (got.sin().sum()).backward()
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        close(mine.grad, other.grad, atol=1e-5, rtol=1e-4, msg=lambda text, n=name: f"{n}: {text}")


def test_one_packed_call_equals_separate_calls():
    decoder = InteractiveDecoder(2, 8, 2, 16, 0.0)
    memory, is_key = torch.randn(3, 7, 8), mask([7, 4, 1], 7)
    groups = [torch.randn(3, size, 8) for size in (5, 2, 4)]
    masks = [mask([5, 5, 5], 5), mask([2, 1, 1], 2), mask([1, 4, 3], 4)]
    packed = decoder(groups, masks, memory, is_key)
    for group, is_slot, got in zip(groups, masks, packed, strict=True):
        (alone,) = decoder([group], [is_slot], memory, is_key)
        close(got, alone, atol=1e-6, rtol=1e-5)


def test_a_decoder_without_layers_gives_its_slots_back():
    slots = torch.randn(1, 2, 8)
    (got,) = InteractiveDecoder(0, 8, 1, 16, 0.1)(
        [slots], [mask([2], 2)], torch.randn(1, 3, 8), mask([3], 3)
    )
    assert torch.equal(got, slots)


def test_a_decoder_started_at_0_leaves_directions_and_learns_all_the_same():
    decoder = InteractiveDecoder(2, 8, 1, 16, 0.0, start=0.0)
    slots = torch.randn(1, 3, 8)
    inputs = [slots], [mask([3], 3)], torch.randn(1, 5, 8), mask([5], 5)
    (got,) = decoder(*inputs)
    close(got, nn.functional.layer_norm(slots, (8,)), atol=1e-4, rtol=1e-4)
    got.sin().sum().backward()
    assert decoder.layers[0].multihead_attn.out_proj.weight.grad.abs().sum() > 0


def test_dropped_attention_weights_drop_the_values_bias_too():
    """With every weight dropped, nothing of the values comes through, their bias included."""
    attention = Attention(4, 1, dropout=0.999999)
    nn.init.normal_(attention.in_proj_bias)
    torch.manual_seed(0)
    found, weights = attention(torch.randn(1, 2, 4), torch.randn(1, 3, 4), mask([3], 3))
    assert not weights.any()
    close(found, torch.zeros(1, 2, 4))


def test_convolution_by_hand():
    encode = MultiScaleConv(1, 1, (3,))
    with torch.no_grad():
        encode.convolutions[0].weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]))
        encode.convolutions[0].bias.zero_()
    words = torch.tensor([[[0.001], [0.002], [0.003]]])  # a word sees its two neighbours
    close(encode(words, mask([3], 3))[0, :, 0], torch.tensor([0.21, 0.321, 0.032]).tanh())
    close(encode(words, mask([2], 3))[0, :2, 0], torch.tensor([0.21, 0.021]).tanh())


def test_the_residual_path_adds_the_word_vectors():
    torch.manual_seed(0)
    plain = MultiScaleConv(4, 4, (1, 3))
    residual = MultiScaleConv(4, 4, (1, 3), residual=0.5)
    residual.load_state_dict(plain.state_dict())
    words, is_token = torch.randn(1, 5, 4), mask([5], 5)
    close(residual(words, is_token), plain(words, is_token) + 0.5 * words)
    with pytest.raises(ValueError, match=r"width 3 .* width 4"):
        MultiScaleConv(3, 4, (1,), residual=1.0)


def test_a_code_takes_its_best_match_among_the_shared_representations():
    shared = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])  # two representations of one note
    codes = torch.tensor([[3.0, 1.0], [0.0, -1.0]])  # 250.00, 401.9
    assert best_match(shared, codes).tolist() == [[3.0, 0.0]]  # max(3, 2), max(0, -2)
