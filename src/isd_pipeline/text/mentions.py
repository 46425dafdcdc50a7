"""The mentions of a split's documents as words: which words people marked as naming which code.

Axes: M parts of mentions, S parts of one document.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import RecordStream

if TYPE_CHECKING:
    from isd_pipeline.text.documents import Documents

LOG = logging.getLogger(__name__)
_COLUMNS = ("document_id", "begins", "ends", "note_ids", "note_starts")


@dataclass(frozen=True)
class Mentions:
    """The marked words of some documents: a row is a part of a mention, sorted by all columns.

    All arrays are int64 [M]. document: row among the documents.  code: column of the code index.
    mention: the table's number, which the parts of one mention share.  first, last: words of the
    document, `last` excluded; one at least.  `without_word` parts have none and are left out.
    """

    document: np.ndarray
    code: np.ndarray
    mention: np.ndarray
    first: np.ndarray
    last: np.ndarray
    without_word: int = 0

    def __len__(self) -> int:
        return len(self.document)

    @property
    def columns(self) -> np.ndarray:
        """document, code, mention, first and last as rows, int64 [5, M]."""
        return np.stack([self.document, self.code, self.mention, self.first, self.last])

    @property
    def fingerprint(self) -> str:
        """What weights that learned from them belong to."""
        return hashlib.sha256(self.columns.tobytes()).hexdigest()[:16]

    def of_document(self, i: int) -> Mentions:
        """Those of document i alone."""
        return self.where(slice(*np.searchsorted(self.document, (i, i + 1))))

    def of_gold(self, documents: Documents) -> Mentions:
        """Those whose code is one of their document's."""
        n_codes = 1 + max(self.code.max(initial=0), documents.labels.max(initial=0))
        document = np.repeat(np.arange(len(documents)), np.diff(documents.label_starts))
        gold = document * n_codes + documents.labels
        return self.where(np.isin(self.document * n_codes + self.code, gold))

    def where(self, rows: slice | np.ndarray) -> Mentions:
        """Some rows alone."""
        return of_columns(self.columns[:, rows])


def no_mentions() -> Mentions:
    """Of documents in which nobody marked anything."""
    return of_columns(np.zeros((5, 0), dtype=np.int64))


def of_columns(columns: np.ndarray, without_word: int = 0) -> Mentions:
    """Of the five columns, int64 [5, M]."""
    document, code, mention, first, last = np.ascontiguousarray(columns)
    return Mentions(document, code, mention, first, last, without_word)


def mentions_of(
    table: pa.Table, tokenized_notes: RecordStream, documents: Documents, codes: CodeIndex
) -> Mentions:
    """Map a table `MENTIONS`, which counts code points of notes, to words of documents.

    A word belongs to a part if it shares a character with it. Parts without a word are left out
    and counted. Mentions of other documents, and of codes that the index lacks, are passed over.
    Whether a mention's code is among its document's codes is not asked.

    Raises ValueError for a mention of a note that its document does not have.
    """
    place = {document: n for n, document in enumerate(documents.ids.tolist())}
    number = {code: n for n, code in enumerate(codes.codes)}
    known = table.filter(
        pc.and_(
            pc.is_in(table["document_id"], pa.array(list(place), pa.string())),
            pc.is_in(table["code"], pa.array(list(number), pa.string())),
        )
    )
    by_document: dict[str, list[dict[str, Any]]] = {}
    for row in known.to_pylist():
        by_document.setdefault(row["document_id"], []).append(row)
    rows = [
        (place[row["document_id"]], number[row["code"]], row["mention"], first, last)
        for words, parts in _with_words(by_document, tokenized_notes)
        for row, first, last in zip(parts, *_words_of(parts, words), strict=True)
    ]
    found = np.array(rows, dtype=np.int64).reshape(-1, 5)
    kept = found[found[:, 3] < found[:, 4]]
    if len(kept) < len(found):
        LOG.warning("%d parts of mentions hold no word and are left out", len(found) - len(kept))
    return of_columns(kept[np.lexsort(kept.T[::-1])].T, len(found) - len(kept))


def _with_words(
    by_document: Mapping[str, list[dict[str, Any]]], tokenized_notes: RecordStream
) -> Iterator[tuple[Mapping[str, Any], list[dict[str, Any]]]]:
    """Where the words of each document stand that has mentions, and its mentions."""
    wanted = pa.array(list(by_document), pa.string())
    for batch in tokenized_notes.select(_COLUMNS):
        for words in batch.filter(pc.is_in(batch["document_id"], wanted)).to_pylist():
            yield words, by_document[words["document_id"]]


def _words_of(parts: list[dict[str, Any]], words: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """The first word of each part and the one behind its last; of a part without words the same."""
    begins, ends = np.asarray(words["begins"]), np.asarray(words["ends"])
    borders = [*words["note_starts"], len(begins)]
    note = {name: slice(*borders[n : n + 2]) for n, name in enumerate(words["note_ids"])}
    first, last = [], []
    for part in parts:
        if part["note_id"] not in note:
            raise ValueError(
                f"document {part['document_id']}: a mention is of note {part['note_id']}, which "
                "the document does not have; make both tables from one extraction"
            )
        of_note = note[part["note_id"]]
        here = np.searchsorted(ends[of_note], part["begin"], side="right")
        behind = np.searchsorted(begins[of_note], part["end"], side="left")
        first.append(of_note.start + int(here))
        last.append(of_note.start + int(max(here, behind)))
    return first, last
