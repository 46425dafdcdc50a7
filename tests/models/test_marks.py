"""Attention that learns from the words that people marked: label-wise, shared, and LAAT's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from isd_pipeline.models import prediction
from isd_pipeline.models.isd.network import ISD
from isd_pipeline.models.prediction import Prediction, PredictionConfig, ReadsMarks
from isd_pipeline.models.registry import load, names
from isd_pipeline.models.system import ReadsByCode
from isd_pipeline.predictors.attention import code_attention
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.mentions import Mentions, of_columns
from isd_pipeline.training.batches import Batch, Marks, collate, training_batches
from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train
from isd_pipeline.training.losses import attention_on_marks
from tests.models.test_learning import LENGTH, N_CODES, corpus, start_of
from tests.models.test_systems import model_of

close = torch.testing.assert_close
PER_LABEL = {"representation": "per_label"}
NO_MORE = {"teacher": 0, "missing": 0, "removal": 0, "distillation": 0}
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "label-wise over convolutions": ("isd", PER_LABEL),
    "label-wise over an LSTM": ("isd_lstm", PER_LABEL),
    "shared queries": ("isd", {}),
    "LAAT": ("laat", {}),
}
kinds = pytest.mark.parametrize("kind", KINDS)
GENERATOR = torch.Generator().manual_seed(0)


def objective_of(kind: str, weight: float, documents: Documents) -> tuple[Any, Any]:
    """The settings and the objective: prediction, and attention to marks."""
    name, _ = KINDS[kind]
    system = load(name)
    settings = (
        {"attention": weight} if name == "laat" else {"weights": {**NO_MORE, "attention": weight}}
    )
    config = system.objective_config(**settings)
    return config, system.make_objective(config, start_of(documents))


def small(kind: str) -> nn.Module:
    name, settings = KINDS[kind]
    return model_of(name, dropout=0.0, **settings).double()


def small_batch() -> Batch:
    """Four notes of 9, 3, 14 and 1 words, with marks of two codes and of one; of one note none."""
    tokens = torch.randint(1, 6, (4, 14), generator=GENERATOR)
    for row, length in enumerate((9, 3, 14, 1)):
        tokens[row, length:] = 0
    words = torch.zeros(4, 2, 14, dtype=torch.bool)
    words[0, 0, 2:4] = words[0, 1, 8] = words[1, 0, 1] = words[2, 0, 13] = True
    codes = torch.tensor([[0, 3], [1, -1], [4, -1], [-1, -1]])
    return Batch(tokens, codes, np.arange(4), marks=Marks(codes, words))


def missed(kind: str, model: nn.Module, batch: Batch) -> torch.Tensor:
    _, objective = objective_of(kind, 1.0, corpus(3, 0))
    found: torch.Tensor = objective(model.eval(), batch)["attention"]
    return found


def mixed_shares(
    model: ISD, tokens: np.ndarray, codes: list[int], marked: np.ndarray
) -> np.ndarray:
    """Each query's attention to the marked words, by how well it matches each code."""
    words = torch.from_numpy(tokens)[None]
    with torch.no_grad():
        output = model.eval()(words, words != 0, want_attention=True)
        scores = model.logit_scale * output.shared[0] @ model.codes[codes].T
    match = scores.softmax(dim=0).numpy()
    return np.array(
        [match[:, k] @ output.attention[0].numpy() @ marked[k] for k in range(len(codes))]
    )


@kinds
def test_the_loss_is_of_the_attention_that_evidence_shows(kind: str) -> None:
    model, batch, wanted = small(kind), small_batch(), []
    for row, length in ((0, 9), (1, 3), (2, 14)):
        tokens = batch.tokens[row, :length].numpy()
        codes = [code for code in batch.gold[row].tolist() if code >= 0]
        marked = batch.marks.words[row, : len(codes), :length].numpy()
        if isinstance(model, ISD):
            shares = mixed_shares(model, tokens, codes, marked)
        else:
            shares = (code_attention(model, tokens, np.array(codes)) * marked).sum(axis=1)
        wanted += (-np.log(shares)).tolist()
    assert missed(kind, model, batch).item() == pytest.approx(np.mean(wanted), rel=1e-4)


@kinds
def test_neither_padding_nor_the_order_of_notes_changes_the_loss(kind: str) -> None:
    model, batch = small(kind), small_batch()
    together, order = missed(kind, model, batch), torch.tensor([2, 0, 3, 1])
    moved = Batch(
        batch.tokens[order],
        batch.gold[order],
        batch.rows,
        marks=Marks(batch.marks.codes[order], batch.marks.words[order]),
    )
    pad = nn.functional.pad
    padded = replace(
        batch,
        tokens=pad(batch.tokens, (0, 7)),
        marks=Marks(pad(batch.marks.codes, (0, 1), value=-1), pad(batch.marks.words, (0, 7, 0, 1))),
    )
    close(missed(kind, model, moved), together, atol=1e-12, rtol=1e-12)
    close(missed(kind, model, padded), together, atol=1e-12, rtol=1e-12)


def test_nothing_of_all_codes_is_made_for_the_attention_of_a_few(monkeypatch: Any) -> None:
    seen = []
    monkeypatch.setattr(
        prediction,
        "attention_on_marks",
        lambda *given: seen.append(given[0].shape) or attention_on_marks(*given),
    )
    for kind in set(KINDS) - {"shared queries"}:
        missed(kind, small(kind), small_batch())
    assert seen == [(4, 2, 14)] * 3


def telling(n: int, seed: int) -> tuple[Documents, Mentions]:
    """Notes in which word c + 1 says code c, and is marked."""
    documents = corpus(n, seed)
    rows = [
        (i, int(code), 0, int(place), int(place) + 1)
        for i in range(n)
        for code in documents.labels_of(i)
        for place in np.flatnonzero(documents.tokens_of(i) == code + 1)
    ]
    return documents, of_columns(np.array(rows, dtype=np.int64).T)


def trained(kind: str, weight: float, mentions: Mentions | None, epochs: int = 1) -> Any:
    name, settings = KINDS[kind]
    torch.manual_seed(0)
    system, (documents, _) = load(name), telling(160, 0)
    small = {**system.trial.model, **settings}
    model = system.make_model(system.model_config(**small, dropout=0.1), start_of(documents))
    losses, objective = objective_of(kind, weight, documents)
    config = TrainingConfig(
        max_epochs=epochs,
        warm_up_epochs=0,
        schedule="constant",
        learning_rate=system.trial.learning_rate,
        batch_size=8,
    )
    done = train(
        model,
        lambda epoch: training_batches(
            documents, 8, LENGTH, seed=1, epoch=epoch, mentions=mentions
        ),
        objective,
        make_optimizer(model, config),
        config,
        weights=losses.weights,
        validate=lambda _: {"dev_f1_micro": 0.0},
        record=lambda epoch, figures: None,
        seed=1,
    )
    return model.eval(), done


@kinds
def test_with_weight_0_a_training_is_the_same_to_the_bit_whatever_was_marked(kind: str) -> None:
    without, first = trained(kind, 0.0, None)
    with_marks, second = trained(kind, 0.0, telling(160, 0)[1])
    assert first.history == second.history
    assert "attention" not in first.history[0]
    others = with_marks.state_dict()
    assert all(torch.equal(others[key], value) for key, value in without.state_dict().items())


@kinds
def test_attention_moves_to_the_words_that_were_marked(kind: str) -> None:
    """On notes never seen: marked is the word that says the code, of 20."""
    documents, mentions = telling(40, 1)
    batch = collate(documents, np.arange(40), LENGTH, mentions=mentions)
    taught, done = trained(kind, 1.0, telling(160, 0)[1], epochs=3)
    untaught, _ = trained(kind, 0.0, None, epochs=3)
    with torch.no_grad():
        shares = [missed(kind, model, batch).neg().exp().item() for model in (taught, untaught)]
    assert done.history[-1]["attention"] < done.history[0]["attention"]
    assert shares[0] > max(0.3, shares[1] + 0.15)


@pytest.mark.parametrize("name", [name for name in names() if not load(name).pretrained])
def test_a_network_that_cannot_learn_from_marks_says_so_in_a_line(name: str) -> None:
    if load(name).objective_config is not PredictionConfig or name == "laat":
        return
    model, objective = model_of(name), Prediction(PredictionConfig(attention=1.0))
    assert not isinstance(model, ReadsMarks) or isinstance(model, ReadsByCode)
    with pytest.raises(ValueError, match="cannot learn attention from marks") as error:
        objective(model, small_batch())
    assert "\n" not in str(error.value)


def test_a_batch_without_marks_is_refused_where_they_are_to_be_learned() -> None:
    batch = replace(small_batch(), marks=None)
    for kind in KINDS:
        with pytest.raises(ValueError, match="the batch has none"):
            missed(kind, small(kind), batch)


def test_the_codes_are_those_of_the_test_corpus() -> None:
    assert telling(20, 0)[1].code.max() < N_CODES
