"""Words as CAML and as Edin et al. cut them, or with numerals, and where each stands in a note."""

import re
import unicodedata

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isd_pipeline.data.io.tables import NOTES, RecordStream, open_parquet, write_parquet
from isd_pipeline.text.tokens import tokenize, tokenize_all, tokenize_notes, words_in, words_of

SIGNS = "aZ09_.-/ \n\r\t[]*'%²½éÑΣİßǅ٣四\u0301\u0307\u200f\u212a\ufeff\x00🩺"
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


@settings(max_examples=300, deadline=None)
@given(st.one_of(clinical, st.text(max_size=40)))
@example("İ 5İ5 İ")
def test_words_are_those_of_the_definition_and_offsets_cut_them_out_of_the_original(text):
    tokens = tokenize(text)
    assert tokens.words.to_pylist() == words_by_definition(text)
    cut = [text[b:e] for b, e in zip(tokens.begins, tokens.ends, strict=True)]
    assert [piece.lower() for piece in cut] == tokens.words.to_pylist()
    assert all(b < e for b, e in zip(tokens.begins, tokens.ends, strict=True))
    assert sorted(tokens.begins) == list(tokens.begins)


plain = st.text(st.characters(max_codepoint=127), max_size=80)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(plain, clinical, st.sampled_from(["", "x", "7", "é"])), min_size=1))
@example(["a", "b", "1", "c", "", "", "é", "d1", "2"])
@example([chr(code) for code in range(128)])
def test_notes_cut_all_at_once_are_each_note_cut_by_the_definition(texts):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isd_pipeline.text.runs.AT_ONCE", 4)
        whole = tokenize_all(texts)
    whole.words.validate(full=True)
    words = whole.words.to_pylist()
    assert whole.starts[-1] == len(whole) == len(words)
    for text, first, last in zip(texts, whole.starts, whole.starts[1:], strict=False):
        places = list(zip(whole.begins[first:last], whole.ends[first:last], strict=True))
        runs = [match for match in re.finditer(r"\w+", text) if not match[0].isnumeric()]
        assert words[first:last] == words_by_definition(text)
        assert places == [match.span() for match in runs]


def edin_by_definition(*notes):
    """Joined, lower-cased, all but a-z and 0-9 a blank, numerals between blanks gone."""
    blank = re.sub("[^a-z0-9]+", " ", " ".join(notes).lower())
    return re.sub("(?<= )[0-9]+(?= )", "", blank).split()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Took 500 250mg x3 10a 1_2 ___ 7.5.", ["took", "250mg", "x3", "10a"]),
        ("[**Hospital1 18**] [**2151-7-16**]", ["hospital1"]),
        ("don't café Ñandú", ["don", "t", "caf", "and"]),
        ("500 mg of 5", ["500", "mg", "of", "5"]),  # at both ends of the document
        (" 500 mg of 5.", ["mg", "of"]),
        ("12/34", ["12", "34"]),
        ("12 3 45", ["12", "45"]),
        ("7", ["7"]),
        ("-7", ["7"]),
        ("", []),
        ("___", []),
        ("xİy 5\u212a", ["xi", "y", "5k"]),
    ],
)
def test_the_rule_of_edin_et_al_by_hand(text, words):
    assert tokenize(text, "edin").words.to_pylist() == words
    assert edin_by_definition(text) == words


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(plain, clinical, st.text(max_size=20)), min_size=1, max_size=8))
@example(["", "5 a", "b 7", ""])
@example(["5", "6", "é 7"])
@example([chr(code) for code in range(128)])
def test_words_of_edin_et_al_are_those_of_their_definition_and_offsets_cut_them_out(notes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isd_pipeline.text.runs.AT_ONCE", 3)
        found = tokenize_all(notes, "edin", np.array([0, len(notes)]))
    found.words.validate(full=True)
    words = found.words.to_pylist()
    assert words == edin_by_definition(*notes)
    for note, first, last in zip(notes, found.starts, found.starts[1:], strict=False):
        for n in range(first, last):
            assert edin_by_definition(note[found.begins[n] : found.ends[n]]) == [words[n]]


@pytest.mark.parametrize(
    ("text", "words", "places"),
    [
        ("Grado 2, tipo 1", ["grado", "2", "tipo", "1"], [(0, 5), (6, 7), (9, 13), (14, 15)]),
        ("12/34", ["12", "34"], [(0, 2), (3, 5)]),
        ("7.5 mg", ["7", "5", "mg"], [(0, 1), (2, 3), (4, 6)]),
        ("m² 5² ½ ٣", ["m²", "5²", "½", "٣"], [(0, 2), (3, 5), (6, 7), (8, 9)]),
        ("8140/3 1_2 Ñandú", ["8140", "3", "1_2", "ñandú"], [(0, 4), (5, 6), (7, 10), (11, 16)]),
        (" \n-", [], []),
    ],
)
def test_the_rule_that_keeps_numerals_by_hand(text, words, places):
    tokens = tokenize(text, "numerals")
    assert tokens.words.to_pylist() == words
    assert list(zip(tokens.begins, tokens.ends, strict=True)) == places


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(plain, clinical, st.text(max_size=20)), min_size=1, max_size=8))
@example(["", "5 a", "b 7", ""])
@example(["5", "6", "é 7"])
@example([chr(code) for code in range(128)])
def test_with_numerals_words_are_all_runs_and_those_of_caml_in_the_same_places(notes):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("isd_pipeline.text.runs.AT_ONCE", 3)
        found, without = (tokenize_all(notes, rule) for rule in ("numerals", "caml"))
    found.words.validate(full=True)
    runs = [(n, match) for n, note in enumerate(notes) for match in re.finditer(r"\w+", note)]
    note_of = np.repeat(np.arange(len(notes)), np.diff(found.starts))
    assert found.words.to_pylist() == [match[0].lower() for _, match in runs]
    places = list(zip(note_of, found.begins, found.ends, strict=True))
    assert places == [(n, *match.span()) for n, match in runs]
    kept = np.array([not match[0].isnumeric() for _, match in runs], dtype=bool)
    assert found.begins[kept].tolist() == without.begins.tolist()
    assert found.words.filter(pa.array(kept)).to_pylist() == without.words.to_pylist()


@settings(deadline=None)
@given(st.lists(st.lists(clinical, min_size=1, max_size=3), min_size=1, max_size=4))
def test_the_numerals_at_the_ends_are_those_of_each_document(documents):
    rows = [
        (str(d), "p", str(n), note) for d, own in enumerate(documents) for n, note in enumerate(own)
    ]
    found = tokenize_notes(notes(rows), "edin").read()["tokens"].to_pylist()
    assert found == [edin_by_definition(*own) for own in documents]


@settings(deadline=None)
@given(st.lists(clinical, min_size=1, max_size=8), st.sampled_from(["caml", "edin", "numerals"]))
def test_no_two_numbers_stand_for_one_word_and_each_is_used(texts, rule):
    words = tokenize_all(texts, rule).words
    assert sorted(words.dictionary.to_pylist()) == sorted(set(words.to_pylist()))


def test_a_megabyte_without_a_blank_is_one_word_and_only_digits_are_none():
    assert len(tokenize("x" * 1_000_000)) == 1
    assert len(tokenize("1" * 1_000_000)) == 0
    assert tokenize("x\x00y\ud800z").words.to_pylist() == ["x", "y", "z"]


def test_text_of_any_composition_is_left_as_it_was_written():
    for form in ("NFC", "NFD"):
        text = unicodedata.normalize(form, "otálgia é")
        assert tokenize(text).words.to_pylist() == words_by_definition(text)
        assert words_in(text) == words_by_definition(text)


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


def test_sentences_begin_in_the_document_and_each_note_begins_one():
    texts = [
        ("7", "No fever. 12 Chest"),
        ("7", "pain.\n\n3. so"),
        ("7", ""),
        ("8", "34"),
        ("9", "a. B"),
    ]
    rows = [(document, "1", str(n), text) for n, (document, text) in enumerate(texts)]
    first, second, third = tokenize_notes(notes(rows)).read().to_pylist()
    assert first["tokens"] == ["no", "fever", "chest", "pain", "so"]
    assert first["sentence_starts"] == [0, 2, 3, 4]  # "pain" would go on, were it not another note
    assert (second["sentence_starts"], third["sentence_starts"]) == ([], [0, 1])


def test_each_offset_counts_in_the_note_its_word_comes_from():
    text_of = {note: text for _, _, note, text in ROWS}
    for row in tokenize_notes(notes()).read().to_pylist():
        starts = [*row["note_starts"], len(row["tokens"])]
        for note, first, last in zip(row["note_ids"], starts, starts[1:], strict=False):
            for n in range(first, last):
                cut = text_of[note][row["begins"][n] : row["ends"][n]]
                assert cut.lower() == row["tokens"][n]


def test_documents_in_normal_form_have_its_words_and_sentences_and_the_notes_offsets():
    texts = [("7", r"No fie\u0062re.\n\nDolor"), ("7", "co\u0301lico"), ("8", "plain")]
    rows = [(document, "1", str(n), text) for n, (document, text) in enumerate(texts)]
    first, second = tokenize_notes(notes(rows), normal=True).read().to_pylist()
    assert first["tokens"] == ["no", "fiebre", "dolor", "cólico"]
    assert first["sentence_starts"] == [0, 2, 3]
    assert (first["begins"], first["ends"]) == ([0, 3, 19, 0], [2, 14, 24, 7])
    assert second == tokenize_notes(notes(rows)).read().to_pylist()[1]


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


def test_the_file_depends_on_the_notes_alone_and_gives_the_words_back(tmp_path):
    rows = [(str(n // 2), "p", str(n), f"Note {n} of W{n % 7}") for n in range(5_000)]
    for cut in (700, 5_000):
        write_parquet(tokenize_notes(notes(rows, cut)), tmp_path / f"{cut}.parquet")
    assert (tmp_path / "700.parquet").read_bytes() == (tmp_path / "5000.parquet").read_bytes()

    found = [words for batch in open_parquet(tmp_path / "700.parquet") for words in words_of(batch)]
    both = zip(rows[::2], rows[1::2], strict=True)
    expected = [words_by_definition(f"{a[3]} {b[3]}") for a, b in both]
    assert found == expected


def test_more_distinct_words_than_parquet_keeps_by_default_come_back(tmp_path):
    texts = [" ".join(f"w{n:07}" for n in range(d, 200_000, 2)) for d in range(2)]  # over 1 MiB
    rows = [(str(d), "p", str(d), text) for d, text in enumerate(texts)]
    write_parquet(tokenize_notes(notes(rows)), tmp_path / "t.parquet")
    (batch,) = open_parquet(tmp_path / "t.parquet")
    assert words_of(batch) == [text.split() for text in texts]
    assert words_of(batch.slice(1)) == [texts[1].split()]


def test_a_document_whose_notes_stand_apart_is_refused():
    with pytest.raises(ValueError, match="document 7: its notes do not stand together"):
        tokenize_notes(notes([*ROWS, ROWS[0]])).read()
    with pytest.raises(ValueError, match="document 7 has notes of two patients"):
        tokenize_notes(notes([ROWS[0], ("7", "2", "n9", "x")])).read()
