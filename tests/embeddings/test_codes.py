from __future__ import annotations

import numpy as np
import pytest

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.embeddings.codes import (
    average_titles,
    code_vectors,
    description_ids,
)
from isd_pipeline.embeddings.words import Embedding
from isd_pipeline.text.vocabulary import Vocabulary

VOCABULARY = Vocabulary(("chest", "fever", "pain"))  # 1, 2, 3; unknown is 4
MATRIX = np.array([[0, 0], [2, 0], [0, 4], [4, 6], [9, 9]], dtype=np.float32)


def index(*titles: str) -> CodeIndex:
    codes = tuple(f"78{n}" for n in range(len(titles)))
    return CodeIndex(codes, ("diagnosis",) * len(titles), titles)


def test_titles_are_cut_like_notes_and_padded_at_the_end():
    ids = description_ids(index("Chest pain, 2 sides", "FEVER", "Pain"), VOCABULARY)
    assert ids.tolist() == [[1, 3, 4], [2, 0, 0], [3, 0, 0]]  # 2 is no word, sides is unknown


def test_titles_are_cut_by_the_rule_of_the_vocabulary():
    words = ("chest", "m", "m_x", "ni", "re", "ère")
    title = index("M_x, ère 2")
    assert description_ids(title, Vocabulary(words)).tolist() == [[3, 6]]
    assert description_ids(title, Vocabulary(words, "edin")).tolist() == [[2, 7, 5, 7]]  # m x re 2


def test_a_title_without_a_word_reads_as_one_unknown_word():
    assert description_ids(index("", "Fever"), VOCABULARY).tolist() == [[4], [2]]


def test_a_code_is_the_mean_of_its_titles_known_words():
    ids = description_ids(index("Chest pain on both sides", "Pain, fever, pain"), VOCABULARY)
    vectors, without = code_vectors(ids, MATRIX)
    np.testing.assert_allclose(vectors, [[3, 3], [8 / 3, 16 / 3]], rtol=1e-6)
    assert without == 0


def test_a_title_without_a_known_word_gets_the_unknown_vector_and_is_counted():
    ids = description_ids(index("", "Sepsis", "Pain"), VOCABULARY)
    vectors, without = code_vectors(ids, MATRIX)
    assert vectors.tolist() == [[9, 9], [9, 9], [4, 6]]
    assert without == 2


def test_titles_of_a_larger_vocabulary_are_refused():
    with pytest.raises(ValueError, match="word number 7 in the titles, but vectors for 4"):
        code_vectors(np.array([[7]]), MATRIX)


def test_code_vectors_come_back_as_they_were_and_only_for_their_codes(tmp_path):
    codes, others = index("Chest pain", "Fever"), index("Fever", "Chest pain", "Pain")
    words = Embedding(MATRIX, {"vocabulary": VOCABULARY.fingerprint})
    average_titles(codes, VOCABULARY, words).save(tmp_path / "codes")
    of = {"vocabulary": VOCABULARY.fingerprint}
    read = Embedding.open(tmp_path / "codes", codes=codes.fingerprint, **of)
    np.testing.assert_array_equal(read.matrix, [[3, 3], [0, 4]])
    assert read.record["titles_without_known_word"] == 0
    with pytest.raises(ValueError, match="codes: vectors of other codes"):
        Embedding.open(tmp_path / "codes", codes=others.fingerprint, **of)
