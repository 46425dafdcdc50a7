"""Notes laid under MDACE's marks, from the hospital's files to what a regression points at."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from isd_pipeline.data.io.tables import stream_table
from isd_pipeline.data.sources.mdace import read_annotations
from isd_pipeline.embeddings.words import Embedding
from isd_pipeline.evaluation.dev_figures import dev_figures
from isd_pipeline.models.isd.lstm import LSTMISDConfig
from isd_pipeline.models.isd.objective import ISDObjectiveConfig
from isd_pipeline.pipelines.evidence.nodes import make_explainer, measure_evidence
from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents
from isd_pipeline.pipelines.preprocess.nodes import count_words, encode, label, tokenize
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.artifact import Artifact
from isd_pipeline.predictors.base import Options, TrainingData, Vectors
from isd_pipeline.text.documents import open_splits
from isd_pipeline.text.mentions import mentions_of
from isd_pipeline.text.splits import words_of_splits
from isd_pipeline.training.loop import TrainingConfig
from tests.data.sources.mdace_layout import (
    ZIP,
    chart,
    lay_hospital,
    needs_release,
    word_of,
    write_release,
)

CODES = ("401.9", "428.0", "250.00", "V58.61")


def release_of(path: Path) -> Path:
    """Thirty charts of one summary, two marks each; one of test has a code that train lacks."""
    draw, charts = random.Random(1), []
    for n in range(100, 130):
        first = draw.randrange(300)
        second = first + draw.randrange(30, 300)
        marks = [
            (at, at + len(word_of(code)), code, "ICD-9-CM")
            for at, code in zip((first, second), draw.sample(CODES, 2), strict=True)
        ]
        unknown = [(700, 704, "518.81", "ICD-9-CM")] if n == 129 else []
        charts.append(chart(n, {n + 1_000: [*marks, *unknown]}))
    splits = {"train": range(100, 120), "val": range(120, 125), "test": range(125, 130)}
    return write_release(path, charts, {name: list(ids) for name, ids in splits.items()})


def measured(
    folder: Path,
    release: Path,
    min_documents: int = 1,
    system: str = "logistic_regression",
    sections: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What the stages from extract to evidence find of a model, of a regression by default."""
    lay_hospital(folder / "mimic", read_annotations(release, "data/Inpatient/ICD-9"))
    extract = {
        "source": "mimic3",
        "raw": str(folder / "mimic"),
        "mdace": str(release),
        "split": "mdace",
        "min_documents": min_documents,
    }
    words = {"vocabulary": {"min_docs": 1, "source": "train"}}
    conf = {"c": {"extract": extract, "preprocess": words}}
    notes, codes, titles, mentions, found = extract_tables(conf, "c")
    _, splits, _ = split_documents(notes, found, conf, "c")
    tokenized = stream_table(tokenize(notes, conf, "c").read())
    labels, kept, index, _ = label(tokenized, codes, titles, stream_table(splits), conf, "c")
    vocabulary, _ = count_words(tokenized, stream_table(splits), conf, "c")
    encode(tokenized, labels, kept, vocabulary, index, conf, "c")(folder / "documents")
    documents = open_splits(folder / "documents")
    data = TrainingData(
        *(documents, index, vocabulary, "icd9", "en", "caml"),
        vectors=lambda: drawn_vectors(vocabulary.rows, len(index)),
        words=lambda: words_of_splits(tokenized, documents),
        mentions=lambda: mentions_of(mentions, tokenized, documents["train"], index),
    )
    known = registry.predictor(system).sections(system)
    sections = sections or {name: made() for name, made in known.items()}
    options = Options(seed=1, dev_figures=dev_figures)
    fitted = registry.predictor(system).fit(system, sections, data, options)
    model = Artifact.of(fitted, data, 1)
    explainer = make_explainer(
        mentions, model, {}, index, vocabulary, tokenized, documents, {"cohort": "c"}
    )
    return measure_evidence(explainer, mentions, tokenized, notes, index, vocabulary, documents)[0]


def drawn_vectors(n_words: int, n_codes: int) -> Vectors:
    """Vectors that mean nothing."""
    draw = np.random.default_rng(1)
    words, code_words, codes = (
        Embedding(draw.normal(size=(n, 16)).astype(np.float32), {})
        for n in (n_words, n_words, n_codes)
    )
    return Vectors(words, code_words, codes)


def network(attention: float, epochs: int, max_tokens: int = 1_000) -> dict[str, Any]:
    """A small one with label-wise attention, which the marks supervise by this weight."""
    rest = dict.fromkeys(("teacher", "missing", "removal", "distillation"), 0)
    return {
        "model": LSTMISDConfig(width=16, representation="per_label", decoder_start=0.1),
        "objective": ISDObjectiveConfig(weights={**rest, "attention": attention}),
        "training": TrainingConfig(
            max_epochs=epochs,
            warm_up_epochs=0,
            batch_size=4,
            learning_rate=0.01,
            max_tokens=max_tokens,
            keep="last",
        ),
    }


def test_attention_that_learned_from_mdaces_marks_finds_those_of_its_test_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same network without the marks names the codes by words that it does not look at."""
    monkeypatch.chdir(tmp_path)
    found = {}
    for weight in (0.0, 1.0):
        folder = tmp_path / str(weight)
        folder.mkdir()
        given = (release_of(folder / "mdace.zip"), 2, "isd_lstm", network(weight, epochs=30))
        found[weight] = measured(folder, *given)["sources"]["model"]["average_precision"]
    assert found[1.0] > 0.9 > found[0.0]


def test_a_regression_points_at_the_words_that_were_laid_under_the_marks(tmp_path: Path) -> None:
    found = measured(tmp_path, release_of(tmp_path / "mdace.zip"), min_documents=2)
    spans = found["spans"]
    assert spans["documents"] == {"dev": 5, "test": 5}
    model = spans["sources"]["model"]
    assert model["exact_span"]["marked"] == 10
    assert model["exact_span"]["marked_of_other_codes"] == 1
    for measure in ("exact_span", "position_independent_token"):
        assert model[measure]["f1"] == 1.0
        assert model[measure]["recall_all_codes"] == 10 / 11
    assert found["sources"]["model"]["average_precision"] == 1.0
    assert spans["sources"]["rare words (IDF)"]["exact_span"]["f1"] < 1.0


@needs_release
def test_the_charts_of_the_release_go_through_to_their_own_test_list(tmp_path: Path) -> None:
    """645 spans of test summaries, as the release counts them, of rare codes as well."""
    spans = measured(tmp_path, ZIP, min_documents=2)["spans"]
    assert spans["documents"]["test"] == 61
    model = spans["sources"]["model"]
    assert model["exact_span"]["marked"] + model["exact_span"]["marked_of_other_codes"] == 645
    assert model["exact_span"]["marked_of_other_codes"] > 0
    assert model["position_independent_token"]["precision"] > 0.7
