"""Phrases of the files of cues, as they are written and as they are found."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.text import cues
from isd_pipeline.text.cues import LANGUAGES, any_of, cues_of, plain, spelled


def found(phrases: list[str], text: str) -> list[str]:
    return [match[0] for match in any_of(phrases).finditer(text)]


def test_braces_are_either() -> None:
    assert list(spelled("no {,clinical }{sign,signs} of")) == [
        "no sign of", "no signs of", "no clinical sign of", "no clinical signs of",
    ]  # fmt: skip


def test_the_longest_of_the_phrases_that_begin_at_a_place_is_found() -> None:
    phrases = ["no", "no further", "no fur", "; no"]
    assert found(phrases, "no further; no\n  further no furs") == ["no further", "; no", "no"]


def test_phrases_are_whole_words_over_any_white_space() -> None:
    assert found(["not only", "ni"], "not\n only  finish unitis ni") == ["not\n only", "ni"]


def test_a_star_stands_for_letters_and_gives_way_to_a_longer_phrase() -> None:
    phrases = ["no", "no *aba", "no presentaba"]
    assert found(phrases, "no cesaba no presentaba no") == ["no cesaba", "no presentaba", "no"]


@settings(deadline=None)
@given(st.text())
def test_every_sign_stays_at_its_place_in_plain_letters(text: str) -> None:
    assert len(plain(text)) == len(text)
    assert all(plain(letter) == low for letter, low in zip(text, plain(text), strict=True) if low)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_files_have_the_tables_that_are_read_and_no_others(language: str) -> None:
    path = Path(cues.__file__).parent / cues.FILES[language]
    read = tomllib.loads(path.read_text(encoding="utf-8"))
    words = {"joining", "going_on", "verbs"}
    assert read.keys() == {*words, *cues.KINDS, "ends", "no_cue"}
    assert read["ends"].keys() == {"every", *cues.KINDS}
    assert read["no_cue"].keys() == {"phrases"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_phrases_of_the_files_are_written_as_texts_are_compared(language: str) -> None:
    read = cues_of(language)
    assert all(phrase == plain(phrase) == " ".join(phrase.split()) for phrase in read.roles)
    words = read.joining | read.verbs | read.going_on
    assert all(word == plain(word) for word in words)
    assert read.going_on < read.joining
    assert all(any_of([phrase]).search(phrase) for phrase in read.roles if "*" not in phrase)
