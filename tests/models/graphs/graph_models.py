"""Tiny models of each kind that knows how codes are related, and notes for them to read."""

from __future__ import annotations

from typing import Any

import torch
from scipy import sparse
from torch import Tensor, nn

from isd_pipeline.embeddings.graphs import cooccurrence
from isd_pipeline.models.ha_gru import HAGRU, HAGRUConfig
from isd_pipeline.models.hypercore import HyperCore, HyperCoreConfig
from isd_pipeline.models.msatt_kg import MSATTKG, MSATTKGConfig

N_WORDS, WORD_WIDTH, N_CODES, CODE_WIDTH = 30, 6, 9, 12
PARENTS = torch.tensor([9, 9, 9, 10, 10, 11, 11, 11, 7, 11, 11, -1])  # code 8 is below code 7


def words() -> Tensor:
    return torch.randn(N_WORDS + 2, WORD_WIDTH)


def links() -> sparse.csr_matrix:
    """Co-occurrence in 20 notes of 3 codes or so, the last code always alone."""
    gold = torch.rand(20, N_CODES) < 0.3
    gold[:, -1] = ~gold[:, :-1].any(dim=1)
    return cooccurrence(sparse.csr_matrix(gold.numpy()))


def hypercore(**settings: Any) -> HyperCore:
    torch.manual_seed(0)
    config = HyperCoreConfig(**{"filters": 8, "kernel_size": 3, "graph_width": 7} | settings)
    hyperbolic = 0.5 * nn.functional.normalize(torch.randn(N_CODES, 4))
    return HyperCore(config, words(), torch.randn(N_CODES, CODE_WIDTH), links(), hyperbolic).eval()


def msatt_kg(**settings: Any) -> MSATTKG:
    torch.manual_seed(0)
    config = MSATTKGConfig(**{"scales": 3, "channels": 8} | settings)
    inner = torch.randn(len(PARENTS) - N_CODES, CODE_WIDTH)
    codes = torch.randn(N_CODES, CODE_WIDTH)
    return MSATTKG(config, words(), codes, inner, PARENTS).eval()


def ha_gru(**settings: Any) -> HAGRU:
    torch.manual_seed(0)
    config = HAGRUConfig(
        **{"units": 4, "attention": 5, "piece": 4, "longest_sentence": 4} | settings
    )
    return HAGRU(config, words(), N_CODES).eval()


MODELS = {"hypercore": hypercore, "msatt_kg": msatt_kg, "ha_gru": ha_gru}


def notes(*lengths: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(1, N_WORDS, (length,), generator=generator)
    return tokens


def logits(model: nn.Module, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        return model(tokens, tokens != 0).logits
