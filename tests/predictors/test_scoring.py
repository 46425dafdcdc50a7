from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from isd_pipeline.predictors.scoring import predict
from isd_pipeline.text.documents import Documents


class Output(NamedTuple):
    logits: Tensor


class MeanOfWords(nn.Module):
    """Scores a note by the mean of its words; dropout would show if it were left on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.words = nn.Embedding(50, 4)
        self.dropout = nn.Dropout(0.5)
        self.codes = nn.Linear(4, 3)
        self.shapes: list[tuple[int, int]] = []

    def forward(self, tokens: Tensor, is_token: Tensor) -> Output:
        assert torch.is_inference_mode_enabled()
        self.shapes.append(tuple(tokens.shape))
        words = self.dropout(self.words(tokens)) * is_token[..., None]
        return Output(self.codes(words.sum(dim=1) / is_token.sum(dim=1, keepdim=True)))


def documents_of(lengths: list[int]) -> Documents:
    generator = np.random.default_rng(0)
    starts = np.cumsum([0, *lengths]).astype(np.int64)
    tokens = generator.integers(1, 50, starts[-1]).astype(np.int32)
    none = np.zeros(len(lengths) + 1, dtype=np.int64)
    ids = np.array([f"d{n}" for n in range(len(lengths))], dtype=str)
    return Documents(ids, tokens, starts, np.zeros(0, np.int32), none)


MIXED = documents_of([9, 2, 30, 4, 17, 1, 12])


def test_scores_stand_in_the_documents_order():
    model = MeanOfWords()
    scores = predict(model, MIXED, batch_size=3, max_tokens=100)
    assert (scores.shape, scores.dtype) == ((7, 3), np.float32)
    for row in range(7):
        with torch.no_grad():
            words = model.words(torch.from_numpy(MIXED.tokens_of(row)).long()).mean(dim=0)
            expected = model.codes(words)
        np.testing.assert_allclose(scores[row], expected.numpy(), atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
def test_scores_do_not_depend_on_the_batch_size(batch_size: int):
    model = MeanOfWords()
    scores, other = (predict(model, MIXED, batch_size=n, max_tokens=100) for n in (batch_size, 3))
    np.testing.assert_allclose(scores, other, atol=1e-6)


def test_only_the_first_tokens_are_read():
    model = MeanOfWords()
    short = documents_of([5])
    long = Documents(
        short.ids,
        np.concatenate([short.tokens, np.array([7, 8], np.int32)]),
        np.array([0, 7]),
        short.labels,
        short.label_starts,
    )
    cut, whole = (predict(model, d, batch_size=1, max_tokens=5) for d in (long, short))
    assert cut.tolist() == whole.tolist()


def test_notes_of_like_length_are_read_together_the_longest_first():
    model = MeanOfWords()
    predict(model, MIXED, batch_size=3, max_tokens=20)
    assert model.shapes == [(3, 20), (3, 9), (1, 1)]


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool):
    model = MeanOfWords().train(training)
    predict(model, MIXED, batch_size=3, max_tokens=20)
    assert model.training == model.dropout.training == training
    model.codes.weight.sum().backward()  # its weights can still be trained


def test_no_documents_are_refused():
    with pytest.raises(ValueError, match="no document to predict"):
        predict(MeanOfWords(), documents_of([]), batch_size=3, max_tokens=20)
