"""Where statements begin: sentences, and lines that say something of their own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.text.sentences import sentence_starts
from isd_pipeline.text.statements import statements_of
from isd_pipeline.text.tokens import tokenize


def told(text: str) -> list[str]:
    found = statements_of(text)
    return [
        " ".join(text[begin:end] for begin, end in found.of(n))
        for n in range(len(found.starts) - 1)
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No pain. Fever.", ["No pain", "Fever"]),
        ("Asthma\nGout\nNo pain", ["Asthma", "Gout", "No pain"]),
        ("- asthma\n- gout", ["asthma", "gout"]),
        (
            "Pulled without incident. on day 2 he left",
            ["Pulled without incident", "on day 2 he left"],
        ),
        ("seen by Dr. lee b.i.d. today", ["seen by Dr lee b i d today"]),
        ("Return for:\n- fever\n- chills\nHe left", ["Return for fever chills", "He left"]),
        ("Denies fever,\nchills", ["Denies fever chills"]),
        ("", []),
    ],
)
def test_statements(text: str, expected: list[str]) -> None:
    assert told(text) == expected


def test_a_line_broken_at_a_width_goes_on() -> None:
    words = "the patient denies any recent fever chills or a productive cough " * 4
    lines, line = [], ""
    for word in words.split():
        if len(line) + len(word) >= 60:
            lines, line = [*lines, line], ""
        line = f"{line} {word}".strip()
    assert told("\n".join([*lines, line])) == [words.strip()]


def test_what_never_ends_is_cut() -> None:
    assert [len(one.split()) for one in told("no " * 1000)] == [150] * 6 + [100]


@settings(deadline=None)
@given(st.text(st.sampled_from("aB1 .\n?,:-é\u2028")))
def test_every_sentence_begins_a_statement_and_every_word_is_in_one(text: str) -> None:
    found, tokens = statements_of(text), tokenize(text, "numerals")
    assert found.places == list(zip(tokens.begins.tolist(), tokens.ends.tolist(), strict=True))
    assert set(sentence_starts(text, tokens.begins).tolist()) <= {*found.starts}
    assert found.starts[-1] == len(found.places)
    assert all(word in found.words(*place) for word, place in enumerate(found.places))
