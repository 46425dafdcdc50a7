"""Words as CAML cuts them, and where each stands in the note as written."""

import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isd_pipeline.data.tables import NOTES, RecordStream
from isd_pipeline.text.tokens import _tokenize_any, _tokenize_ascii, tokenize, tokenize_notes

SIGNS = "aZ09_.-/ \n\r\t[]*'%²½éÑΣİßǅ٣四\u0301\u200f\ufeff\x00🩺"
clinical = st.text(st.sampled_from(SIGNS), max_size=60)


def words_by_definition(text):
    """The rule in one line: find, drop numerals, lower."""
    return [word.lower() for word in re.findall(r"\w+", text) if not word.isnumeric()]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("500 250mg x3 10a 1_2 ___ 7.5", ["250mg", "x3", "10a", "1_2", "___"]),
        ("[**Hospital1 18**] [**2151-7-16**]", ["hospital1"]),
        ("don't", ["don", "t"]),
        ("5² ² ½ m²", ["m²"]),
        ("٣ 四 Ñandú ÁÉ", ["ñandú", "áé"]),
        ("İstanbul", ["i̇stanbul"]),
        ("ΑΣ ΣΑ", ["ας", "σα"]),
        ("", []),
        (" \n\t ", []),
        ("12 345", []),
        ("nan null", ["nan", "null"]),
    ],
)
def test_the_rule_by_hand(text, words):
    assert tokenize(text).words.to_pylist() == words


@settings(max_examples=300)
@given(st.one_of(clinical, st.text(max_size=40)))
@example("İ 5İ5 İ")
def test_words_are_those_of_the_definition_and_offsets_cut_them_out_of_the_original(text):
    tokens = tokenize(text)
    assert tokens.words.to_pylist() == words_by_definition(text)
    cut = [text[b:e] for b, e in zip(tokens.begins, tokens.ends, strict=True)]
    assert [piece.lower() for piece in cut] == tokens.words.to_pylist()
    assert all(b < e for b, e in zip(tokens.begins, tokens.ends, strict=True))
    assert sorted(tokens.begins) == list(tokens.begins)


@settings(max_examples=300)
@given(st.text(st.characters(max_codepoint=127), max_size=80))
def test_plain_ascii_is_cut_by_another_way_to_the_same_words(text):
    fast, slow = _tokenize_ascii(text), _tokenize_any(text)
    assert fast.words.equals(slow.words)
    assert fast.begins.tolist() == slow.begins.tolist()
    assert fast.ends.tolist() == slow.ends.tolist()
    fast.words.validate(full=True)


def test_a_megabyte_without_a_blank_is_one_word_and_only_digits_are_none():
    assert len(tokenize("x" * 1_000_000)) == 1
    assert len(tokenize("1" * 1_000_000)) == 0
    assert tokenize("x\x00y\ud800z").words.to_pylist() == ["x", "y", "z"]


def test_text_of_any_composition_is_left_as_it_was_written():
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, "otálgia é")
        assert tokenize(text).words.to_pylist() == words_by_definition(text)


ROWS = [  # document, patient, note, text
    ("7", "1", "n1", "Addendum: 5 İ words"),
    ("7", "1", "n2", ""),
    ("7", "1", "n3", "Report one"),
    ("8", "1", "n4", "12 34"),
    ("9", "2", "n5", "Last note"),
]


def stream(rows, cut):
    table = pa.table([list(column) for column in zip(*rows, strict=True)], schema=NOTES)
    return RecordStream(NOTES, lambda: iter(table.to_batches(max_chunksize=cut)))


def notes(rows=ROWS, cut=100):
    return stream([(d, p, n, t) for d, p, n, t in rows], cut)


def test_a_document_is_its_notes_one_after_the_other():
    first, second, third = tokenize_notes(notes()).read().to_pylist()
    assert first["tokens"] == ["addendum", "i̇", "words", "report", "one"]
    assert first["note_ids"] == ["n1", "n2", "n3"]
    assert first["note_starts"] == [0, 3, 3]
    assert first["begins"] == [0, 12, 14, 0, 7]
    assert (second["tokens"], second["note_starts"]) == ([], [0])
    assert third["tokens"] == ["last", "note"]


def test_each_offset_counts_in_the_note_its_word_comes_from():
    text_of = {note: text for _, _, note, text in ROWS}
    for row in tokenize_notes(notes()).read().to_pylist():
        starts = [*row["note_starts"], len(row["tokens"])]
        for note, first, last in zip(row["note_ids"], starts, starts[1:], strict=False):
            for n in range(first, last):
                cut = text_of[note][row["begins"][n] : row["ends"][n]]
                assert cut.lower() == row["tokens"][n]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), clinical), max_size=30), st.integers(1, 9))
def test_how_the_notes_are_cut_into_batches_changes_nothing(drawn, cut):
    rows = [(str(d), "p", str(n), text) for n, (d, text) in enumerate(sorted(drawn))]
    rows = rows or [("0", "p", "0", "")]
    with pytest.MonkeyPatch.context() as patch:
        whole = tokenize_notes(notes(rows, cut=1_000)).read()
        patch.setattr("isd_pipeline.text.tokens.ROWS", 3)
        pieces = tokenize_notes(notes(rows, cut=cut)).read()
    assert pieces.to_pylist() == whole.to_pylist()


def test_a_document_whose_notes_stand_apart_is_refused():
    with pytest.raises(ValueError, match="document 7: its notes do not stand together"):
        tokenize_notes(notes([*ROWS, ROWS[0]])).read()
    with pytest.raises(ValueError, match="document 7 has notes of two patients"):
        tokenize_notes(notes([ROWS[0], ("7", "2", "n9", "x")])).read()
