"""Marks in brat's format; how faults of a file are told is in test_cantemist.py."""

import random

import pytest

from isd_pipeline.data.sources.brat import parts_of, read_marks


def rows(*lines):
    return [(f"f, row {n}", line.split("|")) for n, line in enumerate(lines, start=1)]


def test_a_note_gives_a_mention_its_code_wherever_it_stands():
    lines = [
        "#2|AnnotatorNotes T7|b",
        "T7|K 3 8;12 20|words",
        "T1|K 0 2|w",
        "#9|AnnotatorNotes T1|a",
    ]
    for seed in range(5):
        random.Random(seed).shuffle(lines)
        marks = sorted(read_marks(rows(*lines), 20, "K"), key=lambda mark: mark.parts)
        assert [(mark.parts, mark.words, mark.note) for mark in marks] == [
            (((0, 2),), "w", "a"),
            (((3, 8), (12, 20)), "words", "b"),
        ]
        assert lines[int(marks[0].where_note[-1]) - 1].endswith("|a")


def test_a_place_may_end_where_the_text_does_and_no_later():
    assert parts_of("0 5", 5, "here") == ((0, 5),)
    with pytest.raises(ValueError, match=r"^here: a place beyond the 5 characters of the text$"):
        parts_of("0 6", 5, "here")
