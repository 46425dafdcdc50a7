"""Systems by name: made from the training data's start, and again from a checkpoint's weights."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor, nn

from isd_pipeline.data.hierarchy import CodeTree
from isd_pipeline.embeddings.graphs import cooccurrence
from isd_pipeline.training.systems import SYSTEMS, Start, rebuild

N_WORDS, N_CODES = 20, 6
SIZES: dict[str, dict[str, Any]] = {
    "isd": {"kernel_sizes": (3,), "width": 8, "n_queries": 3},
    "ha_gru": {"units": 4, "attention": 5},
    "msatt_kg": {"scales": 2, "channels": 6},
    "hypercore": {"filters": 6, "graph_width": 5},
}


@pytest.fixture
def start() -> Start:
    torch.manual_seed(0)
    gold = torch.rand(15, N_CODES) < 0.4
    return Start(
        words=torch.randn(N_WORDS + 2, 7),
        words_of_codes=torch.randn(N_WORDS + 2, 8),
        codes=torch.randn(N_CODES, 8),
        titles=torch.randint(1, N_WORDS, (N_CODES, 3)),
        label_log_odds=torch.zeros(N_CODES),
        code_groups=torch.arange(N_CODES) // 2,
        tree=CodeTree(("",) * 8, np.array([6, 6, 6, 7, 7, 3, 7, -1]), N_CODES),
        cooccurrence=cooccurrence(sparse.csr_matrix(gold.numpy())),
        places=torch.rand(N_CODES, 4) / 4,
    )


def made(name: str, start: Start) -> tuple[Any, nn.Module]:
    system = SYSTEMS[name]
    config = system.model_config(**SIZES[name])
    return config, system.make_model(config, start).eval()


def logits(model: nn.Module, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        return model(tokens, tokens != 0).logits


def test_every_system_is_tried_here():
    assert SIZES.keys() == SYSTEMS.keys()


@pytest.mark.parametrize("name", SIZES)
def test_a_model_made_again_from_its_weights_scores_as_before(name: str, start: Start):
    config, model = made(name, start)
    weights = {n: value.clone() for n, value in model.state_dict().items()}
    again = rebuild({"system": name, "model": asdict(config)}, weights).eval()
    tokens = torch.randint(1, N_WORDS, (2, 9))
    assert torch.equal(logits(again, tokens), logits(model, tokens))


@pytest.mark.parametrize("name", ["hypercore", "msatt_kg"])
def test_codes_begin_as_the_mean_of_their_titles_words(name: str, start: Start):
    _, model = made(name, start)
    want = start.words[start.titles].mean(dim=1)
    torch.testing.assert_close(model.codes.detach(), want)


@pytest.mark.parametrize(("name", "part"), [("hypercore", "places"), ("msatt_kg", "tree")])
def test_a_system_says_what_it_lacks(name: str, part: str, start: Start):
    with pytest.raises(ValueError, match=f"{name} needs"):
        made(name, replace(start, **{part: None}))
