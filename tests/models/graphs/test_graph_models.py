"""What holds for every model that knows how codes are related."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from isd_pipeline.models.layers import label_attention
from isd_pipeline.models.prediction import Prediction, PredictionConfig
from isd_pipeline.training.batches import Batch
from tests.models.batching import assert_padding_neighbours_and_order_change_nothing
from tests.models.graphs.graph_models import MODELS, N_CODES, N_WORDS, logits, notes

close = torch.testing.assert_close
EXACT = {"atol": 1e-12, "rtol": 1e-12}
WIDER = {"hypercore": {}, "msatt_kg": {"channels": 24}, "ha_gru": {"units": 16, "attention": 16}}
EACH = pytest.mark.parametrize("name", MODELS)


@EACH
def test_padding_neighbours_and_order_never_change_a_notes_logits(name: str):
    model = MODELS[name]().double()
    assert_padding_neighbours_and_order_change_nothing(model, logits, notes(9, 3, 14, 1))


@EACH
def test_neighbours_do_not_change_a_note_while_training_either(name: str):
    model, batch = MODELS[name](dropout=0.0).double().train(), notes(9, 3, 14)
    close(logits(model, batch)[1:2], logits(model, batch[1:2, :3]), **EXACT)


@EACH
def test_the_gradient_reaches_every_parameter(name: str):
    model, tokens = MODELS[name]().train(), notes(9, 3)
    gold = torch.tensor([[0, 3], [5, -1]])
    objective = Prediction(PredictionConfig())
    objective(model, Batch(tokens, gold, torch.arange(2).numpy()))["prediction"].backward()
    untouched = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert untouched == []


@EACH
def test_codes_taken_some_at_a_time_score_and_learn_as_all_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
):
    model, tokens = MODELS[name]().double(), notes(9, 3)
    found = []
    for at_once in (N_CODES, 2):
        monkeypatch.setattr(label_attention, "LABELS_AT_ONCE", at_once)
        model.zero_grad()
        scores = model(tokens, tokens != 0).logits
        scores.square().sum().backward()
        found.append([scores.detach(), *(p.grad.clone() for p in model.parameters())])
    for whole, parts in zip(*found, strict=True):
        close(whole, parts, **EXACT)


@EACH
def test_attention_ends_at_the_note(name: str):
    model, tokens = MODELS[name](), F.pad(notes(5), (0, 4))
    attention = model.attention_of(tokens, tokens != 0, torch.arange(N_CODES))
    close(attention.sum(-1), torch.ones(N_CODES))
    assert not attention[:, 5:].any()


@EACH
def test_a_word_that_names_a_code_is_learned(name: str):
    """Words 1 to 9 name the nine codes; a note holds some of them among words that name none."""
    model = MODELS[name](dropout=0.0, **WIDER[name]).train()
    generator = torch.Generator().manual_seed(0)
    has = torch.rand(60, N_CODES, generator=generator) < 0.3
    filler = torch.randint(N_CODES + 1, N_WORDS, has.shape, generator=generator)
    tokens = torch.where(has, torch.arange(1, N_CODES + 1), filler)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(100):
        optimizer.zero_grad()
        scores = model(tokens, tokens != 0).logits
        F.binary_cross_entropy_with_logits(scores, has.float()).backward()
        optimizer.step()
    assert ((scores > 0) == has).float().mean() > 0.97


@EACH
@pytest.mark.parametrize("wrong", [{"dropout": 1.0}, {"dropout": -0.1}])
def test_settings_that_cannot_be_meant_are_refused(name: str, wrong: dict[str, float]):
    with pytest.raises(ValueError, match="not in"):
        MODELS[name](**wrong)


@pytest.mark.parametrize("name", ["hypercore", "msatt_kg"])
def test_an_even_kernel_is_refused_for_it_has_no_middle(name: str):
    with pytest.raises(ValueError, match="kernel_size=4: an odd number wanted"):
        MODELS[name](kernel_size=4)
