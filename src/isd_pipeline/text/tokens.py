"""The words of a note as CAML cuts them, each with its place in the note.

A word is a run of letters, digits and underscores (of any script); a run that is nothing but
numerals is dropped, then the rest is lower-cased. `begin` and `end` count code points of the
note as it was written, so `note[begin:end].lower()` is the word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from isd_pipeline.data.tables import ROWS, RecordStream

TOKENIZED_NOTES = pa.schema(
    [
        ("document_id", pa.string()),
        ("patient_id", pa.string()),
        ("tokens", pa.list_(pa.string())),
        ("begins", pa.list_(pa.int32())),
        ("ends", pa.list_(pa.int32())),
        ("note_ids", pa.list_(pa.string())),
        ("note_starts", pa.list_(pa.int32())),
    ]
)
_RUN = re.compile(r"\w+")
_IS_WORD = np.array([_RUN.match(chr(code)) is not None for code in range(128)])
_IS_DIGIT = np.array([chr(code).isnumeric() for code in range(128)])
_LOWER = np.array([ord(chr(code).lower()) for code in range(128)], dtype=np.uint8)
BYTES = 64 << 20  # of words in a batch, so that one endless document stands alone


@dataclass(frozen=True)
class Tokens:
    """The words of one note, in reading order; `begins` and `ends` are int32."""

    words: pa.StringArray
    begins: np.ndarray
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.words)


def tokenize(text: str) -> Tokens:
    """Cut one note into words."""
    return _tokenize_ascii(text) if text.isascii() else _tokenize_any(text)


def tokenize_notes(notes: RecordStream) -> RecordStream:
    """One row for each document: the words of its notes one after the other.

    The offsets of a word count within its own note; `note_starts` says at which word each of
    `note_ids` begins. Notes of one document stand together in `notes`; memory holds a few
    hundred documents.
    """

    def batches() -> Iterator[pa.RecordBatch]:
        waiting = _Waiting()
        for batch in notes:
            for row in zip(*(batch[name].to_pylist() for name in _COLUMNS), strict=True):
                if waiting.is_full() and row[0] != waiting.document:
                    yield waiting.take()
                waiting.add(*row)
        if waiting.documents:
            yield waiting.take()

    return RecordStream(TOKENIZED_NOTES, batches)


_COLUMNS = ("document_id", "patient_id", "note_id", "text")


def _tokenize_any(text: str) -> Tokens:
    """By the definition, a match at a time."""
    found = [match for match in _RUN.finditer(text) if not match[0].isnumeric()]
    return Tokens(
        pa.array([match[0].lower() for match in found], pa.string()),
        np.fromiter((match.start() for match in found), np.int32, len(found)),
        np.fromiter((match.end() for match in found), np.int32, len(found)),
    )


def _tokenize_ascii(text: str) -> Tokens:
    """The same for plain ASCII, all characters at once: a byte is a code point there."""
    letters = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    inside = np.zeros(len(letters) + 2, dtype=bool)
    inside[1:-1] = _IS_WORD[letters]
    edges = np.flatnonzero(inside[1:] != inside[:-1]).astype(np.int32)
    begins, ends = edges[::2], edges[1::2]
    digits = np.concatenate([[0], np.cumsum(_IS_DIGIT[letters])])
    kept = digits[ends] - digits[begins] < ends - begins
    begins, ends = begins[kept], ends[kept]
    return Tokens(_words(_LOWER[letters], begins, ends), begins, ends)


def _words(letters: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> pa.StringArray:
    """The words letters[begin:end], copied side by side as Arrow keeps them."""
    lengths = ends - begins
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    shift = np.repeat(begins - offsets[:-1], lengths)
    data = letters[np.arange(offsets[-1]) + shift]
    return pa.StringArray.from_buffers(len(begins), pa.py_buffer(offsets), pa.py_buffer(data))


class _Waiting:
    """Documents being put together until there are enough for a batch."""

    def __init__(self) -> None:
        self._finished: set[str] = set()
        self._clear()

    def _clear(self) -> None:
        self.documents: list[str] = []
        self._patients: list[str] = []
        self._notes: list[Tokens] = []
        self._note_ids: list[list[str]] = []
        self._note_starts: list[list[int]] = []
        self._lengths: list[int] = []
        self._bytes = 0

    @property
    def document(self) -> str | None:
        return self.documents[-1] if self.documents else None

    def is_full(self) -> bool:
        return len(self.documents) >= ROWS or self._bytes >= BYTES

    def add(self, document: str, patient: str, note: str, text: str) -> None:
        if document != self.document:
            self._begin(document, patient)
        elif patient != self._patients[-1]:
            raise ValueError(f"document {document} has notes of two patients")
        tokens = tokenize(text)
        self._notes.append(tokens)
        self._note_ids[-1].append(note)
        self._note_starts[-1].append(self._lengths[-1])
        self._lengths[-1] += len(tokens)
        self._bytes += tokens.words.nbytes

    def _begin(self, document: str, patient: str) -> None:
        if document in self._finished:
            raise ValueError(
                f"document {document}: its notes do not stand together; sort the notes first"
            )
        self._finished.add(document)
        self.documents.append(document)
        self._patients.append(patient)
        self._note_ids.append([])
        self._note_starts.append([])
        self._lengths.append(0)

    def take(self) -> pa.RecordBatch:
        words = pa.concat_arrays([note.words for note in self._notes])
        begins = np.concatenate([note.begins for note in self._notes])
        ends = np.concatenate([note.ends for note in self._notes])
        starts = pa.array(np.concatenate([[0], np.cumsum(self._lengths)]), pa.int32())
        columns = [
            pa.array(self.documents, pa.string()),
            pa.array(self._patients, pa.string()),
            *(pa.ListArray.from_arrays(starts, x) for x in (words, begins, ends)),
            pa.array(self._note_ids, pa.list_(pa.string())),
            pa.array(self._note_starts, pa.list_(pa.int32())),
        ]
        self._clear()
        return pa.RecordBatch.from_arrays(columns, schema=TOKENIZED_NOTES)
