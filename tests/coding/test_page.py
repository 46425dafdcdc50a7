"""The page of coded notes: every word of a note in its place, nothing of it as markup."""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.coding.coder import Answer, Coder, Model, Note, Suggestion
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.model_card import TOY, USE, ShortCard
from isd_pipeline.coding.page import marks, write_page
from tests.coding.tiny import bundle_of, notes_of

CARD = ShortCard("tiny <i>", TOY, (("trained on", "<b>notes</b>"), ("for", USE)), usual=2)
TEXT = "Admitted with <b>fever</b> & a cough.\n\nNo chest pain; later some chest pain & a fever."


def suggestion(code: str, *places: tuple[int, int], above: bool = True) -> Suggestion:
    spans = tuple(Span(begin, end, 0.25) for begin, end in places)
    return Suggestion(code, f"Title of {code}", "diagnosis", 0.5, above, spans)


def page_of(text: str, *codes: Suggestion) -> str:
    answer = Answer("n<1>", codes, 0.4, None, None, Model("tiny", "0" * 64))
    file = io.StringIO()
    write_page([(Note("n<1>", text), answer)], file, CARD)
    return file.getvalue()


def list_of(page: str) -> tuple[str, str]:
    """The codes shown at first, and those folded below them."""
    first, _, rest = page.partition('<details class="rest">')
    return first, rest.partition("</details>")[0]


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
    whole = re.search(r'<div class="note">(.*?)</div>', page, re.S)
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


def test_only_codes_shown_first_are_marked_in_the_note_and_the_script_finds_the_others() -> None:
    page = page_of(TEXT, suggestion("R50.9", (17, 22)), suggestion("R07.9", (60, 70), above=False))
    assert "<sup>R50.9</sup>" in page
    assert "<sup>R07.9</sup>" not in page
    assert '<mark data-codes="1" class="quiet">some chest</mark>' in page
    assert page.count('<li class="row below"') == 1


def test_as_many_codes_stand_first_as_the_bundle_expects_and_no_code_is_left_out() -> None:
    above = [suggestion(f"A0{n}", (17, 22)) for n in range(4)]
    first, rest = list_of(page_of(TEXT, *above, suggestion("B9", above=False)))
    assert re.findall(r'<span class="code">(\w+)</span>', first) == ["A00", "A01"]
    assert re.findall(r'<span class="code">(\w+)</span>', rest) == ["A02", "A03", "B9"]
    assert "2 more above the threshold: A02, A03; 1 below it" in rest


def test_where_the_bundle_knows_no_usual_number_ten_stand_first_and_the_page_says_so() -> None:
    codes = [suggestion(f"A{n}") for n in range(12)]
    answer = Answer("n", tuple(codes), 0.4, None, None, Model("tiny", "0" * 64))
    file = io.StringIO()
    write_page([(Note("n", TEXT), answer)], file)
    first, rest = list_of(file.getvalue())
    assert (first.count('class="row"'), rest.count('class="row"')) == (10, 2)
    assert "the bundle does not say how many are usual" in first
    assert "its card was not given" in first


def test_the_page_says_what_the_model_is_and_that_it_is_a_toy() -> None:
    page = page_of(TEXT, suggestion("R50.9", (17, 22)))
    assert html.escape(TOY, quote=False).replace("'", "&#39;") in page
    assert "<dt>trained on</dt><dd>&lt;b&gt;notes&lt;/b&gt;</dd>" in page
    assert "tiny &lt;i&gt;" in page


def test_the_page_loads_nothing_and_runs_its_own_script_alone() -> None:
    text = "<script>alert(1)</script> <img src=x onerror=alert(1)> chest pain"
    page = page_of(text, suggestion("R07.9", (58, 68)))
    assert not re.search(r"<(?:link|img|iframe|object)|<[^>]*\ssrc=|https?:|@import|url\(", page)
    [script] = re.findall(r"<script>(.*?)</script>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    told = html.unescape(policy[1])
    assert f"script-src 'sha256-{digest}'" in told
    assert "default-src 'none'" in told
    assert page.index("Content-Security-Policy") < page.index("<style>")


def test_what_was_not_read_of_a_note_is_said_at_its_top() -> None:
    answer = Answer("n", (suggestion("R50.9", (17, 22)),), 0.4, 43, None, Model("tiny", "0" * 64))
    file = io.StringIO()
    write_page([(Note("n", TEXT), answer)], file, CARD)
    page = file.getvalue()
    assert "first 43 characters only; 50 % of it was not read" in page
    assert page.index("Not read whole") < page.index('<li class="row"')


@pytest.mark.parametrize(("text", "line"), [("", "No codes: the note is empty.")])
def test_a_note_without_codes_says_why(text: str, line: str) -> None:
    coder, notes, file = (
        Coder(bundle_of()),
        [*notes_of(text), Note("b", "chest pain")],
        io.StringIO(),
    )
    write_page(zip(notes, coder.code(notes), strict=True), file)
    assert line in file.getvalue()
    assert file.getvalue().count('class="both"') == 1
