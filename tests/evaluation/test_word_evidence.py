from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.evaluation.plausibility import Rationales
from isd_pipeline.evaluation.word_evidence import (
    association_evidence,
    idf,
    idf_evidence,
    title_evidence,
    words_held,
)
from isd_pipeline.text.documents import Documents

UNKNOWN = 5  # of a vocabulary of four words, 1 to 4
NOTES = [[1, 1, 2], [1, 3], [1, 2, UNKNOWN], [3, UNKNOWN]]


def documents_of(notes: list[list[int]]) -> Documents:
    starts = np.cumsum([0, *map(len, notes)])
    none = np.zeros(len(notes) + 1, dtype=np.int64)
    ids = np.array([str(n) for n in range(len(notes))])
    return Documents(ids, np.concatenate(notes).astype(np.int32), starts, none[:0], none)


def marks_of(tokens: list[int], codes: list[int]) -> Rationales:
    marked = np.ones((len(codes), len(tokens)), dtype=bool)
    return Rationales(0, np.array(tokens), (0,), np.array(codes), marked)


HELD = words_held(documents_of(NOTES), UNKNOWN + 1)


def test_a_word_is_held_once_however_often_it_is_said() -> None:
    assert HELD.toarray().tolist() == [
        [0, 1, 1, 0, 0, 0],
        [0, 1, 0, 1, 0, 0],
        [0, 1, 1, 0, 0, 1],
        [0, 0, 0, 1, 0, 1],
    ]


def test_the_rarer_the_word_the_more_it_weighs_and_an_unknown_one_most() -> None:
    weights = idf(HELD)
    assert weights[[1, 2, 4]] == pytest.approx(np.log([5 / 4, 5 / 3, 5]))
    assert weights[UNKNOWN] == weights[4]  # in no training document
    found = idf_evidence(HELD)(marks_of([2, 1, 4], [7, 8]))
    assert found.tolist() == [weights[[2, 1, 4]].tolist()] * 2


def test_title_words_are_those_of_the_codes_own_title_and_never_unknown_ones() -> None:
    titles = np.array([[1, 0], [2, UNKNOWN]])
    found = title_evidence(titles, HELD)(marks_of([2, 1, UNKNOWN, 2], [1, 0]))
    one, two = np.log(5 / 4), np.log(5 / 3)
    assert found == pytest.approx(np.array([[two, 0, 0, two], [0, one, 0, 0]]))


def test_association_is_the_correlation_of_having_the_word_and_having_the_code() -> None:
    gold = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 1]], dtype=bool)
    evidence = association_evidence(HELD, sparse.csr_matrix(gold))
    found = evidence(marks_of([2, 1, UNKNOWN, 4], [1, 0, 2]))
    dense = HELD.toarray()
    for row, code in enumerate((1, 0)):
        for column, word in enumerate((2, 1, UNKNOWN)):
            expected = np.corrcoef(dense[:, word], gold[:, code])[0, 1]
            assert found[row, column] == pytest.approx(expected)
    assert found[1, 0] == pytest.approx(1)  # word 2 is said where code 0 is, and nowhere else
    assert found[:, 3].tolist() == [0, 0, 0]  # said in no document
    assert found[2].tolist() == [0, 0, 0, 0]  # a code of every document
