"""Every system finds out, in a few hundred steps, that each code is said by a word.

A model whose beginnings are out of scale, as LAAT's are on word vectors of norm 1, stays at the
codes' frequencies and raises no error.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.embeddings.graphs import cooccurrence
from isd_pipeline.evaluation.metrics import threshold_metrics
from isd_pipeline.models.registry import load, names
from isd_pipeline.models.system import Initialisation, log_odds
from isd_pipeline.predictors.scoring import predict
from isd_pipeline.text.documents import Documents
from isd_pipeline.training.batches import training_batches
from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train

N_CODES, N_FILLERS, LENGTH, WIDTH, BATCH = 8, 8, 20, 32, 8
DESCRIPTIONS = torch.arange(1, N_CODES + 1)[:, None]


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


def start_of(documents: Documents) -> Initialisation:
    """Word vectors of norm 1, as `embed` makes them for the notes."""
    words = F.normalize(torch.randn(N_CODES + N_FILLERS + 2, WIDTH))
    gold = documents.label_matrix(N_CODES)
    parents = np.append(N_CODES + np.arange(N_CODES) // 2, [-1] * (N_CODES // 2))
    return Initialisation(
        words=words,
        code_words=words,
        codes=words[DESCRIPTIONS[:, 0]],
        descriptions=DESCRIPTIONS,
        label_log_odds=log_odds(gold),
        code_groups=torch.arange(N_CODES) // 2,
        tree=CodeTree(("",) * len(parents), parents, N_CODES),
        cooccurrence=cooccurrence(gold),
        hyperbolic=torch.rand(N_CODES, 4) / 4,
    )


# A pretrained encoder knows its words already: tests/models hold of it what can break.
@pytest.mark.parametrize("name", [name for name in names() if not load(name).pretrained])
def test_a_code_that_a_word_says_is_found_in_notes_never_seen(name: str):
    torch.manual_seed(0)
    system, seen, unseen = load(name), corpus(320, seed=0), corpus(60, seed=1)
    start, losses, gold = start_of(seen), system.objective_config(), unseen.label_matrix(N_CODES)
    model = system.make_model(system.model_config(**system.trial.model, dropout=0.0), start)
    config = TrainingConfig(
        max_epochs=system.trial.epochs,
        warm_up_epochs=0,
        schedule="constant",
        learning_rate=system.trial.learning_rate,
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
