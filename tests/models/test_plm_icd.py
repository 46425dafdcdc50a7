"""Promises of PLM-ICD, PLM-CA and ISD over a pretrained encoder."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isd_pipeline.models.isd.pretrained import PretrainedISDConfig, isd_over
from isd_pipeline.models.layers import label_attention
from isd_pipeline.models.layers.pretrained import description_states
from isd_pipeline.models.plm_icd import PLMCA, PLMICD, PLMCAConfig, PLMICDConfig
from isd_pipeline.models.system import Initialisation
from tests.models.tiny_encoder import by_hand, needs_transformers

close = torch.testing.assert_close
EXACT = {"atol": 1e-12, "rtol": 1e-12}
TITLES = torch.tensor([[3, 7], [5, 0], [2, 4]])
LOG_ODDS = torch.tensor([-1.0, -2.0, -3.0])
TOKENS = torch.tensor([[3, 4, 5, 9], [7, 0, 0, 0]])

pytestmark = needs_transformers


def start_of() -> Initialisation:
    words, codes = torch.zeros(12, 8), torch.zeros(3, 8)
    given = {"pretrained": by_hand(12)}
    return Initialisation(words, words, codes, TITLES, LOG_ODDS, torch.arange(3), **given)


def plm_icd(**settings: object) -> PLMICD:
    torch.manual_seed(0)
    return PLMICD(PLMICDConfig(**settings), by_hand(12), TITLES, LOG_ODDS).eval()


def plm_ca() -> PLMCA:
    torch.manual_seed(0)
    model = PLMCA(PLMCAConfig(), by_hand(12), 3).double().eval()
    for name in ("queries", "to_key.weight", "to_value.weight", "to_value.bias", "score.weight"):
        nn.init.normal_(model.get_parameter(name))
    return model


def test_plm_icd_is_laats_attention_over_the_encoders_states():
    model = plm_icd().double()
    hidden = model.read(TOKENS[:1], TOKENS[:1] != 0)[0]
    weights = (model.attend.queries @ (model.transform.weight @ hidden.T).tanh()).softmax(dim=1)
    found = (weights @ hidden * model.attend.score.weight).sum(dim=1) + model.attend.score.bias
    close(model(TOKENS, TOKENS != 0).logits[0], found, **EXACT)
    close(model.attention_of(TOKENS[:1], TOKENS[:1] != 0, torch.tensor([1])), weights[1:2], **EXACT)


def test_codes_may_begin_at_their_titles():
    model = plm_icd(codes_start="titles")
    titles = description_states(model.read, TITLES)
    close(model.attend.queries, nn.Parameter(titles))
    close(model.attend.score.weight, nn.Parameter(titles / 8**0.5))
    assert model.attend.score.bias.tolist() == LOG_ODDS.tolist()
    assert torch.equal(model.transform.weight, torch.eye(8))


def test_plm_ca_by_its_equation():
    """Keys and values projected, as the equation has them; ours folds the matrices."""
    model = plm_ca()
    hidden = model.read(TOKENS[:1], TOKENS[:1] != 0)[0]
    keys, values = model.to_key(hidden), model.to_value(hidden)
    weights = (model.queries @ keys.T).softmax(dim=1)
    found = model.score(model.norm(weights @ values))[:, 0]
    close(model(TOKENS, TOKENS != 0).logits[0], found, **EXACT)
    close(model.attention_of(TOKENS[:1], TOKENS[:1] != 0, torch.tensor([1])), weights[1:2], **EXACT)


def test_plm_cas_codes_may_be_taken_some_at_a_time(monkeypatch: pytest.MonkeyPatch):
    whole, parted = plm_ca(), plm_ca()
    for model, at_once in ((whole, 256), (parted, 2)):
        monkeypatch.setattr(label_attention, "LABELS_AT_ONCE", at_once)
        model(TOKENS, TOKENS != 0).logits.square().sum().backward()
    close(whole.queries.grad, parted.queries.grad, **EXACT)
    name = "read.network.embeddings.word_embeddings.weight"
    close(whole.get_parameter(name).grad, parted.get_parameter(name).grad, **EXACT)


@pytest.mark.parametrize("make", [plm_icd, plm_ca])
def test_bf16_autocast_gives_fp32_logits_near_those_of_fp32(make):
    model = make().float()
    wanted = model(TOKENS, TOKENS != 0).logits
    with torch.autocast("cpu", torch.bfloat16):
        found = model(TOKENS, TOKENS != 0).logits
    assert found.dtype is torch.float32
    close(found, wanted, atol=0.1, rtol=0.05)
    assert not torch.equal(found, wanted)


def test_isds_codes_begin_at_their_titles_and_its_queries_read_the_encoder():
    torch.manual_seed(0)
    config = PretrainedISDConfig(width=8, n_queries=4, n_layers=0)
    model = isd_over(config, start_of()).eval()
    close(model.codes, nn.Parameter(description_states(model.encode, TITLES)))
    hidden = model.encode(TOKENS[:1], TOKENS[:1] != 0)[0]
    weights = (model.attend.queries @ hidden.T / 8**0.5).softmax(dim=1)
    wanted = (weights @ hidden @ model.codes.T).amax(dim=0)
    close(model(TOKENS, TOKENS != 0).logits[0], wanted)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"width": 12}, "width=12: this encoder's states have width 8"),
        ({"width": 8, "kernel_sizes": (3,)}, "kernel_sizes"),
        ({"width": 8, "shared_space": True}, "shared_space"),
        ({"width": 8, "chunk": 1}, "chunk"),
    ],
)
def test_settings_that_mean_nothing_to_an_encoder_are_refused(settings: dict, message: str):
    with pytest.raises(ValueError, match=message):
        isd_over(PretrainedISDConfig(**settings), start_of())
