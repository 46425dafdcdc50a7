"""The words of a note as a rule cuts them, each with its place in the note.

`caml`: a word is a run of letters, digits and underscores (of any script); a run that is nothing
but numerals is dropped, then the rest is lower-cased.

`edin` (Edin et al., SIGIR 2023): the text is lower-cased; a word is a run of a-z and 0-9, so an
underscore and a letter with an accent part words; a run of digits is dropped, but for one that is
the very first thing in a document, or the very last, which their expression leaves standing.

`numerals`: as `caml`, and numerals stay, for codes of which "grado 2" or "tipo 1" decides.

`begin` and `end` count code points of the note as it was written: `note[begin:end]`, cut by the
rule, is the word; of a note that is cut in normal form, its normal form is.

From here to the encoded documents words are numbers into a list of the distinct ones, a list for
each batch of documents: what has to be done with a word is done once for each, not each time.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from isd_pipeline.data.io.parts import LOOP, Engine, map_parts
from isd_pipeline.data.io.row_parts import Rows, document_parts
from isd_pipeline.data.io.tables import ROWS, RecordStream
from isd_pipeline.text.normal_form import NormalText, normal_form
from isd_pipeline.text.runs import RULES, Rule, Runs, Tokeniser, runs_of
from isd_pipeline.text.sentences import all_sentence_starts

TOKENIZED_NOTES = pa.schema(
    [
        ("document_id", pa.string()),
        ("patient_id", pa.string()),
        ("tokens", pa.list_(pa.dictionary(pa.int32(), pa.string()))),
        ("begins", pa.list_(pa.int32())),
        ("ends", pa.list_(pa.int32())),
        ("note_ids", pa.list_(pa.string())),
        ("note_starts", pa.list_(pa.int32())),
        ("sentence_starts", pa.list_(pa.int32())),
    ]
)
_COLUMNS = ("document_id", "patient_id", "note_id", "text")


@dataclass(frozen=True)
class Tokens:
    """The N words of one or more notes, in reading order.

    words: [N]. begins, ends: int32 [N], each within its own note. starts: int32 [notes + 1], the
    word at which each note begins, and N.
    """

    words: pa.DictionaryArray
    begins: np.ndarray
    ends: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.words)


def tokenize(text: str, rule: Tokeniser = "caml") -> Tokens:
    """Cut one note into words, a document of its own."""
    return tokenize_all([text], rule)


def tokenize_all(
    texts: Sequence[str], rule: Tokeniser = "caml", documents: np.ndarray | None = None
) -> Tokens:
    """Cut one or more notes into words, many at once.

    `documents` are the notes at which documents begin, and how many notes there are; left out,
    each note is a document.
    """
    return _words(runs_of(texts, RULES[rule]), texts, RULES[rule], documents)


def words_in(text: str, rule: Tokeniser = "caml") -> list[str]:
    """The words of a text that is no note, such as a code's title, as it is written.

    CANTEMIST has titles with accents of their own, and what is recorded has read them so.
    """
    words: list[str] = tokenize(text, rule).words.to_pylist()
    return words


def tokenize_notes(
    notes: RecordStream,
    rule: Tokeniser = "caml",
    engine: Engine = LOOP,
    *,
    normal: bool = False,
) -> RecordStream:
    """One row for each document: the words of its notes one after the other.

    `normal`: notes are cut in their normal form (`normal_form.py`); offsets still count in them as
    they were written.

    The offsets of a word count within its own note; `note_starts` says at which word each of
    `note_ids` begins, `sentence_starts` at which words sentences do. Notes of one document stand
    together in `notes`; memory holds those of `ROWS` documents.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        finished: set[str] = set()
        for batch in _tokenized(notes, rule, engine, normal):
            _refuse_apart(batch["document_id"].to_pylist(), finished)
            yield batch

    return RecordStream(TOKENIZED_NOTES, batches)


def _tokenized(
    notes: RecordStream, rule: Tokeniser, engine: Engine, normal: bool
) -> Iterator[pa.RecordBatch]:
    parts = document_parts(notes, engine)
    if not parts:
        yield from _tokenize_stream(notes, rule, normal)
    given = [rule, normal]
    for batches in map_parts(_tokenize_part, parts, engine, common=given, what="tokenise"):
        yield from batches


def _tokenize_part(part: Rows, rule: Tokeniser, normal: bool) -> list[pa.RecordBatch]:
    return list(_tokenize_stream(part.stream(_COLUMNS), rule, normal))


def _tokenize_stream(
    notes: RecordStream, rule: Tokeniser, normal: bool
) -> Iterator[pa.RecordBatch]:
    return (_tokenize_documents(table, rule, normal) for table in _whole_documents(notes))


def words_of(batch: pa.RecordBatch) -> list[list[str]]:
    """The words of each document of a batch of tokenized notes.

    Equal words are one string, in all batches: who looks them up finds them without comparing.
    """
    words = batch["tokens"].flatten()
    distinct = [sys.intern(word) for word in words.dictionary.to_pylist()]
    spelled = np.array(distinct, dtype=object)[words.indices.to_numpy()]
    ends = np.cumsum(batch["tokens"].value_lengths().to_numpy())
    return [piece.tolist() for piece in np.split(spelled, ends)[:-1]]


def _words(
    pieces: list[Runs], texts: Sequence[str], rule: Rule, documents: np.ndarray | None
) -> Tokens:
    """The rule about numerals and capitals, once for each distinct run."""
    runs = pa.concat_arrays([piece.words for piece in pieces]).dictionary_encode()
    begins = np.concatenate([piece.begins for piece in pieces])
    ends = np.concatenate([piece.ends for piece in pieces])
    borders = np.cumsum(np.concatenate([[0], *(piece.sizes for piece in pieces)]))
    each = runs.indices.to_numpy()
    written = runs.dictionary.to_pylist()
    occurs = np.array([not rule.is_numeral(run) for run in written], dtype=bool)
    is_kept = occurs[each]
    if rule.spares_borders:
        spared = _at_borders(texts, documents, begins, ends, borders)
        is_kept[spared] = occurs[each[spared]] = True
    spell = rule.spell
    spelled = [spell(run) if kept else None for run, kept in zip(written, occurs, strict=True)]
    words = pa.array(spelled, pa.string()).dictionary_encode()
    numbers = words.indices.fill_null(-1).to_numpy()
    kept = np.flatnonzero(is_kept)
    return Tokens(
        pa.DictionaryArray.from_arrays(numbers[each[kept]], words.dictionary),
        begins[kept],
        ends[kept],
        np.searchsorted(kept, borders).astype(np.int32),
    )


def _at_borders(
    texts: Sequence[str],
    documents: np.ndarray | None,
    begins: np.ndarray,
    ends: np.ndarray,
    borders: np.ndarray,
) -> np.ndarray:
    """The runs with nothing before them in their document, and those with nothing behind them.

    Notes of a document count as joined by a space. `borders` [notes + 1]: the run at which each
    note begins.
    """
    starts = np.arange(len(texts) + 1) if documents is None else documents
    has_run = np.diff(borders) > 0
    first, last = starts[:-1], starts[1:] - 1
    first, last = first[has_run[first]], last[has_run[last]]
    lengths = np.array([len(texts[note]) for note in last], dtype=np.int64)
    heads, tails = borders[first], borders[last + 1] - 1
    return np.concatenate([heads[begins[heads] == 0], tails[ends[tails] == lengths]])


def _whole_documents(notes: RecordStream) -> Iterator[pa.Table]:
    """The notes of `ROWS` documents at a time."""
    waiting: list[pa.RecordBatch] = []
    last, documents = None, 0
    for batch in notes.select(_COLUMNS):
        start = 0
        for row, document in enumerate(batch["document_id"].to_pylist()):
            if document != last and documents == ROWS:
                yield pa.Table.from_batches([*waiting, batch.slice(start, row - start)])
                waiting, start, documents = [], row, 0
            documents += document != last
            last = document
        waiting.append(batch.slice(start))
    if documents:
        yield pa.Table.from_batches(waiting)


def _refuse_apart(documents: list[str], finished: set[str]) -> None:
    for document in documents:
        if document in finished:
            raise ValueError(
                f"document {document}: its notes do not stand together; sort the notes first"
            )
        finished.add(document)


def _tokenize_documents(notes: pa.Table, rule: Tokeniser, normal: bool) -> pa.RecordBatch:
    """One row for each document of a table of whole documents."""
    ids, patients, note_ids, texts = (notes[name].to_pylist() for name in _COLUMNS)
    for row in range(1, len(ids)):
        if ids[row] == ids[row - 1] and patients[row] != patients[row - 1]:
            raise ValueError(f"document {ids[row]} has notes of two patients")
    first = [row for row in range(len(ids)) if not row or ids[row] != ids[row - 1]]
    borders = np.array([*first, len(ids)], dtype=np.int32)
    forms = [normal_form(text) if normal else NormalText(text) for text in texts]
    read = [form.text for form in forms]
    tokens = tokenize_all(read, rule, borders)
    starts = tokens.starts[borders]
    sentences = all_sentence_starts(read, tokens.begins, tokens.starts)
    begins, ends = _as_written(forms, tokens)
    parts = np.searchsorted(sentences, starts).astype(np.int32)
    columns = [
        pa.array([ids[row] for row in first], pa.string()),
        pa.array([patients[row] for row in first], pa.string()),
        *(_lists(starts, values) for values in (tokens.words, begins, ends)),
        _lists(borders, pa.array(note_ids, pa.string())),
        _lists(borders, tokens.starts[:-1] - np.repeat(starts[:-1], np.diff(borders))),
        _lists(parts, sentences - np.repeat(starts[:-1], np.diff(parts))),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=TOKENIZED_NOTES)


def _as_written(forms: list[NormalText], tokens: Tokens) -> tuple[np.ndarray, np.ndarray]:
    """Where words of notes in normal form stand in the notes as they were written."""
    begins, ends = tokens.begins.copy(), tokens.ends.copy()
    for form, first, last in zip(forms, tokens.starts[:-1], tokens.starts[1:], strict=True):
        if form.begins is not None:
            of_note = slice(first, last)
            begins[of_note], ends[of_note] = form.written(begins[of_note], ends[of_note])
    return begins, ends


def _lists(borders: np.ndarray, values: pa.Array | np.ndarray) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(borders), values)
