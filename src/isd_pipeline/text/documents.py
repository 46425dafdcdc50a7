"""Documents as numbers: what training and evaluation read, one folder for each split."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.files import replacing
from isd_pipeline.data.io.parts import LOOP, Engine
from isd_pipeline.data.io.row_parts import map_batches
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.data.splits import names_of
from isd_pipeline.text.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LOG = logging.getLogger(__name__)
_ARRAYS = ("tokens", "token_starts", "labels", "label_starts")
_SENTENCES = ("sentences", "sentence_starts")
STRANGE = 20  # per cent of a split's words beyond which notes are hardly read


@dataclass(frozen=True)
class Documents:
    """The documents of a split, by (length, id), whole: batches truncate.

    Shapes, of D documents: ids [D] str; tokens [T] int32, all token ids one after the other;
    token_starts [D+1] int64; labels int32, each document's code numbers ascending and distinct;
    label_starts [D+1] int64; sentences int32, the words at which each document's sentences begin,
    ascending from 0; sentence_starts [D+1] int64. The last two are None where nobody looked.
    """

    ids: np.ndarray
    tokens: np.ndarray
    token_starts: np.ndarray
    labels: np.ndarray
    label_starts: np.ndarray
    sentences: np.ndarray | None = None
    sentence_starts: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """Words of each document, int64 [D]."""
        return np.diff(self.token_starts)

    def tokens_of(self, i: int) -> np.ndarray:
        """The token ids of document i, int32."""
        return self.tokens[self.token_starts[i] : self.token_starts[i + 1]]

    def labels_of(self, i: int) -> np.ndarray:
        """The code numbers of document i, ascending."""
        return self.labels[self.label_starts[i] : self.label_starts[i + 1]]

    def sentences_of(self, i: int) -> np.ndarray:
        """The words at which the sentences of document i begin, int32."""
        if self.sentences is None or self.sentence_starts is None:
            raise ValueError(
                "these documents do not say where sentences begin, which this system reads; "
                "make them anew with `kedro run --pipelines=preprocess`"
            )
        return self.sentences[self.sentence_starts[i] : self.sentence_starts[i + 1]]

    def label_matrix(self, n_codes: int) -> csr_matrix:
        """The labels as a sparse matrix, bool [D, n_codes]."""
        from scipy.sparse import csr_matrix

        ones = np.ones(len(self.labels), dtype=bool)
        shape = (len(self), n_codes)
        return csr_matrix((ones, self.labels, self.label_starts), shape=shape)

    def save(self, folder: Path) -> None:
        """Write a folder of .npy files, whole or not at all."""
        with replacing(Path(folder)) as temporary:
            temporary.mkdir()
            _write_ids(temporary, self.ids.tolist())
            for name in (*_ARRAYS, *_SENTENCES):
                if getattr(self, name) is not None:
                    np.save(temporary / f"{name}.npy", getattr(self, name), allow_pickle=False)

    @classmethod
    def open(cls, folder: Path) -> Documents:
        """Read what `save` or `encode_documents` wrote; tokens and sentences stay on disk."""
        folder = Path(folder)
        ids = np.array(read_ids(folder), dtype=str)
        names = [*_ARRAYS, *(name for name in _SENTENCES if (folder / f"{name}.npy").exists())]
        arrays = {name: _load(folder / f"{name}.npy") for name in names}
        documents = cls(ids, **arrays)
        documents._check(folder)
        return documents

    def _check(self, folder: Path) -> None:
        for name in ("token", "label", "sentence"):
            values, starts = getattr(self, f"{name}s"), getattr(self, f"{name}_starts")
            if values is starts is None:
                continue
            sizes = [-1 if part is None else len(part) for part in (values, starts)]
            if sizes[1] != len(self) + 1 or starts[-1] != sizes[0]:
                raise ValueError(f"{folder}: {name}s.npy and {name}_starts.npy do not fit")


def read_ids(folder: Path) -> list[str]:
    """The ids of a folder of documents, in their order."""
    if not (folder / "ids.json").exists():
        raise FileNotFoundError(f"{folder}: holds no documents; run the stage that makes them")
    ids: list[str] = json.loads((folder / "ids.json").read_text("utf-8"))
    return ids


def open_splits(folder: Path) -> dict[str, Documents]:
    """The encoded documents of train, dev and test, their words left on disk."""
    return {split: Documents.open(folder / split) for split in ("train", "dev", "test")}


def open_development(folder: Path) -> dict[str, Documents]:
    """Those of train and dev: a search never opens the test split."""
    return {split: Documents.open(folder / split) for split in ("train", "dev")}


def encode_documents(
    tokenized_notes: RecordStream,
    labels: pa.Table,
    splits: pa.Table,
    vocabulary: Vocabulary,
    codes: CodeIndex,
    folder: Path,
    *,
    keep_uncoded: bool = False,
    engine: Engine = LOOP,
) -> dict[str, int]:
    """Write a folder of documents for each of train, dev and test into `folder`.

    Lengths are read first, and give the order; then each document's words and sentences are put
    in their place; memory never holds more than a batch. Documents without a word, or
    without a code, are left out and counted; with `keep_uncoded` the latter stay.
    """
    lengths = _sizes(tokenized_notes, "tokens", engine)
    sentences = _sizes(tokenized_notes, "sentence_starts", engine)
    coded = _code_numbers(labels, codes)
    split_of = dict(zip(*(splits[n].to_pylist() for n in splits.column_names), strict=True))
    missing = len(split_of.keys() - lengths.keys())
    if missing:
        raise ValueError(f"{missing} documents of the splits have no notes; make both from one run")
    counts: dict[str, int] = {}
    orders = {}
    for split in ("train", "dev", "test"):
        members = [document for document, name in split_of.items() if name in names_of(split)]
        orders[split] = _order(members, lengths, coded, split, counts, keep_uncoded=keep_uncoded)
    with replacing(Path(folder)) as temporary:
        stores = {
            split: _Store(temporary / split, order, lengths, sentences, coded)
            for split, order in orders.items()
        }
        read, given = ("document_id", "tokens", "sentence_starts"), [vocabulary]
        for encoded in map_batches(
            _encode_batch, tokenized_notes, read, engine, common=given, what="encode"
        ):
            _put(encoded, stores, vocabulary.unknown)
        for split, store in stores.items():
            store.close()
            _tell_unknown(split, store.unknown, counts[f"{split}_tokens"])
    return counts


def _tell_unknown(split: str, unknown: int, words: int) -> None:
    """How much of a split a model cannot read."""
    told = "%s: of %d words %d are not in the vocabulary (%.1f %%)"
    share = 100 * unknown / words
    level = logging.WARNING if share > STRANGE else logging.INFO
    LOG.log(level, told, split, words, unknown, share)


def _code_numbers(labels: pa.Table, codes: CodeIndex) -> dict[str, np.ndarray]:
    """Each document's code numbers, int32, ascending and distinct."""
    lists = labels["labels"].combine_chunks()
    encoded = lists.flatten().dictionary_encode()
    number = np.array([codes.position(label) for label in encoded.dictionary.to_pylist()], np.int64)
    document = np.repeat(np.arange(len(lists)), lists.value_lengths().to_numpy())
    pairs = np.sort(document * len(codes) + number[encoded.indices.to_numpy()])
    pairs = pairs[np.diff(pairs, prepend=-1) > 0]
    begins = np.searchsorted(pairs, np.arange(len(lists)) * len(codes))
    rows = np.split((pairs % len(codes)).astype(np.int32), begins)[1:]
    return dict(zip(labels["document_id"].to_pylist(), rows, strict=True))


def _sizes(tokenized_notes: RecordStream, column: str, engine: Engine) -> dict[str, int]:
    """How long each document's list of a column is."""
    read = ("document_id", column)
    sizes: dict[str, int] = {}
    for some in map_batches(_sizes_of, tokenized_notes, read, engine, what=f"lengths of {column}"):
        sizes.update(some)
    return sizes


def _sizes_of(batch: pa.RecordBatch) -> dict[str, int]:
    ids, lists = batch.columns
    return dict(zip(ids.to_pylist(), lists.value_lengths().to_pylist(), strict=True))


def _order(
    members: list[str],
    lengths: Mapping[str, int],
    coded: Mapping[str, np.ndarray],
    split: str,
    counts: dict[str, int],
    *,
    keep_uncoded: bool,
) -> list[str]:
    """The documents of a split that can be read, by (length, id); ids of digits as numbers."""
    empty = [document for document in members if not lengths[document]]
    codeless = [d for d in members if lengths[d] and not len(coded.get(d, ())) and not keep_uncoded]
    for what, left in (("word", empty), ("code", codeless)):
        counts[f"{split}_without_{what}"] = len(left)
        if left:
            LOG.warning("%s: %d documents without a %s are left out", split, len(left), what)
    gone = {*empty, *codeless}
    kept = [document for document in members if document not in gone]
    counts[f"{split}_encoded"] = len(kept)
    counts[f"{split}_tokens"] = sum(lengths[document] for document in kept)
    counts[f"{split}_labels"] = sum(len(coded[document]) for document in kept)
    if not kept:
        raise ValueError(f"split {split} has no document with words and codes")
    digits = all(document.isdecimal() for document in kept)
    return sorted(kept, key=lambda d: (lengths[d], int(d) if digits else 0, d))


class _Placed:
    """A file of int32 values of documents in their order, written a document at a time."""

    def __init__(self, folder: Path, name: str, order: list[str], sizes: Mapping[str, int]) -> None:
        starts = _starts([sizes[document] for document in order])
        np.save(folder / f"{name}_starts.npy", starts)
        self._starts = dict(zip(order, starts.tolist(), strict=False))
        self._file = (folder / f"{name}s.npy").open("wb")
        header = {"descr": "<i4", "fortran_order": False, "shape": (int(starts[-1]),)}
        np.lib.format.write_array_header_1_0(self._file, header)
        self._begin = self._file.tell()
        self._file.flush()

    def put(self, document: str, values: np.ndarray) -> None:
        """Write a document's values in their place."""
        place = self._begin + 4 * self._starts[document]
        os.pwrite(self._file.fileno(), values.astype("<i4").tobytes(), place)

    def close(self) -> None:
        self._file.close()


class _Store:
    """A folder of documents being written: labels at once, words and sentences by place."""

    def __init__(
        self,
        folder: Path,
        order: list[str],
        lengths: Mapping[str, int],
        sentences: Mapping[str, int],
        coded: Mapping[str, np.ndarray],
    ) -> None:
        folder.mkdir(parents=True)
        _write_ids(folder, order)
        np.save(folder / "labels.npy", np.concatenate([coded[d] for d in order]).astype(np.int32))
        np.save(folder / "label_starts.npy", _starts([len(coded[d]) for d in order]))
        self.unknown = 0
        self._order = frozenset(order)
        self._tokens = _Placed(folder, "token", order, lengths)
        self._sentences = _Placed(folder, "sentence", order, sentences)

    def put(self, document: str, tokens: np.ndarray, sentences: np.ndarray, unknown: int) -> None:
        """Write what is known of a document, if it is of this split; `unknown` is not a word."""
        if document in self._order:
            self.unknown += int((tokens == unknown).sum())
            self._tokens.put(document, tokens)
            self._sentences.put(document, sentences)

    def close(self) -> None:
        self._tokens.close()
        self._sentences.close()


def _starts(sizes: list[int]) -> np.ndarray:
    """Where each of several lists begins that stand one after the other, and the end, int64."""
    return np.cumsum([0, *sizes]).astype(np.int64)


@dataclass(frozen=True)
class _Encoded:
    """Documents of a batch: their ids, all token ids and sentence starts, and where each ends."""

    ids: list[str]
    tokens: np.ndarray
    token_ends: np.ndarray
    sentences: np.ndarray
    sentence_ends: np.ndarray


def _encode_batch(batch: pa.RecordBatch, vocabulary: Vocabulary) -> _Encoded:
    words, starts = batch["tokens"], batch["sentence_starts"]
    return _Encoded(
        ids=batch["document_id"].to_pylist(),
        tokens=vocabulary.encode(words.flatten()),
        token_ends=_ends(words),
        sentences=starts.flatten().to_numpy(),
        sentence_ends=_ends(starts),
    )


def _put(encoded: _Encoded, stores: Mapping[str, _Store], unknown: int) -> None:
    words = np.split(encoded.tokens, encoded.token_ends)
    sentences = np.split(encoded.sentences, encoded.sentence_ends)
    for row, document in enumerate(encoded.ids):
        for store in stores.values():
            store.put(document, words[row], sentences[row], unknown)


def _ends(lists: pa.ListArray) -> np.ndarray:
    return np.cumsum(lists.value_lengths().to_numpy())


def _write_ids(folder: Path, ids: list[str]) -> None:
    (folder / "ids.json").write_text(json.dumps(ids), "utf-8")


def _load(path: Path) -> np.ndarray:
    """One array, never a pickle; the long ones are mapped, as far as nothing can be."""
    header = 128  # bytes of numpy's own
    large = path.stem in ("tokens", "sentences") and path.stat().st_size > header
    array: np.ndarray = np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
    return array
