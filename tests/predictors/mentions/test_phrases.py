"""Which phrases are collected of mentions, how they are spelled, and the codes of each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isd_pipeline.predictors.mentions.phrases import Phrases, collect_phrases, folded
from isd_pipeline.text.mentions import Mentions, no_mentions, of_columns

# Two documents; words 1 to 5 of the first are "dolor abdominal, lumbar y renal"
WORDS = [["un", "Dolor", "abdominal", "lumbar", "y", "renal"], ["dolor", "lumbar"]]


def marks(*rows: tuple[int, int, int, int, int]) -> Mentions:
    """Each row: document, code, mention, first, last."""
    return of_columns(np.array(sorted(rows)).T)


def collected(mentions: Mentions, *, parts: bool = False, longest: int = 12) -> dict:
    return codes_of(collect_phrases(WORDS, mentions, folded, parts=parts, longest=longest))


def codes_of(phrases: Phrases) -> dict[str, list[int]]:
    return {
        " ".join(phrase): phrases.code[phrases.entries_of(n)].tolist()
        for n, phrase in enumerate(phrases.phrases)
    }


IN_PARTS = marks((0, 7, 1, 1, 2), (0, 7, 1, 5, 6), (0, 2, 2, 1, 3))


def test_a_mention_in_parts_is_the_phrase_of_all_and_where_asked_each_part_too() -> None:
    assert collected(IN_PARTS) == {"dolor abdominal": [2], "dolor renal": [7]}
    parts = collected(IN_PARTS, parts=True)
    assert parts == {"dolor": [7], "dolor abdominal": [2], "dolor renal": [7], "renal": [7]}


def test_mentions_of_two_documents_with_one_number_are_no_parts_of_each_other() -> None:
    assert collected(marks((0, 7, 1, 1, 2), (1, 7, 1, 1, 2))) == {"dolor": [7], "lumbar": [7]}


def test_a_phrase_of_more_words_than_longest_is_left_out_and_its_parts_are_not() -> None:
    longer = marks((0, 7, 1, 1, 4), (0, 7, 1, 5, 6))
    assert collected(longer, longest=3) == {}
    assert collected(longer, parts=True, longest=3) == {"dolor abdominal lumbar": [7], "renal": [7]}


def test_a_phrase_has_every_code_that_it_was_marked_for_once() -> None:
    both = marks((0, 4, 1, 1, 2), (0, 2, 2, 1, 2), (1, 4, 1, 0, 1))
    assert collected(both) == {"dolor": [2, 4]}


def test_nobody_marked_anything_and_all_phrases_are_too_long() -> None:
    for mentions, longest in ((no_mentions(), 12), (IN_PARTS, 1)):
        found = collect_phrases(WORDS, mentions, folded, parts=False, longest=longest)
        assert (found.phrases, found.phrase.tolist(), found.code.tolist()) == ((), [], [])


@pytest.mark.parametrize(
    ("word", "spelled"),
    [("Lesión", "lesion"), ("ÁCIDO", "acido"), ("ñu", "nu"), ("x\u0301", "x"), ("ª2²", "a22")],
)
def test_letters_are_compared_small_and_without_accents(word: str, spelled: str) -> None:
    assert folded(word) == folded(spelled) == spelled


@given(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8))
def test_a_spelled_word_holds_no_space_so_that_a_kept_phrase_parts_where_it_was_joined(
    word: str,
) -> None:
    """Some letters are a space and a mark by their decomposition, as U+037A."""
    phrase = (folded(word), folded("\u037a" + word), "x")
    assert tuple(" ".join(phrase).split(" ")) == phrase
