"""Where a trained model found its codes, against where people say they stand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.catalog.base_models import with_base_models
from isd_pipeline.config.cohorts import COHORTS, cohort_section
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import Predictor, TokenisedNote
from isd_pipeline.text.splits import words_of_documents

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.io.tables import RecordStream
    from isd_pipeline.evaluation.plausibility import Evidence, Rationales
    from isd_pipeline.predictors.artifact import Artifact
    from isd_pipeline.predictors.attention import Reading
    from isd_pipeline.reports.readings import ReadNote
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary

SPLIT = "test"
NOTES_SHOWN = 3


def read_rationales(cohorts: Mapping[str, Any], cohort: str) -> pa.Table:
    """The stretches that people marked, or that the synthetic hospital planted."""
    from isd_pipeline.data.sources import codiesp
    from isd_pipeline.data.sources.planted_evidence import read_evidence

    settings = cohort_section(cohorts, cohort, "extract", ExtractSettings)
    if settings.source == "codiesp" and settings.language == "es":
        systems = codiesp.KINDS[settings.kind]
        return codiesp.read_evidence(Path(settings.raw), language="es", systems=systems)
    if "generate" in cohorts[cohort]:
        return read_evidence(Path(settings.raw))
    raise ValueError(
        f"{COHORTS}.{cohort}: nobody has marked the evidence of its codes; there are marks for "
        "synthetic hospitals and for CodiEsp with `language: es`"
    )


def make_explainer(
    _rationales: pa.Table,
    artifact: Artifact,
    models_of_runs: Mapping[tuple[str, int], Callable[[], Artifact]],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    parameters: Mapping[str, Any],
) -> Explainer:
    """How the run's predictor, of an ensemble with its base models, explains the test split.

    It waits for the rationales, so that a cohort without any is told so before weights are missed.
    """
    artifact.refuse_other_data(code_index, vocabulary)
    model = with_base_models(artifact, models_of_runs, parameters)
    ids = documents[SPLIT].ids.tolist()
    found = registry.load(model.settings, model.weights)
    if not found.has_evidence:
        raise ValueError(
            f"the system {model.settings['system']} has no evidence to show: its codes attend to "
            "no words; take the experiment out of the study's list `evidence`"
        )
    return Explainer(found, documents[SPLIT], words_of_documents(tokenized_notes, ids))


@dataclass(frozen=True)
class Explainer:
    """A predictor and the documents that it reads: evidence of codes, and Table 5 of a document."""

    predictor: Predictor
    documents: Documents
    words: list[list[str]]

    def evidence(self, of: Rationales) -> np.ndarray:
        """Of the codes that have rationales, [K, N]."""
        found = self.predictor.read(self._note(of), True)
        assert found.evidence is not None  # it was asked for
        return found.evidence(of.codes)

    def reading(self, of: Rationales, threshold: float) -> Reading:
        """What was read for the codes scored above a threshold on the log-odds."""
        return self.predictor.reading(self._note(of), threshold)

    def _note(self, of: Rationales) -> TokenisedNote:
        n = of.document
        return TokenisedNote.of_document(self.documents, n, self.words[n], of.note_starts)


def measure_evidence(
    rationales: pa.Table,
    explainer: Explainer,
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Agreement of the test split: the means by source, and every pair of note and code."""
    from isd_pipeline.evaluation.plausibility import (
        compare_evidence,
        marked_words,
        mean_agreement,
    )

    sources = {
        **_simple_sources(documents["train"], code_index, vocabulary),
        "model": explainer.evidence,
    }
    found = marked_words(rationales, tokenized_notes, documents[SPLIT], code_index)
    pairs = compare_evidence(found, sources)
    means = mean_agreement(pairs).to_dict(orient="index")
    return {"split": SPLIT, "documents": int(pairs["document"].nunique()), "sources": means}, pairs


def _simple_sources(
    train: Documents, code_index: CodeIndex, vocabulary: Vocabulary
) -> dict[str, Evidence]:
    """What needs no model: rare words, words of the title, words that go with the code."""
    from isd_pipeline.embeddings.codes import description_ids
    from isd_pipeline.evaluation import word_evidence

    held = word_evidence.words_held(train, len(vocabulary) + 2)
    titles = description_ids(code_index, vocabulary)
    gold = train.label_matrix(len(code_index))
    return {
        "rare words (IDF)": word_evidence.idf_evidence(held),
        "words of the title": word_evidence.title_evidence(titles, held),
        "words that go with the code": word_evidence.association_evidence(held, gold),
    }


def show_readings(
    rationales: pa.Table,
    explainer: Explainer,
    code_index: CodeIndex,
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    notes: RecordStream,
    metrics: Mapping[str, Mapping[str, float]],
) -> str:
    """Table 5 of the notes with most marked codes, with their text: for where notes may be.

    Where no representations are shared, its rows are the predicted codes, each with what it read.
    """
    from isd_pipeline.evaluation.plausibility import marked_words
    from isd_pipeline.reports.readings import readings_page

    found = marked_words(rationales, tokenized_notes, documents[SPLIT], code_index)
    most = nlargest(NOTES_SHOWN, found, key=lambda one: len(one.codes))  # of equals the first
    shown = {documents[SPLIT].ids[one.document]: one for one in most}
    places = _rows(tokenized_notes, set(shown), ["begins", "ends", "note_ids", "note_starts"])
    texts = _rows(notes, set(shown), ["note_id", "text"])
    threshold = metrics["test"]["threshold_tuned"]
    read = [
        _read(
            explainer.reading(one, threshold),
            one,
            places[name][0],
            texts[name],
            code_index,
            threshold,
            explainer.predictor.width,
        )
        for name, one in shown.items()
    ]
    return readings_page(read, code_index, shared=explainer.predictor.shares)


def _read(
    reading: Reading,
    marks: Rationales,
    places: Mapping[str, Any],
    texts: list[dict[str, Any]],
    code_index: CodeIndex,
    threshold: float,
    width: int,
) -> ReadNote:
    """The note and its reading, side by side; a word stands for its narrowest window."""
    from isd_pipeline.predictors.attention import windows_around
    from isd_pipeline.predictors.evidence import representations_read
    from isd_pipeline.reports.readings import ReadNote

    begins, ends, starts = (places[name] for name in ("begins", "ends", "note_starts"))
    windows = windows_around(begins, ends, width // 2, starts, after=(width - 1) // 2)
    rows = representations_read(
        reading, windows, code_index.codes, threshold=threshold, apart=width
    )
    by_id = {row["note_id"]: row["text"] for row in texts}
    return ReadNote(
        texts=[by_id[note] for note in places["note_ids"]],
        begins=np.asarray(begins),
        ends=np.asarray(ends),
        note_starts=tuple(starts),
        attention=reading.attention,
        rows=rows,
        gold=[code_index.codes[code] for code in marks.codes],
        marked=np.asarray(marks.marked.any(axis=0)),
    )


def _rows(
    stream: RecordStream, wanted: set[str], columns: list[str]
) -> dict[str, list[dict[str, Any]]]:
    """The rows of some documents."""
    found: dict[str, list[dict[str, Any]]] = {document: [] for document in wanted}
    for batch in stream.select(["document_id", *columns]):
        ids = batch["document_id"].to_pylist()
        for n in (n for n, document in enumerate(ids) if document in wanted):
            found[ids[n]].append({name: batch[name][n].as_py() for name in columns})
    return found
