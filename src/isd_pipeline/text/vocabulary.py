"""The words a model knows, in one fixed order."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.io.files import write_json
from isd_pipeline.data.io.parts import LOOP, Engine, merge_parts
from isd_pipeline.data.io.row_parts import Rows, row_parts
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.data.splits import DEV_AND_TEST, TRAIN_AND_DEV
from isd_pipeline.text.normal_form import normal_form
from isd_pipeline.text.runs import Tokeniser
from isd_pipeline.text.tokens import words_in

Counts = tuple[Counter[str], Counter[str]]  # documents with a word, occurrences of it
Source = Literal["train", "all", "train_and_unlabelled"]
_COLUMNS = ("document_id", "tokens")
SPLITS_READ = {
    "train": ("train", TRAIN_AND_DEV),
    "all": ("train", "dev", "test", DEV_AND_TEST, TRAIN_AND_DEV, "unlabelled"),
    "train_and_unlabelled": ("train", TRAIN_AND_DEV, "unlabelled"),
}


@dataclass(frozen=True, kw_only=True)
class VocabularyConfig:
    """Which words qualify.

    `min_docs: 3, source: train` is CAML's rule; `max_words: 52254, source: all` is the size that
    the paper names, though which words ISD's authors kept cannot be known.
    """

    min_docs: int = 1  # documents of the source that hold the word
    max_words: int | None = None  # the most frequent, then in alphabetical order
    source: Source = "train"

    def __post_init__(self) -> None:
        if self.source not in SPLITS_READ:
            raise ValueError(f"source={self.source!r} is none of {', '.join(SPLITS_READ)}")
        if self.min_docs < 1:
            raise ValueError(f"min_docs={self.min_docs}: a word is in one document at least")
        if self.max_words is not None and self.max_words < 1:
            raise ValueError(f"max_words={self.max_words}: a vocabulary has one word at least")


@dataclass(frozen=True)
class Vocabulary:
    """Words in code point order have the numbers 1..V; 0 is padding, V+1 any other word.

    `rule` is how the notes were cut whose words these are, and so how to cut any other text.
    """

    words: tuple[str, ...]
    rule: Tokeniser = "caml"

    def __post_init__(self) -> None:
        if list(self.words) != sorted(set(self.words)):
            raise ValueError("a vocabulary has each word once, sorted by code point")
        if self.rule not in get_args(Tokeniser):
            known = ", ".join(get_args(Tokeniser))
            raise ValueError(f"words were cut by the rule {self.rule!r}; known are {known}")

    def __len__(self) -> int:
        return len(self.words)

    @property
    def unknown(self) -> int:
        """The number of every word that is not in the vocabulary."""
        return len(self.words) + 1

    @property
    def rows(self) -> int:
        """How many rows a matrix of word vectors has: V + 2."""
        return len(self.words) + 2

    @cached_property
    def _known(self) -> pa.Array:
        return pa.array(self.words, pa.string())

    def encode(self, words: Iterable[str] | pa.Array) -> np.ndarray:
        """Words to numbers, int32; each distinct word is looked up once."""
        if not isinstance(words, pa.Array):
            words = pa.array(list(words), pa.string())
        words = words.dictionary_encode()
        places = pc.index_in(words.dictionary, self._known).fill_null(len(self.words))
        return (places.to_numpy() + np.int32(1))[words.indices.to_numpy()]

    def __contains__(self, word: str) -> bool:
        return word in self._set

    def as_known(self, words: pa.DictionaryArray) -> pa.DictionaryArray:
        """Words in normal form, spelled as here where they are known in another form alone."""
        known = pa.array(map(self._spelled, words.dictionary.to_pylist()), pa.string())
        return pa.DictionaryArray.from_arrays(words.indices, known)

    def _spelled(self, word: str) -> str:
        return word if word in self._set else self._of_other_form.get(word, word)

    @cached_property
    def _set(self) -> frozenset[str]:
        return frozenset(self.words)

    @cached_property
    def _of_other_form(self) -> dict[str, str]:
        """The words that are not in normal form, by it; of several with one the last."""
        return {
            normal: word
            for word in self.words
            if not word.isascii() and (normal := normal_form(word).text) != word
        }

    def read(self, text: str) -> np.ndarray:
        """The numbers of a text's words, int32, cut as the notes were."""
        return self.encode(words_in(text, self.rule))

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that differ whenever a word, its number or the rule does.

        CAML's rule adds nothing to them, for it was the only one once.
        """
        other = [] if self.rule == "caml" else ["", self.rule]
        return hashlib.sha256("\n".join([*self.words, *other]).encode()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        rule = {} if self.rule == "caml" else {"tokeniser": self.rule}
        content = {"fingerprint": self.fingerprint, **rule, "words": list(self.words)}
        write_json(path, content)

    @classmethod
    def open(cls, path: Path) -> "Vocabulary":
        """Read what `save` wrote; refused if a word was changed since."""
        content = json.loads(Path(path).read_text("utf-8"))
        vocabulary = cls(tuple(content["words"]), content.get("tokeniser", "caml"))
        if vocabulary.fingerprint != content["fingerprint"]:
            raise ValueError(f"{path}: the words do not fit their fingerprint; make the file again")
        return vocabulary


def make_vocabulary(
    tokenized_notes: RecordStream,
    splits: pa.Table,
    config: VocabularyConfig,
    rule: Tokeniser = "caml",
    engine: Engine = LOOP,
) -> tuple[Vocabulary, dict[str, int]]:
    """Count words over whole documents, labelled or not, and keep those that qualify.

    `rule` is the one by which the notes were cut.
    """
    read = pc.is_in(splits["split"], pa.array(SPLITS_READ[config.source]))
    ids = splits.filter(read)["document_id"]
    counted, occurrences = count_words(tokenized_notes, ids.combine_chunks(), engine)
    words = [word for word, documents in counted.items() if documents >= config.min_docs]
    if config.max_words is not None and len(words) > config.max_words:
        words = sorted(words, key=lambda word: (-occurrences[word], word))[: config.max_words]
    if not words:
        raise ValueError(
            f"no word is in {config.min_docs} documents of {config.source}; are there any notes?"
        )
    counts = {"source_types": len(counted), "source_tokens": occurrences.total()}
    return Vocabulary(tuple(sorted(words)), rule), {**counts, "vocabulary": len(words)}


def count_words(
    tokenized_notes: RecordStream, documents: pa.Array | None = None, engine: Engine = LOOP
) -> Counts:
    """In how many documents each word is, and how often it occurs, over some documents or all."""
    if parts := row_parts(tokenized_notes, engine):
        given = [documents]
        return merge_parts(_count_part, _sum, parts, engine, common=given, what="vocabulary")
    counted: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    for batch in tokenized_notes.select(_COLUMNS):
        if documents is not None:
            batch = batch.filter(pc.is_in(batch["document_id"], documents))
        tokens = batch["tokens"].flatten()
        words, numbers = tokens.dictionary.to_pylist(), tokens.indices.to_numpy()
        lengths = batch["tokens"].value_lengths().to_numpy()
        _add(counted, words, _documents_with(numbers, lengths, len(words)))
        _add(occurrences, words, np.bincount(numbers, minlength=len(words)))
    return counted, occurrences


def _count_part(part: Rows, documents: pa.Array | None) -> Counts:
    return count_words(part.stream(_COLUMNS), documents)


def _sum(counts: Iterable[Counts]) -> Counts:
    counted: Counter[str] = Counter()
    occurrences: Counter[str] = Counter()
    for some_counted, some_occurrences in counts:
        counted.update(some_counted)
        occurrences.update(some_occurrences)
    return counted, occurrences


def _documents_with(numbers: np.ndarray, lengths: np.ndarray, kinds: int) -> np.ndarray:
    """In how many documents each of `kinds` words is, of documents that follow each other."""
    counts, is_here = np.zeros(kinds, dtype=np.int32), np.zeros(kinds, dtype=bool)
    for begin, end in pairwise([0, *np.cumsum(lengths).tolist()]):
        is_here[numbers[begin:end]] = True
        counts += is_here
        is_here[:] = False
    return counts


def _add(total: Counter[str], words: list[str], counts: np.ndarray) -> None:
    for word, count in zip(words, counts.tolist(), strict=True):
        if count:  # a word of other documents of the batch is not among these
            total[word] += count
