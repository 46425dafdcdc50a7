"""Headings that are found, and how far their sections go."""

from __future__ import annotations

import pytest

from isd_pipeline.text.sections import section_at, sections_of

NOTE = """Admission Date:  [**2150-3-2**]

HISTORY OF PRESENT ILLNESS: A 65 year old man with a
history of gout.

Past Medical History:
1. Asthma
Family History:
Mother: breast cancer

Wound care:
Dry dressing.
2. Hospital Course
He did well.
"""


def named(text: str, language: str = "en") -> list[tuple[str | None, str]]:
    found = sections_of(text, language)
    return [(one.name, text[one.begin : one.heading_end]) for one in found]


def at(text: str, words: str, language: str = "en") -> str | None:
    found = section_at(sections_of(text, language), text.index(words))
    return found.name if found else None


def test_headings_are_found_with_their_places() -> None:
    assert named(NOTE) == [
        ("history", "HISTORY OF PRESENT ILLNESS"),
        ("past_history", "Past Medical History"),
        ("family_history", "Family History"),
        (None, "Wound care"),
        ("course", "Hospital Course"),
    ]


def test_a_section_goes_on_to_the_next_heading_known_or_not() -> None:
    places = ("Admission", "gout", "Asthma", "breast", "dressing", "did well")
    found = [None, "history", "past_history", "family_history", None, "course"]
    assert [at(NOTE, words) for words in places] == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Antecedentes familiares: padre con gota. Exploración: bocio",
            ["family_history", "examination"],
        ),
        ("ANTECEDENTES\nAsma\nEvolución clínica\nBuena", ["past_history", "course"]),
        ("Sin antecedentes familiares de asma", []),
        ("Diagnóstico final: asma. Tratamiento: ninguno", ["diagnosis", "treatment"]),
    ],
)
def test_spanish_headings(text: str, expected: list[str]) -> None:
    assert [name for name, _ in named(text, "es")] == expected


def test_the_same_letters_are_a_heading_in_one_language_alone() -> None:
    assert named("Past Medical History:\nAF\nCOPD")[0] == ("past_history", "Past Medical History")
    assert at("AF: controlled", "controlled") is None
    assert at("AF: madre con gota", "gota", "es") == "family_history"


def test_a_family_history_in_its_headings_line_ends_with_the_line() -> None:
    text = "Family history: father with gout.\nHe came with a cough.\n"
    assert [at(text, words) for words in ("gout", "cough")] == ["family_history", None]


def test_a_relative_before_a_colon_is_no_heading() -> None:
    text = "Family History:\nMother: asthma\nBrother: gout"
    assert [at(text, words) for words in ("asthma", "gout")] == ["family_history"] * 2
