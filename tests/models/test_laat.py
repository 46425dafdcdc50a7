"""Promises of LAAT and JointLAAT: the published sizes, and what each is without a part."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from isd_pipeline.models.laat import LAAT, JointLAAT, JointLAATConfig, LAATConfig, Level
from isd_pipeline.models.layers.label_attention import LabelwiseAttention

close = torch.testing.assert_close
EXACT = {"atol": 1e-12, "rtol": 1e-12}
N_WORDS, N_CODES, N_CATEGORIES = 52_254, 8_921, 1_159


def count(model: nn.Module, trained: bool = False) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trained)


def test_the_published_sizes():
    """Of JointLAAT without a projection from the second level, which the authors never use."""
    words = torch.empty(N_WORDS, 100, device="meta")
    with torch.device("meta"):
        laat = LAAT(LAATConfig(), words, N_CODES)
        joint = JointLAAT(JointLAATConfig(), words, N_CODES, N_CATEGORIES)
    assert count(laat) == 21_976_209
    assert count(laat, trained=True) == 21_976_209 - 5_225_400  # word vectors stay
    assert count(joint) + N_CODES * 128 == 26_714_008


def test_the_identity_as_w_is_camls_attention():
    """Where tanh is the identity, that is for states near 0, to twelve digits."""
    torch.manual_seed(0)
    level = Level(LAATConfig(width=2, attention_width=4), 5).double()
    caml = LabelwiseAttention(5, 4, 4).double()
    nn.init.eye_(level.transform.weight)
    level.attend.queries.data.normal_().mul_(1e6)
    caml.load_state_dict(level.attend.state_dict())
    hidden = torch.randn(2, 6, 4, dtype=torch.double) * 1e-6
    is_token = torch.arange(6) < torch.tensor([[6], [4]])
    close(level(hidden, is_token), caml(hidden, hidden, is_token), **EXACT)
    wanted = caml.attention_of(torch.arange(5), hidden[:1], is_token[:1])
    close(level.attention_of(torch.arange(5), hidden[:1], is_token[:1]), wanted[0], **EXACT)
    assert wanted.max() > 0.5  # an attention that does choose


def test_a_note_is_read_by_what_it_is_not_by_what_it_is_asked_by():
    """The keys are tanh(W h), the values h itself."""
    torch.manual_seed(0)
    model = LAAT(LAATConfig(width=3, attention_width=2), torch.randn(9, 4), 5).double().eval()
    tokens = torch.tensor([[3, 4, 5]])
    hidden = model.read(tokens, tokens != 0)[0]
    level = model.codes
    weights = (level.attend.queries @ (level.transform.weight @ hidden.T).tanh()).softmax(dim=1)
    found = (weights @ hidden * level.attend.score.weight).sum(dim=1) + level.attend.score.bias
    close(model(tokens, tokens != 0).logits[0], found, **EXACT)


def test_a_zero_projection_is_laat_with_another_bias():
    """sigmoid(0) is 1/2 for every note, so a code's bias gains half the sum of its weights."""
    torch.manual_seed(0)
    words, tokens = torch.randn(9, 4), torch.tensor([[3, 4, 5, 2], [1, 7, 0, 0]])
    sizes = {"width": 3, "attention_width": 2}
    joint = JointLAAT(JointLAATConfig(**sizes, projection=4), words, 5, 3).double().eval()
    laat = LAAT(LAATConfig(**sizes), words, 5).double().eval()
    laat.load_state_dict(
        {n: w for n, w in joint.state_dict().items() if n.startswith(("read.", "codes."))}
    )
    nn.init.zeros_(joint.project.weight)
    laat.codes.attend.score.bias.data += joint.of_projection.weight.sum(dim=1) / 2
    found = joint(tokens, tokens != 0)
    close(found.logits, laat(tokens, tokens != 0).logits, **EXACT)
    asked = tokens[:1], tokens[:1] != 0, torch.arange(5)
    close(joint.attention_of(*asked), laat.attention_of(*asked), **EXACT)
    assert found.categories.shape == (2, 3)


def test_codes_hear_of_the_categories():
    torch.manual_seed(0)
    model = JointLAAT(JointLAATConfig(width=3, attention_width=2), torch.randn(9, 4), 5, 3)
    tokens = torch.tensor([[3, 4, 5]])
    model(tokens, tokens != 0).logits.sum().backward()
    assert model.categories.attend.queries.grad.any()


@pytest.mark.parametrize("settings", [{"width": 0}, {"dropout": 1.0}, {"projection": 0}])
def test_settings_that_cannot_be_are_refused(settings: dict):
    with pytest.raises(ValueError, match=next(iter(settings))):
        JointLAATConfig(**settings)
