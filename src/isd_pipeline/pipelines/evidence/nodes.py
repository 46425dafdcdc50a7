"""Where a trained model found its codes, against where people say they stand."""

from __future__ import annotations

from collections.abc import Mapping
from heapq import nlargest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.pipelines.evaluate.nodes import trained_model
from isd_pipeline.pipelines.sections import COHORTS, ExtractSettings, cohort_section

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from torch import nn

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.tables import RecordStream
    from isd_pipeline.evaluation.attention import Reading
    from isd_pipeline.evaluation.plausibility import Evidence, Marks
    from isd_pipeline.reports.readings import ReadNote
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary
    from isd_pipeline.training.checkpoints import Checkpoint

SPLIT = "test"
NOTES_SHOWN = 3


def read_marks(cohorts: Mapping[str, Any], cohort: str) -> pa.Table:
    """The stretches that people marked, or that the synthetic hospital planted."""
    from isd_pipeline.data import codiesp
    from isd_pipeline.data.synthetic.evidence import read_evidence

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


def measure_evidence(
    marks: pa.Table,
    checkpoint: Checkpoint,
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

    model = trained_model(checkpoint, code_index, vocabulary)
    sources = {
        **_simple_sources(documents["train"], code_index, vocabulary),
        "model": _evidence_of(model, checkpoint.settings, documents[SPLIT]),
    }
    found = marked_words(marks, tokenized_notes, documents[SPLIT], code_index)
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


def _evidence_of(model: nn.Module, settings: Mapping[str, Any], documents: Documents) -> Evidence:
    """ISD's evidence, widened by its convolutions; of another system its attention as it is."""
    from isd_pipeline.evaluation.evidence import isd_evidence
    from isd_pipeline.models.isd import ISD

    max_tokens = settings["training"]["max_tokens"]

    def evidence(marks: Marks) -> np.ndarray:
        if isinstance(model, ISD):
            starts = marks.note_starts
            return isd_evidence(
                model, marks.tokens, marks.codes, max_tokens=max_tokens, note_starts=starts
            )
        attention = _reading(model, marks, settings, documents).attention[marks.codes]
        beyond = len(marks.tokens) - attention.shape[1]
        return np.pad(attention, ((0, 0), (0, beyond)))

    return evidence


def _reading(
    model: nn.Module, marks: Marks, settings: Mapping[str, Any], documents: Documents
) -> Reading:
    from isd_pipeline.evaluation.attention import read_note
    from isd_pipeline.training.systems import SYSTEMS

    tokens, sentences = marks.tokens[: settings["training"]["max_tokens"]], None
    if SYSTEMS[settings["system"]].sentences:
        sentences = documents.sentences_of(marks.document)
        sentences = sentences[sentences < len(tokens)]
    return read_note(model, tokens, sentences)


def show_readings(
    marks: pa.Table,
    checkpoint: Checkpoint,
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    notes: RecordStream,
    metrics: Mapping[str, Mapping[str, float]],
) -> str:
    """Table 5 of the notes with most marked codes, with their text: for where notes may be."""
    from isd_pipeline.evaluation.plausibility import marked_words
    from isd_pipeline.models.isd import ISD
    from isd_pipeline.reports.readings import readings_page

    model = trained_model(checkpoint, code_index, vocabulary)
    found = marked_words(marks, tokenized_notes, documents[SPLIT], code_index)
    most = nlargest(NOTES_SHOWN, found, key=lambda one: len(one.codes))  # of equals the first
    shown = {documents[SPLIT].ids[one.document]: one for one in most}
    places = _rows(tokenized_notes, set(shown), ["begins", "ends", "note_ids", "note_starts"])
    texts = _rows(notes, set(shown), ["note_id", "text"])
    threshold = metrics["test"]["threshold_tuned"]
    read = [
        _read(
            _reading(model, one, checkpoint.settings, documents[SPLIT]),
            one,
            places[name][0],
            texts[name],
            code_index,
            threshold,
            model.config.kernel_sizes if isinstance(model, ISD) else (1,),
        )
        for name, one in shown.items()
    ]
    return readings_page(read, code_index)


def _read(
    reading: Reading,
    marks: Marks,
    places: Mapping[str, Any],
    texts: list[dict[str, Any]],
    code_index: CodeIndex,
    threshold: float,
    kernel_sizes: tuple[int, ...],
) -> ReadNote:
    """The note and its reading, side by side; a word stands for its narrowest window."""
    from isd_pipeline.evaluation.attention import windows_around
    from isd_pipeline.evaluation.evidence import representations_read
    from isd_pipeline.reports.readings import ReadNote

    width = min(kernel_sizes)
    windows = windows_around(places["begins"], places["ends"], width // 2, places["note_starts"])
    rows = representations_read(
        reading, windows, code_index.codes, threshold=threshold, apart=width
    )
    by_id = {row["note_id"]: row["text"] for row in texts}
    return ReadNote(
        texts=[by_id[note] for note in places["note_ids"]],
        begins=np.asarray(places["begins"]),
        ends=np.asarray(places["ends"]),
        note_starts=tuple(places["note_starts"]),
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
