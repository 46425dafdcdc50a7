"""Every system finds out, in a few hundred steps, that each code is said by a word.

A model whose beginnings are out of scale, as LAAT's are on word vectors of norm 1, stays at the
codes' frequencies and raises no error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.embeddings.graphs import cooccurrence
from isd_pipeline.evaluation.metrics import threshold_metrics
from isd_pipeline.models.registry import SYSTEMS, Start, log_odds
from isd_pipeline.predictors.scoring import predict
from isd_pipeline.text.documents import Documents
from isd_pipeline.training.batches import training_batches
from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train

N_CODES, N_FILLERS, LENGTH, WIDTH, BATCH = 8, 8, 20, 32, 8
TITLES = torch.arange(1, N_CODES + 1)[:, None]
SIZES: dict[str, dict[str, Any]] = {
    "isd": {"width": WIDTH, "kernel_sizes": (3, 5), "n_queries": 16},
    "isd_lstm": {"width": WIDTH, "n_queries": 16},
    "caml": {"width": 32, "kernel_size": 4},
    "dr_caml": {"width": 32, "kernel_size": 4},
    "cnn": {"width": 64},
    "bi_gru": {"width": 64},
    "multirescnn": {"width": 16, "kernel_sizes": (3, 5)},
    "laat": {"width": 128, "attention_width": 128},
    "joint_laat": {"width": 128, "attention_width": 128, "projection": 8},
    "ha_gru": {"units": 32, "attention": 32},
    "msatt_kg": {"scales": 2, "channels": 32},
    "hypercore": {"filters": 32, "kernel_size": 3, "graph_width": 16},
}
RATES = {"laat": 1e-3, "joint_laat": 1e-3}  # their authors'; the others have 0.01
EPOCHS = {"isd": 2, "isd_lstm": 2, "ha_gru": 7, "msatt_kg": 5}  # others have 4, of 40 steps each


def corpus(n_documents: int, seed: int) -> Documents:
    """Notes of 20 words, in sentences of about 5: word c + 1 says code c, fillers say nothing."""
    generator = np.random.default_rng(seed)
    codes = generator.random((n_documents, N_CODES)) < 0.25
    codes[codes.sum(axis=1) == 0, 0] = True
    labels, notes = [np.flatnonzero(row) for row in codes], []
    for own in labels:
        fillers = N_CODES + 1 + generator.integers(0, N_FILLERS, LENGTH - len(own))
        notes.append(generator.permutation(np.append(fillers, own + 1)))
    breaks = [np.flatnonzero(np.append(True, generator.random(LENGTH - 1) < 0.2)) for _ in notes]
    return Documents(
        ids=np.array([str(n) for n in range(n_documents)]),
        tokens=np.concatenate(notes).astype(np.int32),
        token_starts=np.arange(n_documents + 1) * LENGTH,
        labels=np.concatenate(labels).astype(np.int32),
        label_starts=np.cumsum([0, *map(len, labels)]),
        sentences=np.concatenate(breaks).astype(np.int32),
        sentence_starts=np.cumsum([0, *map(len, breaks)]),
    )


def start_of(documents: Documents) -> Start:
    """Word vectors of norm 1, as `embed` makes them for the notes."""
    words = F.normalize(torch.randn(N_CODES + N_FILLERS + 2, WIDTH))
    gold = documents.label_matrix(N_CODES)
    parents = np.append(N_CODES + np.arange(N_CODES) // 2, [-1] * (N_CODES // 2))
    return Start(
        words=words,
        words_of_codes=words,
        codes=words[TITLES[:, 0]],
        titles=TITLES,
        label_log_odds=log_odds(gold),
        code_groups=torch.arange(N_CODES) // 2,
        tree=CodeTree(("",) * len(parents), parents, N_CODES),
        cooccurrence=cooccurrence(gold),
        places=torch.rand(N_CODES, 4) / 4,
    )


# A pretrained encoder knows its words already: tests/models hold of it what can break.
@pytest.mark.parametrize("name", [name for name in SYSTEMS if not SYSTEMS[name].pretrained])
def test_a_code_that_a_word_says_is_found_in_notes_never_seen(name: str):
    torch.manual_seed(0)
    system, seen, unseen = SYSTEMS[name], corpus(320, seed=0), corpus(60, seed=1)
    start, losses, gold = start_of(seen), system.objective_config(), unseen.label_matrix(N_CODES)
    model = system.make_model(system.model_config(**SIZES[name], dropout=0.0), start)
    config = TrainingConfig(
        max_epochs=EPOCHS.get(name, 4),
        warm_up_epochs=0,
        schedule="constant",
        learning_rate=RATES.get(name, 0.01),
        batch_size=BATCH,
    )
    reading = {"max_tokens": LENGTH, "sentences": system.sentences}
    trained = train(
        model,
        lambda epoch: training_batches(seen, BATCH, seed=1, epoch=epoch, **reading),
        system.make_objective(losses, start),
        make_optimizer(model, config),
        config,
        weights=losses.weights,
        validate=lambda model: {
            "dev_f1_micro": threshold_metrics(
                gold, predict(model, unseen, batch_size=60, **reading)
            )["f1_micro"]
        },
        record=lambda epoch, figures: None,
        seed=1,
    )
    assert trained.best.score > 0.95
