"""Promises of the evidence of systems whose codes read for themselves: it is their attention."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from isd_pipeline.models.caml import CAML, CAMLConfig
from isd_pipeline.models.cnn_gru import CNN, CNNConfig
from isd_pipeline.models.laat import LAAT, LAATConfig
from isd_pipeline.models.system import ReadsByCode
from isd_pipeline.predictors.attention import code_attention, read_codes, shares_representations
from isd_pipeline.predictors.evidence import code_evidence, has_evidence
from tests.models.test_systems import N_CODES, model_of, notes, systems

TOKENS = np.array([3, 1, 4, 1, 5], dtype=np.int32)


@systems
def test_attention_of_some_codes_is_the_forward_passs_whatever_stands_beside_the_note(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    """What the forward pass reads of notes padded beside each other is recorded on its way."""
    model, lengths = model_of(name).eval(), (9, 3, 14, 1)
    assert not (shares_representations(model) and isinstance(model, ReadsByCode))
    batch, codes, seen = notes(*lengths), np.array([4, 1]), []
    module = import_module(type(model).__module__)
    if name not in ("msatt_kg", "hypercore"):
        return  # by hand, below and in tests/models
    attend = module.label_attention
    monkeypatch.setattr(
        module, "label_attention", lambda *given: seen.append(attend(*given)) or seen[-1]
    )
    with torch.no_grad():
        model(batch, batch != 0)
    together = seen[0].numpy()
    for row, length in enumerate(lengths):
        alone = code_attention(model, batch[row, :length].numpy(), codes)
        np.testing.assert_allclose(alone, together[row, codes, :length], rtol=1e-4, atol=1e-6)


def test_without_shared_representations_an_isd_is_one_of_them():
    model = model_of("isd", representation="per_label", attention_temperature=9.0).eval()
    batch = notes(9, 3)
    with torch.no_grad():
        together = model(batch, batch != 0, want_attention=True).attention.numpy()
    alone = code_attention(model, batch[1, :3].numpy(), np.array([4, 1]))
    np.testing.assert_allclose(alone, together[1, [4, 1], :3], rtol=1e-5)


def test_ha_gru_is_told_of_the_sentences_and_of_those_behind_the_last_word_read_nothing():
    model = model_of("ha_gru", piece=4, longest_sentence=3).eval()
    tokens, codes = notes(9), np.array([2, 0])
    begins = torch.tensor([[1, 0, 1, 0, 0, 0, 0, 1, 0]], dtype=torch.bool)
    with torch.no_grad():
        read = model._read(tokens, tokens != 0, begins)
        expected = read.on_words((read.keys @ model.codes.T).softmax(dim=1).mT)[0]
    found = code_attention(model, tokens[0].numpy(), codes, np.array([0, 2, 7, 9, 30]))
    np.testing.assert_allclose(found, expected[codes].numpy(), rtol=1e-4, atol=1e-6)
    assert np.abs(found - code_attention(model, tokens[0].numpy(), codes)).max() > 1e-3


@systems
def test_evidence_is_a_weight_a_word_that_sums_to_one_over_what_was_read(name: str):
    model = model_of(name).eval()
    if name == "bi_gru":
        assert not has_evidence(model)
        with pytest.raises(ValueError, match="BiGRU has no attention of its codes"):
            code_evidence(model, TOKENS, np.array([0]), max_tokens=9)
        return
    assert has_evidence(model)
    tokens = np.concatenate([TOKENS, TOKENS, TOKENS])
    codes = np.arange(N_CODES)
    found = code_evidence(model, tokens, codes, max_tokens=12, note_starts=(0, 7, 14))
    assert found.shape == (N_CODES, 15)
    assert (found >= 0).all()
    assert (found[:, 12:] == 0).all()
    sums = found.sum(axis=1)
    raised = sums > 0  # where nothing attends, a code may have no word that raises its score
    assert raised.any() if name in ("cnn", "bag_of_embeddings") else raised.all()
    np.testing.assert_allclose(sums[raised], 1, rtol=1e-5)
    assert found[raised][0].max() > found[raised][0, :12].min()


def plainly(queries: Tensor, keys: Tensor) -> Tensor:
    """softmax(q k), without a model's help."""
    scores = (queries @ keys.T).exp()
    return scores / scores.sum(dim=1, keepdim=True)


def test_laats_evidence_by_hand_is_what_its_logits_are_made_of():
    torch.manual_seed(0)
    model = LAAT(LAATConfig(width=3, attention_width=2), torch.randn(9, 4), 7).eval()
    nn.init.normal_(model.codes.attend.queries)
    tokens = torch.from_numpy(TOKENS.astype(np.int64))[None]
    with torch.no_grad():
        states = model.read(tokens, tokens != 0)[0]
        keys = (states @ model.codes.transform.weight.T).tanh()
        weights = plainly(model.codes.attend.queries, keys)
        score = model.codes.attend.score
        logits = (weights @ states * score.weight).sum(dim=1) + score.bias
        torch.testing.assert_close(model(tokens, tokens != 0).logits[0], logits)
    found = code_evidence(model, TOKENS, np.array([6, 2, 3]), max_tokens=9)
    np.testing.assert_allclose(found, weights[[6, 2, 3]].numpy(), rtol=1e-5)


def test_camls_evidence_by_hand_is_what_its_logits_are_made_of():
    """Three words a window, one window a word: each hands a third of its weight to each of them."""
    torch.manual_seed(0)
    model = CAML(CAMLConfig(width=4, kernel_size=3), torch.randn(9, 6), 7).eval()
    with torch.no_grad():
        words = F.pad(model.words.weight[TOKENS], (0, 0, 1, 1))
        kernel, bias = model.encode.convolve.weight, model.encode.convolve.bias
        windows = words.unfold(0, 3, 1)  # word, width, place
        states = (torch.einsum("nek,dek->nd", windows, kernel) + bias).tanh()
        weights = plainly(model.attend.queries, states)
        logits = (weights @ states * model.attend.score.weight).sum(dim=1) + model.attend.score.bias
        tokens = torch.from_numpy(TOKENS.astype(np.int64))[None]
        torch.testing.assert_close(model(tokens, tokens != 0).logits[0], logits)
    handed = np.array(  # from window to word; the outermost windows hold two words of the note
        [
            [1 / 2, 1 / 2, 0, 0, 0],
            [1 / 3, 1 / 3, 1 / 3, 0, 0],
            [0, 1 / 3, 1 / 3, 1 / 3, 0],
            [0, 0, 1 / 3, 1 / 3, 1 / 3],
            [0, 0, 0, 1 / 2, 1 / 2],
        ]
    )
    found = code_evidence(model, TOKENS, np.array([6, 2]), max_tokens=9)
    np.testing.assert_allclose(found, weights[[6, 2]].numpy() @ handed, rtol=1e-5)


def cnn() -> CNN:
    torch.manual_seed(0)
    return CNN(CNNConfig(width=5, kernel_size=4), torch.randn(9, 6), 7).eval()


def test_a_cnns_evidence_is_the_windows_that_raise_the_score():
    """Of six words there are three windows; what they add to a score, with the bias, is it."""
    model, tokens = cnn(), torch.tensor([[3, 1, 4, 1, 5, 2]])
    with torch.no_grad():
        states = model.encode(model.words(tokens, tokens != 0), tokens != 0)[0][0]
        parts = torch.stack(
            [
                torch.where(states.argmax(dim=0) == p, states[p], 0.0) @ model.score.weight.T
                for p in range(3)
            ]
        )
        logits = model(tokens, tokens != 0).logits[0]
    torch.testing.assert_close(parts.sum(dim=0) + model.score.bias, logits)
    raising = parts.clamp(min=0).numpy()
    for code in range(7):
        (found,) = code_evidence(model, tokens[0].numpy(), np.array([code]), max_tokens=9)
        share = raising[:, code] / max(raising[:, code].sum(), 1e-9)
        expected = np.zeros(6)
        for p in range(3):
            expected[p : p + 4] += share[p] / 4
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_cnn_for_whose_code_no_window_speaks_has_no_evidence_for_it_and_a_short_note_has():
    model = cnn()
    tokens = torch.tensor([[3, 1]])
    with torch.no_grad():
        (state,) = model.encode(model.words(tokens, tokens != 0), tokens != 0)[0][0]
        model.score.weight[0] = -state.sign()
        model.score.weight[1] = state.sign()
    found = code_evidence(model, np.array([3, 1]), np.array([0, 1]), max_tokens=9)
    np.testing.assert_allclose(found, [[0, 0], [0.5, 0.5]], rtol=1e-6)


def dense_of(model: Any, words: Tensor, is_token: Tensor) -> Tensor:
    return model.weigh(model.encode(words, is_token))


ENCODERS: dict[str, tuple[dict[str, Any], Callable[[Any, Tensor, Tensor], Tensor]]] = {
    "caml": ({"kernel_size": 4}, lambda m, x, there: m.encode(x, there)[0][:, :-1]),
    "multirescnn": (
        {},
        lambda m, x, there: torch.cat([read(x, there) for read in m.filters], dim=2),
    ),
    "msatt_kg": ({}, dense_of),
    "hypercore": ({"kernel_size": 5}, lambda m, x, there: m.encode(x, there)),
}


@pytest.mark.parametrize("name", ENCODERS)
def test_evidence_reaches_just_those_words_that_can_move_what_was_attended_to(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    """Two implementations: windows by counting, and the gradient of the encoder."""
    settings, encode = ENCODERS[name]
    model, n_words = model_of(name, **settings).eval(), 30
    words = torch.randn(1, n_words, 6, requires_grad=True)
    states = encode(model, words, torch.ones(1, n_words, dtype=torch.bool))
    for word in (0, 3, 15, 28):
        one = np.eye(n_words)[[word]]
        monkeypatch.setattr(
            "isd_pipeline.predictors.evidence.code_attention", lambda *_, one=one: one
        )
        found = code_evidence(model, np.ones(n_words, np.int32), np.array([0]), max_tokens=99)
        (gradient,) = torch.autograd.grad(states[0, word].sum(), words, retain_graph=True)
        moved = gradient[0].abs().sum(dim=1).numpy() > 0
        np.testing.assert_array_equal(found[0] > 0, moved)


class Largest(TorchDispatchMode):
    """How many numbers the largest tensor has that is made meanwhile."""

    numbers = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for one in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(one, Tensor):
                self.numbers = max(self.numbers, one.numel())
        return made


@pytest.mark.parametrize("name", ["caml", "laat"])
def test_of_thousands_of_codes_only_those_asked_for_cost_memory(name: str):
    n_codes, n_words = 5000, 400
    words = torch.randn(9, 4)
    model: nn.Module = (
        LAAT(LAATConfig(width=3, attention_width=2), words, n_codes)
        if name == "laat"
        else CAML(CAMLConfig(width=4), words, n_codes)
    )
    tokens = np.resize(TOKENS, n_words)
    with Largest() as made:
        code_evidence(model, tokens, np.arange(3), max_tokens=n_words)
    assert made.numbers < n_codes * 8  # far from n_codes * n_words
    with Largest() as made:
        code_attention(model, tokens, np.arange(n_codes))
    assert made.numbers >= n_codes * n_words  # it would have been seen


def test_a_reading_has_the_predicted_codes_likeliest_first_and_all_scores():
    model = model_of("laat")
    model.codes.attend.score.bias.data = torch.tensor([0.0, 5.0, -5.0, 9.0, -9.0, 7.0])
    model.train()
    reading = read_codes(model, TOKENS, 3.0)
    assert model.training
    assert reading.winners.tolist() == [-1, 2, -1, 0, -1, 1]
    expected = code_attention(model, TOKENS, np.array([3, 5, 1]))
    np.testing.assert_array_equal(reading.attention, expected)
    np.testing.assert_array_equal(reading.attention_of(1), expected[2])
    with pytest.raises(ValueError, match="code 2: its attention was not asked for"):
        reading.attention_of(2)
    assert reading.scores.shape == (N_CODES,)
    assert read_codes(model, TOKENS, 99.0).attention.shape == (0, len(TOKENS))


def test_a_state_of_a_recurrent_network_stands_for_its_own_word():
    names = ("laat", "joint_laat", "ha_gru", "isd_lstm")
    assert [model_of(name).windows for name in names] == [(1,)] * 4
