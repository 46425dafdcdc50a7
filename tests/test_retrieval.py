"""How `benchmarks/corpora/retrieval.py` cuts a note, and what it takes for alike."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks" / "corpora"))

from retrieval import embed, pieces_of, similarity


def test_a_note_is_cut_at_punctuation_and_function_words_and_pieces_without_words_are_dropped():
    text = "Varón con fiebre de 39,5 y dolor\n  torácico; TA 120/80. Woman with chest pain"
    assert pieces_of(text) == ["Varón", "fiebre de 39", "dolor", "torácico", "Woman", "chest pain"]


def test_each_text_is_read_once_and_stands_in_its_place():
    read = []

    def encode(texts):
        read.extend(texts)
        return np.array([[len(text)] for text in texts])

    assert embed(encode, ["ccc", "a", "ccc"]).ravel().tolist() == [3, 1, 3]
    assert read == ["a", "ccc"]


def test_similarity_by_hand():
    """Of two notes and three codes, the second with two entries, the last with none."""
    entries, code = np.eye(3), [1, 0, 1]
    pieces = [np.array([[1.0, 0, 0], [0, 0.5, 0]]), np.array([[0, 0, 0.3]])]
    usual = [1 / 3, 0.5 / 3, 0.3 / 3]
    best = np.array(
        [
            [0.5 - usual[1], max(1 - usual[0], 0 - usual[2])],
            [0 - usual[1], max(0 - usual[0], 0.3 - usual[2])],
        ]
    )
    expected = np.column_stack([best, np.full(2, best.min())])
    expected = (expected - expected.mean()) / expected.std()
    found = similarity(pieces, entries, code, 3)
    assert found.tolist() == [pytest.approx(row, abs=1e-6) for row in expected.tolist()]
