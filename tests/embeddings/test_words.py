from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from isd_pipeline.data.io.tables import RecordStream, stream_table
from isd_pipeline.embeddings.words import (
    LONGEST_SENTENCE,
    Embedding,
    Sentences,
    WordVectorConfig,
    documents_read,
    in_order,
    learn_word_vectors,
)
from isd_pipeline.text.tokens import TOKENIZED_NOTES
from isd_pipeline.text.vocabulary import Vocabulary

WORDS = ("chest", "fever", "pain")


def tokenized(documents: dict[str, list[list[str]]]) -> RecordStream:
    """Each document's notes, as the table of tokenized notes has them."""
    rows = []
    for document, notes in documents.items():
        words = [word for note in notes for word in note]
        starts = np.cumsum([0, *map(len, notes)])[:-1].tolist()
        ids = [str(n) for n in range(len(notes))]
        places = list(range(len(words)))
        rows.append([document, document, words, places, places, ids, starts, starts])
    columns = [
        pa.array(column, field.type)
        for column, field in zip(zip(*rows, strict=True), TOKENIZED_NOTES, strict=True)
    ]
    return stream_table(pa.table(columns, schema=TOKENIZED_NOTES), rows=2)


def splits_of(**split: str) -> pa.Table:
    return pa.table({"document_id": list(split), "split": list(split.values())})


def hospital() -> tuple[RecordStream, pa.Table]:
    """Enough words that several of gensim's jobs are needed; chest and thorax hurt alike."""
    generator = np.random.default_rng(0)
    pairs = [["chest", "pain"], ["thorax", "pain"], ["fever", "chills"], ["renal", "chills"]]
    documents = {}
    for number in range(60):
        picks = generator.integers(0, 4, 150)
        documents[f"d{number}"] = [[word for pick in picks for word in pairs[pick]]]
    return tokenized(documents), splits_of(**dict.fromkeys(documents, "train"))


def test_one_note_is_one_sentence_and_only_chosen_documents_are_read():
    notes = tokenized({"a": [["x", "y"], ["z"]], "b": [["no"]], "c": [[], ["w"]]})
    sentences = Sentences(notes, frozenset({"a", "c"}))
    for _ in range(2):  # gensim reads again and again
        assert [s for s in sentences if s] == [["x", "y"], ["z"], ["w"]]


def test_tokens_kept_as_numbers_of_a_dictionary_read_the_same():
    notes = tokenized({"a": [["x", "y"], ["x"]], "b": [["no"]], "c": [[], ["x"]]})
    encoded = pa.ListArray.from_arrays(
        [0, 3, 4, 5], pa.array(["x", "y", "x", "no", "x"]).dictionary_encode()
    )
    table = notes.read()
    table = table.set_column(table.schema.get_field_index("tokens"), "tokens", encoded)
    chosen = frozenset({"a", "c"})
    assert list(Sentences(stream_table(table, rows=2), chosen)) == list(Sentences(notes, chosen))


def test_a_note_longer_than_gensim_reads_is_parted_not_cut():
    note = [f"w{i}" for i in range(2 * LONGEST_SENTENCE + 5)]
    sentences = list(Sentences(tokenized({"a": [note]}), frozenset({"a"})))
    assert [len(s) for s in sentences] == [LONGEST_SENTENCE, LONGEST_SENTENCE, 5]
    assert [word for s in sentences for word in s] == note


def test_the_source_says_whose_notes_are_read():
    splits = splits_of(a="train", b="dev", c="test", d="unlabelled")
    read = {
        source: "".join(sorted(documents_read(splits, source)))
        for source in ("all", "train_and_unlabelled", "train")
    }
    assert read == {"all": "abcd", "train_and_unlabelled": "ad", "train": "a"}


def test_rows_stand_in_the_vocabularys_order_with_padding_first_and_unknown_last():
    learned = SimpleNamespace(
        vectors=np.array([[3.0, 4.0], [0.0, 2.0]], dtype=np.float32),
        key_to_index={"pain": 0, "chest": 1},
    )
    raw, unseen = in_order(learned, Vocabulary(WORDS), normalised=False, seed=0)
    assert unseen == 1
    assert raw[0].tolist() == [0, 0]
    assert raw[1].tolist() == [0, 2]
    assert raw[3].tolist() == [3, 4]
    assert raw[2].tolist() == raw[4].tolist() != [0, 0]  # fever was not learned
    unit, _ = in_order(learned, Vocabulary(WORDS), normalised=True, seed=0)
    np.testing.assert_allclose(unit[3], [0.6, 0.8], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), [0, 1, 1, 1, 1], atol=1e-5)


def test_words_with_the_same_neighbours_come_to_lie_together():
    vocabulary = Vocabulary(("chest", "fever", "thorax"))
    config = WordVectorConfig(width=10, window=1, epochs=10, sample=0)
    vectors = learn_word_vectors(*hospital(), vocabulary, config, seed=0)
    chest, fever, thorax = vectors.matrix[1:4]
    assert chest @ thorax > chest @ fever + 0.3
    assert vectors.record["counts"] == {
        "sentences": 60,
        "tokens": 18_000,
        "learned_words": 6,
        "vocabulary_words_unseen": 0,
    }


LEARN = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from test_words import *
vectors = learn_word_vectors(*hospital(), Vocabulary(("chest", "fever", "unseen")),
                             WordVectorConfig(width=16, epochs=2), seed=7)
print(hashlib.sha256(vectors.matrix.tobytes()).hexdigest())
"""


def test_two_processes_learn_the_same_bytes_whatever_pythons_hash_seed():
    def learned(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", LEARN, str(Path(__file__).parent)]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert learned("1") == learned("2") != ""


def test_saved_vectors_come_back(tmp_path: Path):
    vocabulary = Vocabulary(WORDS)
    matrix = np.arange(10, dtype=np.float32).reshape(5, 2)
    record = {"vocabulary": vocabulary.fingerprint, "settings": {"width": 2}}
    saved = Embedding(matrix, record)
    saved.save(tmp_path / "words")
    opened = Embedding.open(tmp_path / "words", vocabulary=vocabulary.fingerprint)
    assert opened.matrix.tolist() == matrix.tolist()
    assert opened.record == record


def test_vectors_of_another_vocabulary_are_refused(tmp_path: Path):
    vocabulary = Vocabulary(WORDS)
    Embedding(np.zeros((5, 2), np.float32), {"vocabulary": vocabulary.fingerprint}).save(
        tmp_path / "words"
    )
    with pytest.raises(ValueError, match=r"words: vectors of other vocabulary .*learn them"):
        Embedding.open(tmp_path / "words", vocabulary=Vocabulary(("chest", "pain")).fingerprint)


def test_damaged_vectors_are_refused(tmp_path: Path):
    vocabulary = Vocabulary(WORDS)
    Embedding(np.zeros((5, 2), np.float32), {"vocabulary": vocabulary.fingerprint}).save(
        tmp_path / "words"
    )
    file = tmp_path / "words" / "vectors.safetensors"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    with pytest.raises(ValueError, match=r"vectors.safetensors: cut off or changed since"):
        Embedding.open(tmp_path / "words", vocabulary=vocabulary.fingerprint)


def test_vectors_that_were_not_made_yet_are_named(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="no vectors; run the stage"):
        Embedding.open(tmp_path / "words", vocabulary=Vocabulary(WORDS).fingerprint)


def test_notes_without_a_word_are_refused():
    notes, _ = hospital()
    with pytest.raises(ValueError, match="source='train': no word occurs 1 times"):
        learn_word_vectors(
            notes, splits_of(d0="dev"), Vocabulary(WORDS), WordVectorConfig(source="train"), seed=0
        )


def test_an_unknown_source_is_refused():
    with pytest.raises(ValueError, match="source='test' must be one of"):
        WordVectorConfig(source="test")
