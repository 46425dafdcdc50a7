"""A network that learns from marks, fitted from a cohort's data: killed, refused, and as before."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.embeddings.words import Embedding
from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.lstm import LSTMISDConfig
from isd_pipeline.models.isd.objective import ISDObjectiveConfig
from isd_pipeline.predictors.base import Fitted, Options, TrainingData, Vectors
from isd_pipeline.predictors.network import fit, prepare
from isd_pipeline.predictors.registry import learns_from_marks, reads
from isd_pipeline.text.mentions import no_mentions
from isd_pipeline.text.vocabulary import Vocabulary
from isd_pipeline.training.checkpoints import read_state
from isd_pipeline.training.loop import TrainingConfig
from isd_pipeline.training.losses import binary_cross_entropy
from tests.models.test_learning import N_CODES, N_FILLERS
from tests.models.test_marks import telling

DOCUMENTS, MENTIONS = telling(24, 0)
WORDS = Vocabulary(tuple(f"w{n:02}" for n in range(N_CODES + N_FILLERS)))
CODES = CodeIndex(
    tuple(f"A{n:02}" for n in range(N_CODES)),
    ("diagnosis",) * N_CODES,
    tuple(f"w{n:02}" for n in range(N_CODES)),
)


def vectors(n: int) -> Embedding:
    matrix = np.random.default_rng(n).normal(size=(n, 8)).astype(np.float32)
    return Embedding(matrix, {})


def data_of(**more: Any) -> TrainingData:
    n_words = N_CODES + N_FILLERS + 2
    found = TrainingData(
        documents=dict.fromkeys(("train", "dev", "test"), DOCUMENTS),
        codes=CODES,
        vocabulary=WORDS,
        revision="icd10cm",
        language="en",
        tokeniser="caml",
        vectors=lambda: Vectors(vectors(n_words), vectors(n_words), vectors(N_CODES)),
        words=dict,
    )
    return replace(found, **more)


def settings_of(attention: float = 0.0, **training: Any) -> dict[str, Any]:
    rest = {"teacher": 0, "missing": 0, "removal": 0, "distillation": 0}
    short = {"max_epochs": 3, "warm_up_epochs": 0, "batch_size": 6, "learning_rate": 0.01}
    return {
        "model": LSTMISDConfig(width=8, representation="per_label", residual_words=3.0),
        "objective": ISDObjectiveConfig(weights={**rest, "attention": attention}),
        "training": TrainingConfig(**short, **training),
    }


class KilledError(Exception):
    pass


def options(on_epoch: Callable[..., None] = lambda epoch, figures: None) -> Options:
    figures = dict.fromkeys(("dev_f1_micro", "dev_f1_micro_tuned", "dev_map"), 0.5)
    return Options(seed=1, dev_figures=lambda gold, scores: figures, on_epoch=on_epoch)


def fitted(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, data: Any) -> Fitted:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    return fit("isd_lstm", settings, data, options())


def same(first: Fitted, second: Fitted) -> bool:
    keys = first.weights.keys()
    equal = all(torch.equal(first.weights[key], second.weights[key]) for key in keys)
    return equal and first.history == second.history


def test_a_killed_training_that_learns_from_marks_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_of(0.5, mention_notes=0.5, mention_context=2)
    data = data_of(mentions=lambda: MENTIONS)
    whole = fitted(tmp_path / "whole", monkeypatch, settings, data)

    def kill(epoch: int, figures: object) -> None:
        if epoch == 3:
            raise KilledError

    (tmp_path / "killed").mkdir()
    monkeypatch.chdir(tmp_path / "killed")
    with pytest.raises(KilledError):
        fit("isd_lstm", settings, data, options(kill))
    assert list(Path("scratch/training").glob("*/epoch-0002.json"))
    assert same(fitted(tmp_path / "killed", monkeypatch, settings, data), whole)
    assert {"attention", "prediction"} <= whole.history[0].keys()
    assert whole.fingerprints == {"mentions": MENTIONS.fingerprint}


def test_settings_that_came_later_are_kept_only_where_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every recorded training would be another one, by its artifact and where it waits."""
    plain = fitted(tmp_path / "plain", monkeypatch, settings_of(), data_of())
    assert not {"accumulate", "draws", "graphs"} & plain.settings["training"].keys()
    in_parts = fitted(tmp_path / "parts", monkeypatch, settings_of(accumulate=2), data_of())
    assert in_parts.settings["training"]["accumulate"] == 2
    assert in_parts.scratch != plain.scratch
    assert "ranks" not in plain.figures


def test_with_graphs_a_cpu_makes_the_same_training_beyond_rounding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no GPU to record anything, its pieces are called one by one."""
    monkeypatch.chdir(tmp_path)
    short = {"max_epochs": 2, "warm_up_epochs": 0, "batch_size": 9}
    plain, recorded = (
        fit(
            "isd",
            {
                "model": ISDConfig(width=8, kernel_sizes=(3,), n_queries=2, dropout=0.0),
                "objective": ISDObjectiveConfig(),
                "training": TrainingConfig(**short, graphs=graphs),
            },
            data_of(),
            options(),
        )
        for graphs in (False, True)
    )
    assert plain.scratch != recorded.scratch
    for one, other in zip(plain.history, recorded.history, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def changed(name: str, data: TrainingData) -> TrainingData:
    """The same data, one of what a training reads made anew."""
    words, code_words, codes = data.vectors()
    other = {
        "words": (Embedding(words.matrix + 1, {}), code_words, codes),
        "code_words": (words, Embedding(code_words.matrix + 1, {}), codes),
        "codes": (words, code_words, Embedding(codes.matrix + 1, {})),
    }
    if name in other:
        return replace(data, vectors=lambda: Vectors(*other[name]))
    if name == "sentences":
        n = len(DOCUMENTS)
        read = replace(DOCUMENTS, sentences=np.zeros(n, int), sentence_starts=np.arange(n + 1))
        return replace(data, documents={**data.documents, "dev": read})
    if name == "mentions":
        half = MENTIONS.where(slice(0, len(MENTIONS) // 2))
        return replace(data, mentions=lambda: half)
    assert name == "titles"
    return replace(data, codes=replace(CODES, titles=("w00", *CODES.titles[1:-1], "w00")))


INPUTS = ("words", "code_words", "codes", "sentences", "mentions", "titles")


@pytest.mark.parametrize("name", INPUTS)
def test_a_killed_training_is_not_gone_on_with_when_what_it_read_was_made_anew(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings, data = settings_of(0.5), data_of(mentions=lambda: MENTIONS)

    def kill(epoch: int, figures: object) -> None:
        if epoch == 3:
            raise KilledError

    monkeypatch.chdir(tmp_path)
    with pytest.raises(KilledError):
        fit("isd_lstm", settings, data, options(kill))
    epochs: list[int] = []
    caplog.set_level("INFO")
    other = changed(name, data)
    fit("isd_lstm", settings, other, options(lambda epoch, figures: epochs.append(epoch)))
    assert epochs == [1, 2, 3]
    assert "going on" not in caplog.text
    if name not in ("mentions", "titles"):  # which the weights' own fingerprints name
        assert "with other vectors" in caplog.text
    epochs.clear()
    fit("isd_lstm", settings, data, options(lambda epoch, figures: epochs.append(epoch)))
    assert epochs == [3]


def test_what_a_former_version_left_is_told_and_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    data, epochs = data_of(), []

    def kill(epoch: int, figures: object) -> None:
        raise KilledError

    with pytest.raises(KilledError):
        fit("isd_lstm", settings_of(), data, options(lambda e, f: kill(e, f) if e == 2 else None))
    [left] = Path("scratch/training").iterdir()
    former = left.rename(left.with_name(left.name.partition("-")[0]))
    fit("isd_lstm", settings_of(), data, options(lambda epoch, figures: epochs.append(epoch)))
    assert epochs == [1, 2, 3]
    assert f"{former}: an interrupted training" in caplog.text


def test_a_training_that_diverges_keeps_the_state_before_and_goes_on_from_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, data = settings_of(), data_of()
    whole = fitted(tmp_path / "whole", monkeypatch, settings, data)
    loss, batches = binary_cross_entropy, -(-len(DOCUMENTS) // settings["training"].batch_size)
    steps = count(1)

    def diverging(*given: Any) -> torch.Tensor:
        return loss(*given) * (math.nan if next(steps) > 2 * batches else 1.0)

    (tmp_path / "diverged").mkdir()
    monkeypatch.chdir(tmp_path / "diverged")
    with monkeypatch.context() as patched:
        patched.setattr("isd_pipeline.models.isd.objective.binary_cross_entropy", diverging)
        with pytest.raises(FloatingPointError, match="epoch 3, batch 1: prediction nan"):
            fit("isd_lstm", settings, data, options())
    [state] = Path("scratch/training").glob("*/epoch-0002.json")
    assert read_state(state.parent).epoch == 2
    assert same(fitted(tmp_path / "diverged", monkeypatch, settings, data), whole)


def test_a_training_that_asks_for_no_marks_never_looks_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("the mentions are read")

    settings = settings_of()
    unasked = fitted(tmp_path / "a", monkeypatch, settings, data_of(mentions=refuse))
    before = fitted(tmp_path / "b", monkeypatch, settings, data_of())
    assert same(unasked, before)
    assert unasked.fingerprints == {}


@pytest.mark.parametrize("settings", [settings_of(0.5), settings_of(mention_notes=0.5)])
def test_where_nobody_marked_anything_there_is_a_line_that_says_what_to_do(settings: Any) -> None:
    wrong = replace(MENTIONS, code=(MENTIONS.code + 1) % N_CODES)
    foreign = wrong.where(np.flatnonzero(wrong.document == 99))
    for mentions in (no_mentions, lambda: foreign):
        with pytest.raises(ValueError, match="set both to 0, or take a cohort") as error:
            prepare("isd_lstm", settings, data_of(mentions=mentions), options())
        assert "\n" not in str(error.value)


def test_marks_of_codes_that_a_document_does_not_have_teach_nothing() -> None:
    wrong = replace(MENTIONS, code=(MENTIONS.code + 1) % N_CODES)
    gold = {(d, c) for d in range(len(DOCUMENTS)) for c in DOCUMENTS.labels_of(d).tolist()}
    kept = wrong.of_gold(DOCUMENTS)
    pairs = set(zip(kept.document.tolist(), kept.code.tolist(), strict=True))
    assert pairs == gold & set(zip(wrong.document.tolist(), wrong.code.tolist(), strict=True))
    assert 0 < len(kept) < len(wrong)


def test_mention_notes_are_read_beside_the_documents_a_share_an_epoch() -> None:
    settings = settings_of(mention_notes=0.5, mention_context=2)
    prepared = prepare("isd_lstm", settings, data_of(mentions=lambda: MENTIONS), options())
    rows = [
        np.concatenate([batch.rows for batch in prepared.progress.batches_of(epoch)])
        for epoch in (1, 2)
    ]
    n_documents, n_notes = len(DOCUMENTS), prepared.progress.n_notes
    for of_epoch in rows:
        assert set(range(n_documents)) <= set(of_epoch.tolist())
        assert len(set(of_epoch.tolist())) == len(of_epoch) == n_documents + round(n_notes / 2)
    assert sorted(rows[0].tolist()) != sorted(rows[1].tolist())


@pytest.mark.parametrize(
    ("settings", "is_asked"),
    [
        ({}, False),
        ({"objective": {"weights": {"attention": 0, "teacher": 1}}}, False),
        ({"objective": {"weights": {"attention": 0.1}}}, True),
        ({"objective": {"attention": 1}}, True),
        ({"training": {"mention_notes": 0.5}}, True),
    ],
)
def test_only_a_training_that_learns_from_marks_reads_them(settings: Any, is_asked: bool) -> None:
    assert learns_from_marks(settings) == is_asked
    read = reads({"system": "isd", **settings})
    assert ("mentions_of_notes" in read, "words_of_notes" in read) == (is_asked, is_asked)
    assert "mentions_of_notes" not in reads({"system": "logistic_regression", **settings})
