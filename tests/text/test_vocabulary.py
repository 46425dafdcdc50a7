"""Which words have a number, and that the number never moves."""

import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.data.io.tables import SPLITS, RecordStream
from isd_pipeline.text.tokens import TOKENIZED_NOTES
from isd_pipeline.text.vocabulary import Vocabulary, VocabularyConfig, count_words, make_vocabulary

TEXTS = {"a": "x x x y", "b": "x y z", "c": "x w w w w", "d": "y z q", "u": "w q"}
WHERE = {"a": "train", "b": "train", "c": "train", "d": "test", "u": "unlabelled"}


def tokenized(texts, cut=2):
    rows = [
        {
            "document_id": d,
            "patient_id": d,
            "tokens": t.split(),
            "begins": [],
            "ends": [],
            "note_ids": [d],
            "note_starts": [0],
            "sentence_starts": [],
        }
        for d, t in texts.items()
    ]
    table = pa.Table.from_pylist(rows, schema=TOKENIZED_NOTES)
    return RecordStream(TOKENIZED_NOTES, lambda: iter(table.to_batches(max_chunksize=cut)))


def splits():
    return pa.table([list(WHERE), list(WHERE.values())], schema=SPLITS)


def words(**config):
    return make_vocabulary(tokenized(TEXTS), splits(), VocabularyConfig(**config))[0].words


def test_a_word_qualifies_by_documents_of_train_not_by_occurrences():
    assert words(min_docs=2) == ("x", "y")
    assert words(min_docs=3) == ("x",)
    assert words(min_docs=1) == ("w", "x", "y", "z")


def test_the_source_widens_the_documents_that_count():
    assert words(min_docs=2, source="train_and_unlabelled") == ("w", "x", "y")
    assert words(min_docs=2, source="all") == ("q", "w", "x", "y", "z")


def test_the_most_frequent_words_are_kept_and_ties_go_by_the_alphabet():
    """All: w 5, x 5, y 3, q 2, z 2."""
    assert words(max_words=1, source="all") == ("w",)
    assert words(max_words=4, source="all") == ("q", "w", "x", "y")
    assert words(max_words=99, source="all") == ("q", "w", "x", "y", "z")


def test_counts_are_given():
    _, counts = make_vocabulary(tokenized(TEXTS), splits(), VocabularyConfig(min_docs=3))
    assert counts == {"source_types": 4, "source_tokens": 12, "vocabulary": 1}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("abcdé ", max_size=20), min_size=1, max_size=12), st.integers(1, 5))
def test_counting_in_batches_is_counting(texts, cut):
    texts = {str(n): text for n, text in enumerate(texts)}
    documents, occurrences = count_words(tokenized(texts, cut))
    assert occurrences == Counter(word for text in texts.values() for word in text.split())
    assert documents == Counter(word for text in texts.values() for word in set(text.split()))


def test_words_of_documents_that_are_not_counted_are_no_types():
    documents, _ = count_words(tokenized(TEXTS), pa.array(["b", "u"]))
    assert dict(documents) == {"x": 1, "y": 1, "z": 1, "w": 1, "q": 1}
    documents, occurrences = count_words(tokenized(TEXTS, cut=9), pa.array(["a"]))
    assert (dict(documents), dict(occurrences)) == ({"x": 1, "y": 1}, {"x": 3, "y": 1})


def test_numbers_follow_code_points_with_padding_first_and_unknown_last():
    vocabulary = Vocabulary(("Z", "a", "é"))
    assert vocabulary.encode(["a", "?", "Z", "é"]).tolist() == [2, 4, 1, 3]
    assert vocabulary.encode([]).dtype == np.int32
    assert (len(vocabulary), vocabulary.unknown, vocabulary.rows) == (3, 4, 5)


def test_it_comes_back_from_its_file_and_a_changed_file_is_refused(tmp_path):
    path, vocabulary = tmp_path / "v.json", Vocabulary(("a", "é"))
    vocabulary.save(path)
    assert Vocabulary.open(path) == vocabulary
    assert Vocabulary(("a", "e")).fingerprint != vocabulary.fingerprint
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content | {"words": ["a", "b"]}))
    with pytest.raises(ValueError, match="do not fit their fingerprint"):
        Vocabulary.open(path)


@pytest.mark.parametrize("config", [{"source": "dev"}, {"min_docs": 0}, {"max_words": 0}])
def test_settings_that_mean_nothing_are_refused(config):
    with pytest.raises(ValueError, match=r"source|min_docs|max_words"):
        VocabularyConfig(**config)


def test_no_word_at_all_is_said():
    with pytest.raises(ValueError, match="no word is in 9 documents of train"):
        words(min_docs=9)


def test_words_out_of_order_are_refused():
    with pytest.raises(ValueError, match="sorted by code point"):
        Vocabulary(("b", "a"))


def test_a_vocabulary_says_how_its_notes_were_cut_and_cuts_other_texts_so(tmp_path):
    texts = {"caml": "Otálgia of_9 5", "edin": "Otálgia of_9 5"}
    words = ("5", "9", "lgia", "of", "of_9", "ot", "otálgia")
    both = {rule: Vocabulary(words, rule) for rule in texts}
    assert [words[n - 1] for n in both["caml"].read(texts["caml"])] == ["otálgia", "of_9"]
    assert [words[n - 1] for n in both["edin"].read(texts["edin"])] == ["ot", "lgia", "of", "5"]
    assert both["caml"].fingerprint != both["edin"].fingerprint
    for rule, vocabulary in both.items():
        vocabulary.save(tmp_path / rule)
        assert Vocabulary.open(tmp_path / rule) == vocabulary
    assert "tokeniser" not in (tmp_path / "caml").read_text()  # so the files of before are the same


def test_a_vocabulary_of_an_unknown_rule_is_refused(tmp_path):
    Vocabulary(("a",), "edin").save(tmp_path / "v")
    changed = (tmp_path / "v").read_text().replace("edin", "laat")
    (tmp_path / "v").write_text(changed)
    with pytest.raises(ValueError, match="cut by the rule 'laat'; known are caml, edin"):
        Vocabulary.open(tmp_path / "v")
