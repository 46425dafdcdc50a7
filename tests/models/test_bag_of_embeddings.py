"""What is special to a bag of embeddings: order says nothing, and a score is a sum over words."""

from __future__ import annotations

import numpy as np
import torch

from isd_pipeline.models.bag_of_embeddings import BagConfig, BagOfEmbeddings
from isd_pipeline.predictors.evidence import code_evidence

close = torch.testing.assert_close
TOKENS = torch.tensor([[3, 1, 4, 1, 5]])


def bag() -> BagOfEmbeddings:
    torch.manual_seed(0)
    return BagOfEmbeddings(BagConfig(), torch.randn(9, 6), 7).eval()


def logits(model: BagOfEmbeddings, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(tokens, tokens != 0).logits


def test_a_score_is_the_mean_of_what_the_words_say_alone():
    model = bag()
    close(logits(model, TOKENS)[0], logits(model, TOKENS.T).mean(dim=0))


def test_the_order_of_the_words_says_nothing():
    close(logits(bag(), TOKENS), logits(bag(), TOKENS.flip(1)))


def test_evidence_is_each_words_share_of_what_raises_the_score():
    model = bag()
    alone = (logits(model, TOKENS.T) - model.score.bias.detach()).clamp(min=0).numpy()  # N L
    codes = np.flatnonzero(alone.any(axis=0))
    found = code_evidence(model, TOKENS[0].numpy(), codes, max_tokens=9)
    np.testing.assert_allclose(found, (alone / alone.sum(axis=0)).T[codes], rtol=1e-4)


def test_a_code_that_every_word_speaks_against_has_no_evidence():
    model = bag()
    with torch.no_grad():
        model.words.weight.copy_(model.words.weight.abs())
        model.score.weight[2] = -1.0
    found = code_evidence(model, TOKENS[0].numpy(), np.array([2]), max_tokens=9)
    assert not found.any()
