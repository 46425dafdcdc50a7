"""Where a trained model found its codes, against where people say they stand."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from heapq import nlargest
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.catalog.base_models import with_base_models
from isd_pipeline.config.engine import read_engine
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.parts import Engine
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.embeddings.codes import description_ids
from isd_pipeline.evaluation import mark_places, plausibility, span_evidence, word_evidence
from isd_pipeline.evaluation.plausibility import Evidence, Rationales
from isd_pipeline.evaluation.span_evidence import MarkedDocument
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.artifact import Artifact
from isd_pipeline.predictors.attention import windows_around
from isd_pipeline.predictors.base import Predictor, TokenisedNote
from isd_pipeline.predictors.evidence import representations_read
from isd_pipeline.predictors.evidence_parts import evidence_in_parts
from isd_pipeline.reports.readings import ReadNote, readings_page
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.splits import words_of_documents
from isd_pipeline.text.vocabulary import Vocabulary
from isd_pipeline.training.checkpoints import Checkpoint

LOG = logging.getLogger(__name__)

SPLIT = "test"
TUNED_ON = "dev"
NOTES_SHOWN = 3


@dataclass(frozen=True)
class Explainer:
    """A predictor, of what artifact, and the documents that it reads, with their marked codes."""

    predictor: Predictor
    artifact: Checkpoint
    documents: Documents
    words: list[list[str]]
    found: list[Rationales]

    def evidence(self, of: Rationales) -> np.ndarray:
        """Of the codes that have rationales, [K, N]."""
        found = self.predictor.read(self.note(of), True).evidence
        assert found is not None  # it was asked for
        return found(of.codes)

    def in_turn(self, marks: Iterable[Rationales], engine: Engine) -> Evidence:
        """`evidence` made by workers, to be asked for of each of these once, in their order."""
        if engine.name == "loop":
            return self.evidence
        asked = ((self.note(of), of.codes) for of in marks)
        found = evidence_in_parts(asked, self.artifact.settings, self.artifact.weights, engine)
        return lambda of: next(found)

    def note(self, of: Rationales) -> TokenisedNote:
        """The document of these rationales, as a predictor reads it."""
        n = of.document
        return TokenisedNote.of_document(self.documents, n, self.words[n], of.note_starts)


def make_explainer(
    mentions: pa.Table,
    model: Artifact,
    models_of_runs: Mapping[tuple[str, int], Callable[[], Artifact]],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    parameters: Mapping[str, Any],
) -> Explainer:
    """How the run's predictor, of an ensemble with its base models, explains the test split."""
    if not mentions.num_rows:
        raise ValueError(
            f"{parameters['cohort']}: nobody has marked the evidence of its codes; there are "
            "mentions of synthetic hospitals, of CANTEMIST, of CodiEsp with `language: es` or "
            "`mentions: projected`, of MIMIC-III with `mdace`, and of a custom data set with a "
            "table `mentions`"
        )
    model.refuse_other_data(code_index, vocabulary)
    whole = with_base_models(model, models_of_runs, parameters)
    predictor = registry.load(whole.settings, whole.weights)
    if not predictor.has_evidence:
        raise ValueError(
            f"the system {whole.settings['system']} has no evidence to show: its codes attend to "
            "no words; take the experiment out of the study's list `evidence`"
        )
    test = documents[SPLIT]
    found = list(plausibility.marked_words(mentions, tokenized_notes, test, code_index))
    words = words_of_documents(tokenized_notes, test.ids.tolist())
    return Explainer(predictor, whole, test, words, found)


def measure_evidence(
    explainer: Explainer,
    mentions: pa.Table,
    tokenized_notes: RecordStream,
    notes: RecordStream,
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    documents: Mapping[str, Documents],
    engine: Any = None,
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Agreement of the test split: the means by source, and every pair of note and code.

    Three of the sources need no model: rare words, words of the title, words that go with the code.
    Beside the means stand the same by the place of the marks, and MDACE's measures, of the words
    from a weight on that dev tells.
    """
    simple = _evidence_without_model(code_index, vocabulary, documents["train"])
    by = read_engine(engine)
    sources = {**simple, "model": explainer.in_turn(explainer.found, by)}
    pairs = plausibility.compare_evidence(explainer.found, sources)
    means = plausibility.mean_agreement(pairs).to_dict(orient="index")
    told: dict[str, Any] = {
        "split": SPLIT,
        "documents": int(pairs["document"].nunique()),
        "sources": means,
    }
    marked = {
        split: list(
            span_evidence.marked_documents(
                mentions, tokenized_notes, notes, documents[split], code_index
            )
        )
        for split in (TUNED_ON, SPLIT)
    }
    places = mark_places.places_of(marked[SPLIT], code_index)
    told["places"] = mark_places.agreement_by_place(pairs, places)
    if not marked[TUNED_ON]:
        LOG.warning("nothing is marked in the dev split: no weight is tuned, no spans are measured")
        return told, pairs
    words = words_of_documents(tokenized_notes, documents[TUNED_ON].ids.tolist())
    of_dev = replace(explainer, documents=documents[TUNED_ON], words=words)
    tuned_on = {**simple, "model": of_dev.in_turn(_with_codes(marked[TUNED_ON]), by)}
    sources = {**simple, "model": explainer.in_turn(_with_codes(marked[SPLIT]), by)}
    return {**told, "spans": _measure_spans(marked, tuned_on, sources, code_index)}, pairs


def _with_codes(marked: Iterable[MarkedDocument]) -> Iterator[Rationales]:
    """Of the documents whose evidence is asked for: with a marked code of the cohort."""
    return (one.rationales for one in marked if len(one.rationales.codes))


def _measure_spans(
    marked: Mapping[str, list[MarkedDocument]],
    tuned_on: Mapping[str, Evidence],
    sources: Mapping[str, Evidence],
    code_index: CodeIndex,
) -> dict[str, Any]:
    """MDACE's measures by source, each at the weight that is best on dev."""
    found = {}
    for name, source in sources.items():
        share = span_evidence.tune_share(marked[TUNED_ON], tuned_on[name])
        measured = span_evidence.compare_spans(marked[SPLIT], source, share, code_index)
        found[name] = {"share": share if isfinite(share) else None, **measured}
    sizes = {split: len(documents) for split, documents in marked.items()}
    return {"tuned_on": TUNED_ON, "documents": sizes, "sources": found}


def _evidence_without_model(
    code_index: CodeIndex, vocabulary: Vocabulary, train: Documents
) -> dict[str, Evidence]:
    """By counting words of the training documents."""
    held = word_evidence.words_held(train, len(vocabulary) + 2)
    titles, gold = description_ids(code_index, vocabulary), train.label_matrix(len(code_index))
    return {
        "rare words (IDF)": word_evidence.idf_evidence(held),
        "words of the title": word_evidence.title_evidence(titles, held),
        "words that go with the code": word_evidence.association_evidence(held, gold),
    }


def show_readings(
    explainer: Explainer,
    code_index: CodeIndex,
    tokenized_notes: RecordStream,
    notes: RecordStream,
    metrics: Mapping[str, Mapping[str, float]],
) -> str:
    """Table 5 of the notes with most marked codes, with their text: for where notes may be.

    Where no representations are shared, its rows are the predicted codes, each with what it read.
    """
    most = nlargest(NOTES_SHOWN, explainer.found, key=lambda one: len(one.codes))
    shown = {explainer.documents.ids[one.document]: one for one in most}
    places = _rows(tokenized_notes, set(shown), ["begins", "ends", "note_ids", "note_starts"])
    texts = _rows(notes, set(shown), ["note_id", "text"])
    threshold = metrics["test"]["threshold_tuned"]
    read = [
        _read(explainer, one, places[name][0], texts[name], code_index, threshold)
        for name, one in shown.items()
    ]
    return readings_page(read, code_index, shared=explainer.predictor.shares)


def _read(
    explainer: Explainer,
    marks: Rationales,
    places: Mapping[str, Any],
    texts: list[dict[str, Any]],
    code_index: CodeIndex,
    threshold: float,
) -> ReadNote:
    """The note and its reading, side by side; a word stands for its narrowest window."""
    reading = explainer.predictor.reading(explainer.note(marks), threshold)
    width, codes = explainer.predictor.width, code_index.codes
    begins, ends, starts = (places[name] for name in ("begins", "ends", "note_starts"))
    windows = windows_around(begins, ends, width // 2, starts, after=(width - 1) // 2)
    by_id = {row["note_id"]: row["text"] for row in texts}
    return ReadNote(
        texts=[by_id[note] for note in places["note_ids"]],
        begins=np.asarray(begins),
        ends=np.asarray(ends),
        note_starts=tuple(starts),
        attention=reading.attention,
        rows=representations_read(reading, windows, codes, threshold=threshold, apart=width),
        gold=[codes[code] for code in marks.codes],
        marked=np.asarray(marks.marked.any(axis=0)),
    )


def _rows(stream: RecordStream, wanted: set[str], columns: list[str]) -> dict[str, list[Any]]:
    """The rows of some documents."""
    found: dict[str, list[Any]] = {document: [] for document in wanted}
    for batch in stream.select(["document_id", *columns]):
        is_wanted = pc.is_in(batch["document_id"], pa.array(wanted, pa.string()))
        for row in batch.filter(is_wanted).to_pylist():
            found[row.pop("document_id")].append(row)
    return found
