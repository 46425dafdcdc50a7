"""Which words are shown, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from isd_pipeline.coding.evidence import WORDS, Span, spans

BEGINS = np.array([0, 5, 12, 20, 22, 30])
ENDS = np.array([4, 11, 18, 21, 29, 33])


def test_neighbouring_words_are_one_stretch_with_the_weight_of_both() -> None:
    found = spans(np.array([0.1, 0.3, 0.2, 0.0, 0.0, 0.25]), BEGINS, ENDS)
    assert [(span.begin, span.end) for span in found] == [(0, 18), (30, 33)]
    assert [span.weight for span in found] == pytest.approx([0.6, 0.25])


def test_words_much_lighter_than_the_heaviest_are_not_shown() -> None:
    found = spans(np.array([0.08, 0.0, 0.4, 0.09, 0.1, 0.0]), BEGINS, ENDS)
    assert [(span.begin, span.end) for span in found] == [(12, 18), (22, 29)]


def test_only_so_many_words_are_shown_and_of_equals_the_first() -> None:
    places = np.arange(40)
    found = spans(np.full(40, 1 / 40), 2 * places, 2 * places + 1)
    assert found == [Span(0, 2 * WORDS - 1, pytest.approx(WORDS / 40))]


def test_a_word_without_weight_is_never_shown() -> None:
    assert spans(np.zeros(6), BEGINS, ENDS) == []
    assert spans(np.zeros(0), BEGINS[:0], ENDS[:0]) == []
