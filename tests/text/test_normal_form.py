"""One form for what can be written in several, and the way back to the note as it was written."""

import unicodedata

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isd_pipeline.text.normal_form import NormalText, lines_joined, normal_form
from isd_pipeline.text.tokens import tokenize

SIGNS = (
    *"aeno nrtx0ñé\n\r\t-_\\&<>;/#",
    *("\u0301", "\u0303", "\u00ad", "\u200b", "\ufeff", "\ufe0f", "\u00a0", "\u2011", "\u02bc"),
    *("ﬁ", "ﬂ", "１", "Ａ", "µ", "²", "½", "ª", "\u212b", "\u1100", "\u1161", "\u11a8", "\u0bc6"),
    *("\u0bbe", "\uff76", "\uff9e", "ﷺ", "🩺", "\ud800", "İ", "&amp;", "&nbsp;", "&eacute;"),
    *("&#233;", "<br>", "<sub>", "</p>", "\\n", "\\r\\n", "\\t", "\\u00e1", "_x000D_"),
)
strange = st.lists(st.sampled_from(SIGNS), max_size=25).map("".join)


@pytest.mark.parametrize(
    ("written", "normal"),
    [
        (unicodedata.normalize("NFD", "otálgia y Ñandú"), "otálgia y Ñandú"),
        ("ﬁebre inﬂamación oﬃce ĳ", "fiebre inflamación office ij"),
        ("pneu\u00admo\u00adnia", "pneumonia"),
        ("pneu\u00ad\r\n  monia", "pneumonia"),
        ("pneu\u200bmo\u200dn\ufeffia\u2060", "pneumonia"),
        ("e\u200b\u0301", "é"),
        ("２５０ｍｇ　ＨＴＡ", "250mg HTA"),
        ("don\u02bct 5㎎ 𝐟𝐞𝐯𝐞𝐫 Ⅳ", "don't 5mg fever IV"),
        ("5 µg", "5 μg"),
        (r"fever\nchest\r\npain\tcough", "fever\nchest\npain\tcough"),
        (r"fever\\nchest", "fever\nchest"),
        (r"o\n, c\t scan, l\r", r"o\n, c\t scan, l\r"),  # overnight, a scan, left and right
        (r"ot\u00e1lgia", "otálgia"),
        ("fever_x000D_\nchest_x0009_pain", "fever\r\nchest\tpain"),
        ("a&nbsp;b &amp; c &lt;5 caf&eacute; cafe&#769;", "a\u00a0b & c <5 café café"),
        ("a&amp;nbsp;b&amp;amp;c", "a\u00a0b&c"),
        ("fever<br>chest<BR/>pain</p><p class='x'>cough", "fever\nchest\npain\n\ncough"),
        ("fever&lt;br&gt;chest", "fever\nchest"),
        ("H<sub>2</sub>O <b>severe</b>pain", "H2O  severe pain"),
    ],
)
def test_the_normal_form_by_hand(written, normal):
    assert normal_form(written).text == normal


@pytest.mark.parametrize(
    "text",
    [
        "Fiebre de 38,5 °C; Ñandú, otálgia.",
        "5 m² de 10⁹/L, ½ comp., 2ª dosis, nº 3, Tylenol™ 25℃ …",
        "A&P; R&D, pH <7.2 and >7.5, <b and c>, &unknown; & amp;",
        r"C:\data w\o pain s\p fall ___ 1_2 _x_",
        "non-\nfatal, don’t, “quoted” – dash\u00a0blank",
        "発熱と咳 ปวดหัว 🩺",
        "",
    ],
)
def test_what_has_one_form_alone_is_left_as_it_was_written(text):
    assert normal_form(text) == NormalText(text)


@settings(max_examples=300, deadline=None)
@given(st.one_of(strange, st.text(max_size=40)))
@example("\u1100\u1161\u11a8\u0bc6\u0bbe\u212b\u0301")
@example("&#769;&#x301;e\u00ad\n\u0301")
def test_letters_are_composed_and_what_is_invisible_is_gone(text):
    normal = normal_form(text).text
    assert unicodedata.is_normalized("NFC", normal)
    assert not set(normal) & set("\u00ad\u200b\ufeff\ufe0fﬁﬂ１Ａ")


@settings(max_examples=300, deadline=None)
@given(st.one_of(strange, st.text(max_size=40)), st.sampled_from(["caml", "edin", "numerals"]))
@example("\ufdfa", "caml")
@example("\u33c2 a", "caml")
@example("ﬁ\u0301", "edin")  # f and í, which ends an English word within one sign of the note
def test_a_word_of_the_normal_form_is_cut_out_of_the_note_by_its_offsets(text, rule):
    normal = normal_form(text)
    tokens = tokenize(normal.text, rule)
    begins, ends = normal.written(tokens.begins, tokens.ends)
    assert (begins < ends).all()
    assert (begins[1:] >= ends[:-1]).all()
    for n, (word, begin, end) in enumerate(
        zip(tokens.words.to_pylist(), begins, ends, strict=True)
    ):
        stretch = slice(*normal.found(begin, end))
        if stretch == slice(tokens.begins[n], tokens.ends[n]):  # no border is within a sign
            cut = tokenize(normal_form(text[begin:end]).text, rule).words.to_pylist()
            assert cut == [word]


@settings(max_examples=200, deadline=None)
@given(strange)
def test_a_stretch_of_the_note_is_found_again_in_the_normal_form(text):
    normal = normal_form(text)
    tokens = tokenize(normal.text)
    for place in zip(*normal.written(tokens.begins, tokens.ends), strict=True):
        first, last = normal.found(*map(int, place))
        assert normal.place(first, last) == place


@pytest.mark.parametrize(
    ("text", "joined"),
    [
        ("pneu-\nmonia", "pneumonia"),
        ("Pneu-  \r\n   monia, follow-\nup", "Pneumonia, follow-\nup"),
        ("pneu\u2010\nmonia pneu\u00ac\nmonia", "pneumonia pneumonia"),
        ("pneu - \nmonia", "pneu - \nmonia"),
        ("pneu-monia", "pneu-monia"),
    ],
)
def test_a_word_parted_at_a_line_end_is_joined_if_it_is_known(text, joined):
    found = lines_joined(normal_form(text), lambda word: word.lower() == "pneumonia")
    assert found.text == joined
    if found.begins is not None:
        pieces = [text[b:e] for b, e in zip(found.begins, found.ends, strict=True)]
        assert "".join(pieces) == joined


def test_changes_on_changes_lead_back_to_the_note():
    once = NormalText("abcdef").replaced([(1, 3, "X"), (4, 4 + 1, "YZ")])
    assert once.text == "aXdYZf"
    twice = once.replaced([(0, 2, ""), (3, 5, "W")])
    assert twice.text == "dWf"
    np.testing.assert_array_equal([twice.begins, twice.ends], [[3, 4, 5], [4, 5, 6]])


def test_a_word_of_a_megabyte_is_looked_at_once() -> None:
    """Looked at from each of its letters on it would take days, and the limit of a test ends it."""
    text = "fever" * 200_000
    assert lines_joined(normal_form(text), lambda word: True) == NormalText(text)
    parted = lines_joined(normal_form(f"{text}-\n{text}"), lambda word: True)
    assert parted.text == 2 * text
