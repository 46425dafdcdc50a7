"""How a model points at the words of a note: a network by attention, others by their weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.models.names import FLOORS, STACK
from isd_pipeline.pipelines.evaluate.nodes import trained_model
from isd_pipeline.text.splits import words_of_documents

if TYPE_CHECKING:
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.io.tables import RecordStream
    from isd_pipeline.evaluation.plausibility import Evidence, Marks
    from isd_pipeline.predictors.attention import Reading
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.vocabulary import Vocabulary
    from isd_pipeline.training.checkpoints import Checkpoint


@dataclass(frozen=True)
class Pointer:
    """Evidence of marked codes; a note's reading, given a threshold on the log-odds.

    shared: whether a reading's rows are representations that codes share.  width: how many words
    the narrowest window has that a row's weight stands for.
    """

    evidence: Evidence
    reading: Callable[[Marks, float], Reading]
    shared: bool = False
    width: int = 1


def pointer_of(
    model: Checkpoint,
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    tokenized_notes: RecordStream,
    documents: Documents,
) -> Pointer:
    """How the model points in these documents; one without evidence is refused by a ValueError."""
    if not model.weights:
        raise ValueError(
            f"the weights of {model.settings['system']} are not kept, so it points nowhere"
        )
    if model.settings["system"] in (*FLOORS, STACK):
        return _of_words(
            model, words_of_documents(tokenized_notes, documents.ids.tolist()), documents
        )
    return _of_network(trained_model(model, code_index, vocabulary), model.settings, documents)


def _of_network(model: Any, settings: Mapping[str, Any], documents: Documents) -> Pointer:
    """By its attention; each reads a document's sentences if its system does."""
    from isd_pipeline.models.registry import load
    from isd_pipeline.predictors.attention import read_codes, read_note, shares_representations
    from isd_pipeline.predictors.evidence import code_evidence, has_evidence

    if not has_evidence(model):
        raise ValueError(
            f"the system {settings['system']} has no evidence to show: its codes attend to no "
            "words; take the experiment out of the study's list `evidence`"
        )
    limit, shared = settings["training"]["max_tokens"], shares_representations(model)

    def sentences(marks: Marks) -> np.ndarray | None:
        reads = load(settings["system"]).sentences
        return documents.sentences_of(marks.document) if reads else None

    def evidence(marks: Marks) -> np.ndarray:
        asked: dict[str, Any] = {"note_starts": marks.note_starts, "sentences": sentences(marks)}
        return code_evidence(model, marks.tokens, marks.codes, max_tokens=limit, **asked)

    def reading(marks: Marks, threshold: float) -> Reading:
        tokens = marks.tokens[:limit]
        if shared:
            return read_note(model, tokens)
        return read_codes(model, tokens, threshold, sentences(marks))

    return Pointer(evidence, reading, shared, min(model.windows))


def _of_words(model: Checkpoint, words: list[list[str]], documents: Documents) -> Pointer:
    """As `isd code` shows it: by the weights of words, names and, in a stack, of its members."""
    from isd_pipeline.predictors.attention import reading_of_predicted
    from isd_pipeline.predictors.readers import NoteWords, reader_of

    read = reader_of(model.settings, model.weights).read

    def found(marks: Marks) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        n = marks.document
        one = read(NoteWords.of_document(documents, n, words[n]), True)
        assert one.evidence is not None  # it was asked for
        return one.scores, one.evidence

    def reading(marks: Marks, threshold: float) -> Reading:
        scores, evidence = found(marks)
        return reading_of_predicted(scores, threshold, evidence)

    return Pointer(lambda marks: found(marks)[1](marks.codes), reading)
