"""Promises that every system keeps: of notes, of weights, of two epochs of training."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor, nn

from isd_pipeline.data.codes.hierarchy import CodeTree
from isd_pipeline.embeddings.graphs import cooccurrence
from isd_pipeline.embeddings.pretrained import open_pretrained
from isd_pipeline.models.registry import load, names
from isd_pipeline.models.system import Initialisation, number_groups, rebuild
from isd_pipeline.predictors.attention import (
    code_attention,
    read_codes,
    read_note,
    shares_representations,
)
from isd_pipeline.predictors.evidence import has_evidence
from isd_pipeline.predictors.scoring import predict
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.vocabulary import Vocabulary
from isd_pipeline.training.batches import Batch, training_batches
from isd_pipeline.training.checkpoints import read_model, read_state, write_model, write_state
from isd_pipeline.training.loop import Trained, TrainingConfig, make_optimizer, train
from tests.models.tiny_encoder import by_hand, needs_transformers, write_bert

close = torch.testing.assert_close
N_WORDS, N_CODES = 30, 6
NAMES = [
    pytest.param(name, marks=needs_transformers) if load(name).pretrained else name
    for name in names()
]
systems = pytest.mark.parametrize("name", NAMES)


def start_of() -> Initialisation:
    torch.manual_seed(0)
    descriptions = torch.randint(1, N_WORDS, (N_CODES, 3))
    descriptions[0, 1:] = 0
    return Initialisation(
        words=torch.randn(N_WORDS + 2, 6),
        code_words=torch.randn(N_WORDS + 2, 8),
        codes=torch.randn(N_CODES, 8),
        descriptions=descriptions,
        label_log_odds=torch.linspace(-3, 0, N_CODES),
        code_groups=number_groups(["A00", "A00", "B01", "B01", "C02", "B01"]),
        tree=CodeTree(("",) * 8, np.array([6, 6, 6, 7, 7, 3, 7, -1]), N_CODES),
        cooccurrence=cooccurrence(sparse.csr_matrix((torch.rand(15, N_CODES) < 0.4).numpy())),
        hyperbolic=torch.rand(N_CODES, 4) / 4,
        pretrained=by_hand(N_WORDS + 2),
    )


def model_of(name: str, **settings: Any) -> nn.Module:
    system = load(name)
    return system.make_model(system.model_config(**{**system.small, **settings}), start_of())


def notes(*lengths: int) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    tokens = torch.zeros(len(lengths), max(lengths), dtype=torch.long)
    for row, length in enumerate(lengths):
        tokens[row, :length] = torch.randint(1, N_WORDS, (length,), generator=generator)
    return tokens


def logits(model: nn.Module, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        return model(tokens, tokens != 0).logits


@systems
def test_padding_neighbours_and_order_never_change_a_notes_logits(name: str):
    model, exact = model_of(name).double().eval(), {"atol": 1e-12, "rtol": 1e-12}
    lengths = (9, 3, 14, 1)
    batch = notes(*lengths)
    together = logits(model, batch)
    for row, length in enumerate(lengths):
        alone = logits(model, batch[row : row + 1, :length])
        close(together[row : row + 1], alone, **exact)
        close(logits(model, F.pad(batch[row : row + 1, :length], (0, 20))), alone, **exact)
    order = torch.tensor([2, 0, 3, 1])
    close(logits(model, batch[order]), together[order], **exact)


@systems
def test_all_weights_learn_that_are_said_to(name: str):
    system, start = load(name), start_of()
    model = model_of(name).train()
    config = system.objective_config()
    objective = system.make_objective(config, start)
    batch = Batch(notes(9, 5, 14), torch.tensor([[0, 2], [1, -1], [5, -1]]), np.arange(3))
    losses = objective(model, batch)
    assert set(losses) == {name for name, weight in config.weights.items() if weight}
    sum(config.weights[key] * loss for key, loss in losses.items()).backward()
    unmoved = {n for n, p in model.named_parameters() if p.requires_grad and p.grad is None}
    assert unmoved == set()


@systems
def test_a_model_is_rebuilt_from_its_weights(name: str):
    model, system = model_of(name).eval(), load(name)
    config = asdict(system.model_config(**system.small))
    again = rebuild({"system": name, "model": config}, model.state_dict())
    close(logits(again.eval(), notes(5, 2)), logits(model, notes(5, 2)))


@needs_transformers
def test_a_checkpoint_is_rebuilt_when_the_encoders_folder_is_gone(tmp_path: Path):
    folder = write_bert(tmp_path / "encoder")
    vocabulary = Vocabulary(tuple(sorted(f"pain{number}" for number in range(N_WORDS))))
    start = replace(start_of(), pretrained=open_pretrained(folder, vocabulary, 3))
    plm = load("plm_icd")
    config = plm.model_config(folder=str(folder), chunk=9)
    model = plm.make_model(config, start).eval()
    settings = {"system": "plm_icd", "model": asdict(config)}
    write_model(tmp_path / "model", model.state_dict(), settings=settings, fingerprints={})
    shutil.rmtree(folder)
    read = read_model(tmp_path / "model")
    again = rebuild(read.settings, read.weights).eval()
    assert torch.equal(logits(again, notes(5, 2)), logits(model, notes(5, 2)))


@systems
def test_attention_is_a_distribution_over_the_words_of_a_note(name: str):
    model, note = model_of(name).eval(), notes(7)[0].numpy()
    if not has_evidence(model):
        return
    if shares_representations(model):
        reading = read_note(model, note)
        weights = np.stack([reading.attention_of(code) for code in range(N_CODES)])
        np.testing.assert_allclose(reading.scores, logits(model, notes(7))[0], rtol=1e-5, atol=1e-6)
    else:
        weights = code_attention(model, note, np.arange(N_CODES))
    assert weights.shape == (N_CODES, 7)
    sums = weights.sum(axis=1)
    raised = sums > 0 if name in ("cnn", "bag_of_embeddings") else np.ones(N_CODES, dtype=bool)
    np.testing.assert_allclose(sums[raised], 1, rtol=1e-5)


def telling_documents() -> Documents:
    """Notes of which word c + 1 says code c, and nothing else does."""
    generator = np.random.default_rng(0)
    codes = generator.random((60, N_CODES)) < 0.4
    codes[codes.sum(axis=1) == 0, 0] = True
    labels = [np.flatnonzero(row) for row in codes]
    fillers = [generator.integers(N_CODES + 1, N_WORDS, 6) for _ in labels]
    texts = [
        generator.permutation(np.append(f, o + 1)) for f, o in zip(fillers, labels, strict=True)
    ]
    return Documents(
        ids=np.array([str(n) for n in range(60)]),
        tokens=np.concatenate(texts).astype(np.int32),
        token_starts=np.cumsum([0, *map(len, texts)]).astype(np.int64),
        labels=np.concatenate(labels).astype(np.int32),
        label_starts=np.cumsum([0, *map(len, labels)]).astype(np.int64),
    )


def test_ha_gru_reads_the_sentences_of_its_notes_alone_and_in_any_batch():
    model, documents = model_of("ha_gru", piece=4, longest_sentence=9).eval(), telling_documents()
    generator = np.random.default_rng(3)
    starts = [
        np.flatnonzero(np.append(True, generator.random(length - 1) < 0.3))
        for length in documents.lengths
    ]
    documents = replace(
        documents,
        sentences=np.concatenate(starts).astype(np.int32),
        sentence_starts=np.cumsum([0, *map(len, starts)]),
    )
    together = predict(model, documents, batch_size=7, max_tokens=100, sentences=True)
    alone = [read_codes(model, documents.tokens_of(n), 99, starts[n]).scores for n in range(60)]
    np.testing.assert_allclose(together, np.array(alone), rtol=1e-5, atol=1e-6)
    untold = predict(model, documents, batch_size=7, max_tokens=100)
    assert np.abs(untold - together).max() > 1e-3


def test_the_objective_tells_ha_gru_of_sentences():
    model, start = model_of("ha_gru", piece=4).eval(), start_of()
    objective = load("ha_gru").make_objective(load("ha_gru").objective_config(), start)
    batch = Batch(notes(9, 5), torch.tensor([[0, 2], [1, -1]]), np.arange(2))
    begins = torch.arange(9) % 3 == torch.zeros(2, 1)
    told, untold = (
        objective(model, replace(batch, begins=some))["prediction"] for some in (begins, None)
    )
    gold = F.one_hot(torch.tensor([[0, 2], [1, 1]]), N_CODES).amax(dim=1).float()
    logits_told = model(batch.tokens, batch.is_token, begins=begins).logits
    close(told, F.binary_cross_entropy_with_logits(logits_told, gold))
    assert told != untold


def trained(name: str, **options: Any) -> tuple[nn.Module, Trained]:
    """Two epochs, from the beginning or from where `resume` stood."""
    system, documents, model = load(name), telling_documents(), model_of(name, dropout=0.1)
    config = TrainingConfig(
        max_epochs=2, warm_up_epochs=0, schedule="constant", learning_rate=0.01, batch_size=6
    )
    losses = system.objective_config()
    return model, train(
        model,
        lambda epoch: training_batches(documents, 6, 100, seed=1, epoch=epoch),
        system.make_objective(losses, start_of()),
        make_optimizer(model, config),
        config,
        weights=losses.weights,
        validate=lambda _: {"dev_f1_micro": 0.0},
        record=lambda epoch, figures: None,
        seed=1,
        **options,
    )


@systems
def test_two_epochs_of_training_lower_the_loss_and_a_killed_one_goes_on_to_the_same_bits(
    name: str, tmp_path: Path
):
    model, whole = trained(name, save_state=lambda one: write_state(tmp_path, one))
    first, second = (epoch["loss"] for epoch in whole.history)
    assert second < first
    scores = predict(model, telling_documents(), batch_size=6, max_tokens=100)
    assert scores.shape == (60, N_CODES)
    assert np.isfinite(scores).all()
    torch.manual_seed(9)  # whatever the process has drawn before
    (tmp_path / "epoch-0002.json").unlink()
    again, gone_on = trained(name, resume=read_state(tmp_path))
    assert gone_on.history == whole.history
    weights, others = model.state_dict(), again.state_dict()
    assert all(torch.equal(others[key], weight) for key, weight in weights.items())


@pytest.mark.parametrize("name", ["hypercore", "msatt_kg"])
def test_codes_begin_as_the_mean_of_their_titles_words(name: str):
    start, model = start_of(), model_of(name)
    known = [start.words[[word for word in row if word]] for row in start.descriptions.tolist()]
    want = torch.stack([words.mean(dim=0) for words in known])
    close(model.codes.detach(), want)


LACKING = {
    "hypercore": ("hyperbolic", "hypercore needs"),
    "msatt_kg": ("tree", "msatt_kg needs"),
    "plm_icd": ("pretrained", "a pretrained encoder is needed"),
}


@pytest.mark.parametrize("name", LACKING)
def test_a_system_says_what_it_lacks(name: str):
    system, (part, message) = load(name), LACKING[name]
    with pytest.raises(ValueError, match=message):
        system.make_model(system.model_config(), replace(start_of(), **{part: None}))
