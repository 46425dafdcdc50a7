"""Word vectors learned from the notes (Mikolov et al., 2013), in the order of a vocabulary.

Axes: V words of the vocabulary, E width. Matrices have V + 2 rows: row 0 is padding, zeros;
row V + 1 is any unknown word.

One note is one sentence, as in CAML's preprocessing. Gensim learns the vectors; what is kept is
safetensors and JSON, for a gensim file is a pickle.
"""

import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from isd_pipeline.data.io.files import replacing, write_json
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.data.io.tensor_files import pack, unpack
from isd_pipeline.text.tokens import words_of
from isd_pipeline.text.vocabulary import SPLITS_READ, Vocabulary

LONGEST_SENTENCE = 10_000  # gensim reads no further
TENSOR, RECORD = "vectors.safetensors", "vectors.json"


@dataclass(frozen=True, kw_only=True)
class WordVectorConfig:
    """How vectors are learned; the defaults are CAML's, and the paper's where it says any.

    `source` says whose notes are read: all (as CAML, the test notes' words among them, never
    their codes), train_and_unlabelled or train. `min_count` is for learning: a rarer word of the
    vocabulary gets the unknown word's vector. `sample` thins out words more frequent than this
    share of all, 0 none. `normalised` brings every row to norm 1. More than
    one of `workers` is faster and not reproducible.
    """

    width: int = 100
    window: int = 5
    epochs: int = 5
    min_count: int = 1
    skip_gram: bool = False
    negative: int = 5
    sample: float | int = 1e-3
    normalised: bool = True
    source: str = "all"
    workers: int = 1

    def __post_init__(self) -> None:
        for name in ("width", "window", "epochs", "min_count", "negative", "workers"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be 1 or more")
        if self.source not in SPLITS_READ:
            raise ValueError(f"source={self.source!r} must be one of {tuple(SPLITS_READ)}")


@dataclass(frozen=True)
class Embedding:
    """Vectors of words or of codes, and the record of what they were made from.

    `matrix` is float32, a row each; `record` has the fingerprints of the vocabulary and codes.
    """

    matrix: np.ndarray
    record: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write a folder with the matrix as safetensors and the record as JSON, or neither."""
        import torch

        content, digest = pack({"vectors": torch.from_numpy(self.matrix)})
        with replacing(Path(folder)) as temporary:
            temporary.mkdir()
            (temporary / TENSOR).write_bytes(content)
            write_json(temporary / RECORD, {**self.record, "sha256": digest})

    @classmethod
    def open(cls, folder: Path, **fingerprints: str) -> "Embedding":
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: there are no vectors.
            ValueError: they are damaged, or of another vocabulary or other codes.
        """
        folder = Path(folder)
        if not (folder / RECORD).exists():
            raise FileNotFoundError(f"{folder}: no vectors; run the stage that makes them")
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        tensors = unpack(folder / TENSOR, record.pop("sha256"), "learn it again")
        for name, fingerprint in fingerprints.items():
            if record[name] != fingerprint:
                told = f"fingerprint {record[name]}, here {fingerprint}"
                raise ValueError(f"{folder}: vectors of other {name} ({told}); learn them again")
        return cls(tensors["vectors"].numpy(), record)


def open_vectors(folder: Path) -> Callable[..., Embedding]:
    """What reads the vectors, given the fingerprints of what they must belong to."""
    return partial(Embedding.open, folder)


def learn_word_vectors(
    tokenized_notes: RecordStream,
    splits: pa.Table,
    vocabulary: Vocabulary,
    config: WordVectorConfig,
    *,
    seed: int,
) -> Embedding:
    """Learn vectors from the notes of `config.source`, and put them in the vocabulary's order.

    The notes are streamed, once to count and once an epoch; memory holds a batch of them. With
    one worker the result is a function of notes, settings and seed.
    """
    from gensim.models import Word2Vec

    notes = Sentences(tokenized_notes, documents_read(splits, config.source))
    model = Word2Vec(
        vector_size=config.width,
        window=config.window,
        min_count=config.min_count,
        sg=int(config.skip_gram),
        negative=config.negative,
        sample=config.sample,
        epochs=config.epochs,
        workers=config.workers,
        seed=seed,
        hashfxn=stable_hash,
    )
    model.build_vocab(notes)
    if not len(model.wv):
        raise ValueError(
            f"source={config.source!r}: no word occurs {config.min_count} times in its notes; "
            "are there any notes?"
        )
    model.train(notes, total_examples=model.corpus_count, epochs=config.epochs)
    matrix, unseen = in_order(model.wv, vocabulary, config.normalised, seed)
    counts = {
        "sentences": int(model.corpus_count),
        "tokens": int(model.corpus_total_words),
        "learned_words": len(model.wv),
        "vocabulary_words_unseen": unseen,
    }
    settings = {**asdict(config), "seed": seed}
    of = vocabulary.fingerprint
    return Embedding(matrix, {"vocabulary": of, "settings": settings, "counts": counts})


class Sentences:
    """The notes of some documents as lists of words, to be read again and again.

    A note longer than gensim reads becomes several sentences.
    """

    def __init__(self, tokenized_notes: RecordStream, documents: frozenset[str]) -> None:
        self.notes = tokenized_notes.select(["document_id", "tokens", "note_starts"])
        self.documents = documents

    def __iter__(self) -> Iterator[list[str]]:
        for batch in self.notes:
            ids, starts = (batch[name].to_pylist() for name in ("document_id", "note_starts"))
            for document, words, begins in zip(ids, words_of(batch), starts, strict=True):
                if document in self.documents:
                    yield from _sentences(words, [*begins, len(words)])


def documents_read(splits: pa.Table, source: str) -> frozenset[str]:
    """The documents whose notes are read, out of the table of splits."""
    pairs = zip(splits["document_id"].to_pylist(), splits["split"].to_pylist(), strict=True)
    return frozenset(document for document, split in pairs if split in SPLITS_READ[source])


def in_order(
    learned: Any, vocabulary: Vocabulary, normalised: bool, seed: int
) -> tuple[np.ndarray, int]:
    """The matrix float32 [V + 2, E], and how many words of the vocabulary were not learned.

    `learned` maps a word to its row and has `vectors`, as gensim's keyed vectors. The unknown
    word is drawn from N(0, 1); words that were not learned share its vector.
    """
    vectors = learned.vectors
    places = np.array([learned.key_to_index.get(word, -1) for word in vocabulary.words])
    matrix = np.empty((len(vocabulary.words) + 2, vectors.shape[1]), dtype=np.float32)
    matrix[1:] = np.random.default_rng(seed).standard_normal(vectors.shape[1])
    matrix[1:-1][places >= 0] = vectors[places[places >= 0]]
    if normalised:
        matrix[1:] /= np.linalg.norm(matrix[1:], axis=1, keepdims=True) + 1e-6
    matrix[0] = 0.0
    return matrix, int((places < 0).sum())


def stable_hash(word: str) -> int:
    """A hash that does not change from process to process, as Python's own does."""
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def _sentences(words: list[str], borders: list[int]) -> Iterator[list[str]]:
    for begin, end in pairwise(borders):
        for start in range(begin, end, LONGEST_SENTENCE):
            yield words[start : min(start + LONGEST_SENTENCE, end)]
