"""Sharpness over a split is the mean over its notes, whatever else is in the batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from isd_pipeline.evaluation import sharpness
from isd_pipeline.evaluation.sharpness import attention_sharpness
from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.system import isd_of
from isd_pipeline.predictors.attention import attention_entropy, attention_sd, read_note
from isd_pipeline.text.documents import Documents


def documents_of(lengths: list[int]) -> Documents:
    starts = np.cumsum([0, *lengths]).astype(np.int64)
    tokens = np.random.default_rng(0).integers(1, 30, starts[-1]).astype(np.int32)
    none = np.zeros(len(lengths) + 1, dtype=np.int64)
    ids = np.array([f"d{n}" for n in range(len(lengths))], dtype=str)
    return Documents(ids, tokens, starts, np.zeros(0, np.int32), none)


def model_of(**choices: object) -> nn.Module:
    torch.manual_seed(0)
    config = ISDConfig(kernel_sizes=(3, 5), width=8, n_queries=4, dropout=0.5, **choices)
    return isd_of(config, torch.randn(30, 6), torch.randn(5, 8))


NOTES = documents_of([9, 2, 30, 4, 17, 1, 12])


@pytest.mark.parametrize("choices", [{}, {"representation": "per_label"}])
@pytest.mark.parametrize("cells", [1, 400, 1 << 22])
def test_it_is_the_mean_of_each_note_read_alone(monkeypatch, choices: dict, cells: int):
    monkeypatch.setattr(sharpness, "CELLS", cells)
    model = model_of(**choices)
    alone = [read_note(model, NOTES.tokens_of(n)[:20]).attention for n in range(len(NOTES))]
    found = attention_sharpness(model, NOTES, max_tokens=20)
    entropies = np.concatenate([attention_entropy(weights) for weights in alone])
    assert found == pytest.approx(
        {
            "attention_sd": np.concatenate([attention_sd(weights) for weights in alone]).mean(),
            "attention_entropy": entropies.mean(),
            "attention_words": np.exp(entropies).mean(),
        },
        rel=1e-5,
    )


def test_the_model_reads_without_dropout_and_goes_on_training():
    model = model_of()
    model.train()
    assert attention_sharpness(model, NOTES, max_tokens=20) == attention_sharpness(
        model, NOTES, max_tokens=20
    )
    assert model.training


def test_a_model_that_reads_more_than_the_authors_pad_to_has_no_such_number():
    found = attention_sharpness(model_of(), NOTES, max_tokens=4001)
    assert sorted(found) == ["attention_entropy", "attention_words"]


def test_of_another_system_nothing_is_said():
    assert attention_sharpness(nn.Linear(2, 2), NOTES, max_tokens=20) == {}
