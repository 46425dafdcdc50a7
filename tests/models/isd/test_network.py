"""Promises of the model: notes never touch each other, every option does what it says."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.labelwise import LabelwiseISD
from isd_pipeline.models.isd.network import ISD, group_means
from isd_pipeline.models.isd.system import isd_of
from isd_pipeline.models.layers import label_attention
from tests.models.batching import assert_padding_neighbours_and_order_change_nothing

close = torch.testing.assert_close
N_WORDS, N_CODES, WIDTH = 30, 12, 8


def small_isd(seed: int = 0, words: int = 6, codes: int = WIDTH, **settings: Any) -> Any:
    """A tiny model; settings are fields of ISDConfig."""
    torch.manual_seed(seed)
    sizes = {"kernel_sizes": (3, 5), "width": WIDTH, "n_queries": 4} | settings
    return isd_of(
        ISDConfig(**sizes),
        torch.randn(N_WORDS + 2, words),
        torch.randn(N_CODES, codes),
        label_log_odds=torch.linspace(-5, 1, N_CODES),
        code_groups=torch.arange(N_CODES) // 4,
    ).eval()


def notes(*lengths: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(1, N_WORDS, (length,), generator=generator)
    return tokens


def logits(model: nn.Module, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens, tokens != 0).logits


OPTIONS: list[dict[str, Any]] = [
    {},
    {"n_layers": 0},
    {"n_heads": 2},
    {"n_queries": 1},
    {"n_queries": 0, "query_init": "hierarchy"},
    {"representation": "per_label"},
    {"code_norm": "unit"},
    {
        "words": WIDTH,
        "shared_space": True,
        "residual_words": 1.0,
        "logit_scale": 8.0,
        "learned_logit_scale": True,
        "attention_temperature": 20.0,
        "learned_temperature": True,
        "label_bias": "log_odds",
    },
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_padding_neighbours_and_order_never_change_a_notes_logits(options: dict[str, Any]):
    model = small_isd(**options).double()
    assert_padding_neighbours_and_order_change_nothing(model, logits, notes(9, 3, 14, 1))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option_trains_all_that_it_says_is_trained(options: dict[str, Any]):
    model = small_isd(**options).train()
    tokens = notes(9, 3)
    F.softplus(model(tokens, tokens != 0).logits).mean().backward()
    without = {name for name, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert without <= {"mask_code", "mask_bias"}  # these serve code completion alone


def test_attention_is_given_when_asked_and_ends_at_the_note():
    model, tokens = small_isd(), notes(5, 2)
    assert model(tokens, tokens != 0).attention is None
    attention = model(tokens, tokens != 0, want_attention=True).attention
    assert attention.shape == (2, 4, 5)
    close(attention.sum(-1), torch.ones(2, 4))
    assert not attention[1, :, 2:].any()


def test_the_temperature_sharpens_the_shared_attention():
    tokens = notes(12)
    spread = [
        small_isd(attention_temperature=t)(tokens, tokens != 0, want_attention=True)
        .attention.square()
        .sum(-1)
        .mean()
        .item()
        for t in (0.0, 1.0, 5.0, 50.0)
    ]
    assert spread[0] == pytest.approx(1 / 12)
    assert spread == sorted(spread)


def test_without_a_decoder_a_note_is_scored_by_what_the_attention_found():
    model, tokens = small_isd(n_layers=0), notes(4)
    hidden = model.read(tokens, tokens != 0)[0]
    weights = (model.attend.queries @ hidden.T / WIDTH**0.5).softmax(-1)
    want = (weights @ hidden @ model.codes.T).amax(dim=0)
    close(logits(model, tokens)[0], want.detach(), atol=1e-6, rtol=1e-5)


def test_per_label_reads_the_note_once_for_every_code(monkeypatch: pytest.MonkeyPatch):
    model, tokens = small_isd(representation="per_label"), notes(7, 3)
    assert isinstance(model, LabelwiseISD)
    monkeypatch.setattr(label_attention, "LABELS_AT_ONCE", 5)  # several shares
    output = model(tokens, tokens != 0, want_attention=True)
    hidden = model.read(tokens, tokens != 0)
    scores = (hidden @ model.each_label.queries.T).mT / WIDTH**0.5
    weights = scores.masked_fill((tokens == 0)[:, None], -torch.inf).softmax(-1)
    want = ((weights @ hidden) * model.codes).sum(-1)
    close(output.logits, want, atol=1e-6, rtol=1e-5)
    close(output.attention, weights, atol=1e-6, rtol=1e-5)
    close(logits(model, tokens), output.logits.detach(), atol=1e-6, rtol=1e-5)


def test_log_odds_as_label_bias_start_at_the_prevalence():
    prevalence = torch.linspace(0.001, 0.3, N_CODES)
    model = ISD(
        ISDConfig(kernel_sizes=(3,), width=WIDTH, n_queries=2, label_bias="log_odds"),
        torch.randn(N_WORDS, 6),
        torch.zeros(N_CODES, WIDTH),
        label_log_odds=prevalence.logit(),
    ).eval()
    close(logits(model, notes(5)).sigmoid()[0], prevalence)


def test_hierarchy_queries_start_at_the_mean_of_each_groups_codes():
    model = small_isd(n_queries=0, query_init="hierarchy")
    want = model.codes.unflatten(0, (3, 4)).mean(1)
    close(model.attend.queries.detach(), want.detach())
    codes = torch.tensor([[1.0, 0.0], [3.0, 0.0], [0.0, 5.0]])
    close(group_means(codes, torch.tensor([1, 1, 0])), torch.tensor([[0.0, 5.0], [2.0, 0.0]]))


def test_the_shared_space_has_words_and_codes_of_norm_one():
    model = small_isd(words=WIDTH, shared_space=True)
    close(model.words.norm(dim=1), torch.ones(N_WORDS + 2))
    close(model.codes.norm(dim=1), torch.ones(N_CODES))
    close(small_isd(code_norm="unit").codes.norm(dim=1), torch.ones(N_CODES))


def test_the_logit_scale_multiplies_the_match_alone():
    tokens = notes(6)
    plain = logits(small_isd(label_bias="log_odds"), tokens)
    scaled = logits(small_isd(label_bias="log_odds", logit_scale=3.0), tokens)
    bias = torch.linspace(-5, 1, N_CODES)
    close(scaled - bias, 3 * (plain - bias), atol=1e-5, rtol=1e-5)


def test_the_papers_size_on_mimic_iii():
    """10,372,753 less the authors' two attentions (263,168 each), plus l_mask and 3 scalars."""
    model = ISD(ISDConfig(), torch.zeros(52254, 100), torch.zeros(8921, 256))
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == 10_372_753 - 2 * 263_168 + 256 + 1


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"width": 10, "kernel_sizes": (3, 5, 7)}, "width=10 is not a multiple"),
        ({"kernel_sizes": (4,)}, "odd"),
        ({"label_bias": "ones"}, "label_bias='ones' is none of"),
        ({"query_init": "hierarchy"}, "n_queries: 0"),
        ({"n_queries": 0}, "n_queries: 0"),
        ({"dropout": 1.0}, "dropout"),
        ({"n_layers": -1}, "n_layers=-1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], complaint: str):
    with pytest.raises(ValueError, match=complaint):
        ISDConfig(**settings)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"codes": 7}, "code vectors have width 7"),
        ({"shared_space": True}, "word vectors have width 6"),
        ({"residual_words": 1.0}, "word vectors of width 6"),
    ],
)
def test_vectors_that_do_not_fit_are_refused(settings: dict[str, Any], complaint: str):
    with pytest.raises(ValueError, match=complaint):
        small_isd(**settings)


def test_what_a_setting_needs_must_be_given():
    words, codes = torch.zeros(5, 4), torch.zeros(3, 8)
    with pytest.raises(ValueError, match="label_log_odds"):
        ISD(ISDConfig(width=8, label_bias="log_odds"), words, codes)
    with pytest.raises(ValueError, match="code_groups"):
        ISD(ISDConfig(width=8, n_queries=0, query_init="hierarchy"), words, codes)
    with pytest.raises(ValueError, match="group 1"):
        group_means(torch.zeros(2, 3), torch.tensor([0, 2]))


def test_bf16_autocast_gives_fp32_logits_near_those_of_fp32():
    model, tokens = small_isd(), notes(9, 4)
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        output = model(tokens, tokens != 0)
    assert output.logits.dtype == torch.float32
    close(output.logits, logits(model, tokens), atol=0.15, rtol=0.1)
