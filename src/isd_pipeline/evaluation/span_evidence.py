"""Evidence as the authors of MDACE measure it (Cheng et al., ACL 2023): spans and their tokens.

Axes: K codes, N words of a document.

What a source points at and what people marked are compared as sets, note by note and code by code,
in four ways; counts are summed over all notes and codes (micro). docs/readings.md, E1-E6, says how
the paper and the release are read.

    exact_span                    the same begin and end
    position_independent_span     the same text in small letters, wherever it stands in the note
    exact_token                   a token of the spans that begins at the same character
    position_independent_token    the same token, wherever
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.evaluation.plausibility import (
    Evidence,
    Rationales,
    numbered,
    rationales_of,
    spans_of,
)
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.tokens import words_of

MEASURES = (
    "exact_span",
    "position_independent_span",
    "exact_token",
    "position_independent_token",
)
Span = tuple[int, int]
Units = dict[str, set[Any]]
_LEFT, _RIGHT = "-.,/ \n\t)", "-.,/ \n\t("  # no part of a span at its border
_TOKEN = re.compile(r"\w+")
_LARGEST_NUMBER = 10  # that is a token


@dataclass(frozen=True)
class MarkedDocument:
    """A document, and every span that was marked in it, of codes that the cohort lacks as well.

    rationales: the marked codes that the cohort has, gold of the document or not.
    words, begins, ends: [N], the words and their places, each within its own note.
    texts: of the notes in which something is marked, by number of the note in the document.
    spans: by number of the note, then by code.
    """

    rationales: Rationales
    words: Sequence[str]
    begins: Int[np.ndarray, " N"]
    ends: Int[np.ndarray, " N"]
    texts: Mapping[int, str]
    spans: Mapping[int, Mapping[str, list[Span]]]


def marked_documents(
    mentions: pa.Table,
    tokenized_notes: RecordStream,
    notes: RecordStream,
    documents: Documents,
    codes: CodeIndex,
) -> Iterator[MarkedDocument]:
    """The documents in which something is marked, in the order of `tokenized_notes`."""
    spans = spans_of(mentions, pa.array(documents.ids.tolist(), pa.string()))
    wanted = pa.array(list(spans), pa.string())
    place = {document: n for n, document in enumerate(documents.ids.tolist())}
    position = {code: n for n, code in enumerate(codes.codes)}
    texts = _texts(notes, wanted)
    columns = ["document_id", "begins", "ends", "note_ids", "note_starts", "tokens"]
    for batch in tokenized_notes.select(columns):
        some = batch.filter(pc.is_in(batch["document_id"], wanted))
        for row, words in zip(
            some.drop_columns(["tokens"]).to_pylist(), words_of(some), strict=True
        ):
            document = row["document_id"]
            marked = spans[document]
            known = sorted(position[code] for code in marked if code in position)
            number = {note: n for n, note in enumerate(row["note_ids"])}
            by_note: dict[int, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
            for code, places in marked.items():
                for note, begin, end in numbered(places, number).T.tolist():
                    by_note[note][code].append((begin, end))
            yield MarkedDocument(
                rationales_of(row, marked, place[document], documents, codes, known),
                words,
                np.asarray(row["begins"]),
                np.asarray(row["ends"]),
                {n: texts[document, row["note_ids"][n]] for n in by_note},
                by_note,
            )


def _texts(notes: RecordStream, documents: pa.Array) -> dict[tuple[str, str], str]:
    found = {}
    for batch in notes.select(["document_id", "note_id", "text"]):
        some = batch.filter(pc.is_in(batch["document_id"], documents)).to_pydict()
        for document, note, text in zip(*some.values(), strict=True):
            found[document, note] = text
    return found


def tune_share(documents: Sequence[MarkedDocument], evidence: Evidence) -> float:
    """The weight from which a word is chosen: the highest micro F1 of words, wherever they stand.

    A word of a note counts once a code, with its highest weight there. Words of weight 0 are never
    chosen. The search is exact; of equal cuts the highest is taken, midway to the weight below.
    Infinite where no word has any weight.
    """
    weights, is_marked = [np.zeros(0)], [np.zeros(0, dtype=bool)]
    for document in documents:
        for weight, marked in _by_word(document, _weights(document, evidence)):
            weights.append(weight)
            is_marked.append(marked)
    weight, marked = np.concatenate(weights), np.concatenate(is_marked)
    order = np.argsort(-weight, kind="stable")
    weight, hits = weight[order], np.cumsum(marked[order])
    is_cut = (np.diff(weight, append=-np.inf) < 0) & (weight > 0)
    if not is_cut.any():
        return float("inf")
    cuts = np.flatnonzero(is_cut)
    f1 = 2 * hits[cuts] / (cuts + 1 + hits[-1])
    best = cuts[int(np.argmax(f1))]
    below = max(float(weight[best + 1]), 0.0) if best + 1 < len(weight) else 0.0
    return (float(weight[best]) + below) / 2


def _weights(document: MarkedDocument, evidence: Evidence) -> Float[np.ndarray, "K N"]:
    """The evidence, which is not asked where no marked code is the cohort's."""
    if not len(document.rationales.codes):
        return np.zeros((0, len(document.words)))
    return evidence(document.rationales)


def _by_word(
    document: MarkedDocument, evidence: Float[np.ndarray, "K N"]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each note with marks and each code: the distinct words' weights, and which are marked."""
    starts = [*document.rationales.note_starts, len(document.words)]
    for note in document.texts:
        here = slice(starts[note], starts[note + 1])
        distinct, which = np.unique(np.array(document.words[here], dtype=str), return_inverse=True)
        for row, marked in zip(evidence, document.rationales.marked, strict=True):
            weight, is_marked = np.full(len(distinct), -np.inf), np.zeros(len(distinct), dtype=bool)
            np.maximum.at(weight, which, row[here])
            is_marked[which[marked[here]]] = True
            yield weight, is_marked


def compare_spans(
    documents: Sequence[MarkedDocument], evidence: Evidence, share: float, codes: CodeIndex
) -> dict[str, dict[str, float]]:
    """How the words of weight `share` and more agree with the marks, by measure.

    Words that follow each other make one span. precision, recall, f1 are of the codes that the
    cohort has; `f1_all_codes` and `recall_all_codes` count marks of others as missed. predicted,
    marked, found, marked_of_other_codes: the counts that they are of.
    """
    counts: Counter[tuple[str, str]] = Counter()
    known = set(codes.codes)
    for document in documents:
        weights = _weights(document, evidence)
        names = [codes.codes[code] for code in document.rationales.codes]
        chosen = {
            code: spans_of_words(row >= share, document)
            for code, row in zip(names, weights, strict=True)
        }
        for note, text in document.texts.items():
            marks = document.spans[note]
            for code in marks.keys() | chosen.keys():
                predicted = units(text, chosen.get(code, {}).get(note, []))
                counts += count_units(units(text, marks.get(code, [])), predicted, code in known)
    return {
        measure: figures({k: n for (m, k), n in counts.items() if m == measure})
        for measure in MEASURES
    }


def spans_of_words(
    chosen: Bool[np.ndarray, " N"], document: MarkedDocument
) -> dict[int, list[Span]]:
    """By number of the note, a span for every run of chosen words; none reaches over two notes."""
    starts = np.asarray(document.rationales.note_starts)
    words = np.flatnonzero(chosen)
    note = np.searchsorted(starts, words, side="right") - 1
    is_first = np.diff(words, prepend=-2) > 1
    is_first |= np.diff(note, prepend=-1) > 0
    is_last = np.append(is_first[1:], True) if len(words) else is_first
    found: dict[int, list[Span]] = defaultdict(list)
    for first, last, number in zip(words[is_first], words[is_last], note[is_first], strict=True):
        found[int(number)].append((int(document.begins[first]), int(document.ends[last])))
    return found


def units(text: str, spans: Sequence[Span]) -> Units:
    """What is counted of some spans of a note, as a set for each measure.

    Punctuation and space at the borders of a span are no part of it. A token is a run of letters,
    digits and underscores in small letters; a number above 10 is none.
    """
    trimmed = [trim(text, begin, end) for begin, end in spans]
    kept = [(begin, end) for begin, end in trimmed if begin < end]
    tokens = [
        (begin + match.start(), match[0].lower())
        for begin, end in kept
        for match in _TOKEN.finditer(text[begin:end])
        if not (match[0].isdecimal() and int(match[0]) > _LARGEST_NUMBER)
    ]
    return {
        "exact_span": set(kept),
        "position_independent_span": {text[begin:end].lower() for begin, end in kept},
        "exact_token": {at for at, _ in tokens},
        "position_independent_token": {token for _, token in tokens},
    }


def trim(text: str, begin: int, end: int) -> Span:
    """A span without the punctuation and the space at its borders."""
    stretch = text[begin:end].lstrip(_LEFT)
    begin = end - len(stretch)
    return begin, begin + len(stretch.rstrip(_RIGHT))


def count_units(marked: Units, predicted: Units, is_known: bool = True) -> Counter[tuple[str, str]]:
    """How many of each measure are marked, predicted and both, of one note and code."""
    counts: Counter[tuple[str, str]] = Counter()
    for measure in MEASURES:
        counts[measure, "marked" if is_known else "marked_of_other_codes"] = len(marked[measure])
        counts[measure, "predicted"] = len(predicted[measure])
        counts[measure, "found"] = len(marked[measure] & predicted[measure])
    return counts


def figures(counts: Mapping[str, int]) -> dict[str, float]:
    """Precision, recall and F1 of counts, and the counts; of nothing they are 0."""
    names = ("predicted", "marked", "found", "marked_of_other_codes")
    predicted, marked, found, others = (counts.get(name, 0) for name in names)
    return {
        "precision": found / max(predicted, 1),
        "recall": found / max(marked, 1),
        "f1": 2 * found / max(predicted + marked, 1),
        "recall_all_codes": found / max(marked + others, 1),
        "f1_all_codes": 2 * found / max(predicted + marked + others, 1),
        **dict(zip(names, (predicted, marked, found, others), strict=True)),
    }
