"""The page of coded notes: every word of a note in its place, nothing of it as markup."""

from __future__ import annotations

import html
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.coding.coder import Answer, Coder, Model, Note, Suggestion
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.page import marks, write_page
from tests.coding.tiny import bundle_of, notes_of

TEXT = "Admitted with <b>fever</b> & a cough.\n\nNo chest pain; later some chest pain & a fever."


def suggestion(code: str, *places: tuple[int, int], above: bool = True) -> Suggestion:
    spans = tuple(Span(begin, end, 0.25) for begin, end in places)
    return Suggestion(code, f"Title of {code}", "diagnosis", 0.5, above, spans)


def page_of(text: str, *codes: Suggestion) -> str:
    answer = Answer("n<1>", codes, 0.4, None, None, Model("tiny", "0" * 64))
    file = io.StringIO()
    write_page([(Note("n<1>", text), answer)], file)
    return file.getvalue()


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=80), st.lists(st.tuples(st.integers(0, 79), st.integers(1, 20)), max_size=6)
)
def test_the_parts_of_a_note_are_the_note(text: str, places: list[tuple[int, int]]) -> None:
    ends = [(begin, min(begin + size, len(text))) for begin, size in places if begin < len(text)]
    found = list(marks(text, [suggestion(f"c{n}", place) for n, place in enumerate(ends)]))
    assert "".join(mark.text for mark in found) == text
    place = 0
    for mark in found:
        inside = [f"c{n}" for n, (begin, end) in enumerate(ends) if begin <= place < end]
        assert list(mark.codes) == inside
        place += len(mark.text)


def test_the_whole_note_stands_on_the_page_and_no_part_of_it_is_markup() -> None:
    page = page_of(TEXT, suggestion("R50.9", (17, 22), (78, 83)), suggestion("R07.9", (60, 70)))
    whole = re.search(r'<div class="note">(.*)</div></details>', page, re.S)
    assert whole is not None
    told = re.sub(r"<sup>.*?</sup>|</?mark[^>]*>", "", whole[1])
    assert html.unescape(told) == TEXT
    assert "<b>fever" not in page
    assert "n&lt;1&gt;" in page


def test_a_snippet_shows_the_words_and_their_neighbours_cut_between_words() -> None:
    place = TEXT.index("chest pain;")
    row = page_of(TEXT, suggestion("R07.9", (place, place + 10)))
    snippet = re.search(r'<span class="snippet">(.*?)</span>', row, re.S)
    assert snippet is not None
    told = html.unescape(re.sub(r"</?mark[^>]*>", "|", snippet[1]))
    assert told == "…with <b>fever</b> & a cough.\n\nNo |chest pain|; later some chest pain & a…"


def test_only_codes_above_the_threshold_are_marked_in_the_whole_note() -> None:
    page = page_of(TEXT, suggestion("R50.9", (17, 22)), suggestion("R07.9", (60, 70), above=False))
    assert "<sup>R50.9</sup>" in page
    assert "<sup>R07.9</sup>" not in page
    assert page.count('<tr class="below">') == 1


@pytest.mark.parametrize(("text", "line"), [("", "No codes: the note is empty.")])
def test_a_note_without_codes_says_why(text: str, line: str) -> None:
    coder, notes, file = (
        Coder(bundle_of()),
        [*notes_of(text), Note("b", "chest pain")],
        io.StringIO(),
    )
    write_page(zip(notes, coder.code(notes), strict=True), file)
    assert line in file.getvalue()
    assert file.getvalue().count("<tbody>") == 1
