from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isd_pipeline.text.sentences import BEYOND_SPACES, all_sentence_starts, sentence_starts
from isd_pipeline.text.tokens import tokenize, tokenize_all

PROSE = st.text(st.sampled_from("aB1 .\n?)'\té\xa0\u2028"))
END = re.compile(
    r"""[.?!]["')\]]*\s++(?![a-z])|\n[^\S\n]*\n"""
)  # the rule, read from left to right


def sentences(text: str) -> list[str]:
    """The words of each sentence."""
    tokens = tokenize(text)
    words = tokens.words.to_pylist()
    parts = np.split(np.array(words, dtype=object), sentence_starts(text, tokens.begins)[1:])
    return [" ".join(part) for part in parts]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Chest pain. No fever.", ["chest pain", "no fever"]),
        ("Was it the heart? No! Lungs.", ["was it the heart", "no", "lungs"]),
        ("He said 'no.' Then left.", ["he said no", "then left"]),
        ("Creatinine 1.5 today", ["creatinine today"]),
        ("take b.i.d. for pain", ["take b i d for pain"]),
        ("The pain\nwas sharp.", ["the pain was sharp"]),  # a line broken at a width
        ("ALLERGIES:\n\nnone known", ["allergies", "none known"]),
        ("one\n \t \ntwo", ["one", "two"]),
        ("Meds:\n1. Aspirin daily\n2. Lasix", ["meds", "aspirin daily", "lasix"]),
        ("Stable.  \n\n  so he left", ["stable", "so he left"]),
        ("...\n\nFever", ["fever"]),
        ("no end", ["no end"]),
    ],
)
def test_sentences_of_a_note(text: str, expected: list[str]):
    assert sentences(text) == expected


def test_a_note_without_words_has_no_sentence():
    assert sentence_starts("12. 34.", tokenize("12. 34.").begins).tolist() == []


@given(PROSE)
def test_sentences_begin_where_the_rule_says(text: str):
    begins = tokenize(text).begins
    ends = [0, *(match.end() for match in END.finditer(text))]
    wanted = sorted({int(np.searchsorted(begins, end)) for end in ends} - {len(begins)})
    assert sentence_starts(text, begins).tolist() == wanted


@given(PROSE)
def test_starts_are_words_in_order_and_the_first_word_is_one(text: str):
    begins = tokenize(text).begins
    starts = sentence_starts(text, begins).tolist()
    assert starts == sorted(set(starts))
    assert starts[:1] == [0] * bool(len(begins))
    assert all(0 <= start < len(begins) for start in starts)


@given(st.lists(PROSE, min_size=1, max_size=5))
def test_notes_read_together_have_the_sentences_they_have_alone(texts: list[str]):
    tokens = tokenize_all(texts)
    alone = [
        first + start
        for text, first in zip(texts, tokens.starts.tolist(), strict=False)
        for start in sentence_starts(text, tokenize(text).begins).tolist()
    ]
    assert all_sentence_starts(texts, tokens.begins, tokens.starts).tolist() == alone


def test_no_white_space_is_overlooked_for_its_code_point() -> None:
    assert not any(chr(code).isspace() for code in range(BEYOND_SPACES, 0x110000))
    spaces = [chr(code) for code in range(BEYOND_SPACES) if chr(code).isspace()]
    for space in spaces:
        for foreign in ("", "é", "–", "\ud800", "𝒳"):  # one, two, four bytes a character
            text = f"fever{foreign}.{space}Cough"
            assert sentence_starts(text, np.array([0, 7 + len(foreign)])).tolist() == [0, 1]
