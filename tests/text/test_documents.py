"""Documents as numbers: the same whatever the batches, whole on disk, in a fixed order."""

import os

import numpy as np
import pyarrow as pa
import pytest

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import LABELS, SPLITS, RecordStream
from isd_pipeline.text.documents import Documents, encode_documents
from isd_pipeline.text.tokens import TOKENIZED_NOTES
from isd_pipeline.text.vocabulary import Vocabulary

WORDS = Vocabulary(("fever", "tap", "x"))
SYSTEMS = ("procedure", "diagnosis", "diagnosis")
CODES = CodeIndex(("03.31", "038.9", "401.9"), SYSTEMS, ("", "", ""))
TEXTS = {
    "10": "fever other tap",
    "9": "x x x",
    "8": "x",
    "7": "",
    "6": "tap",
    "5": "fever x",
    "4": "tap",
    "3": "x fever",
    "u": "x",
}
SENTENCES = {"10": [0, 2], "3": [0, 1]}
LABEL = {
    "10": ["401.9", "03.31", "401.9"],
    "9": ["038.9"],
    "8": [],
    "7": ["038.9"],
    "6": ["03.31"],
    "5": ["038.9"],
    "4": ["401.9"],
    "3": ["038.9", "03.31"],
}
SPLIT = {
    **dict.fromkeys(["10", "9", "8", "7", "6"], "train"),
    "5": "dev",
    "4": "test",
    "3": "test",
    "u": "unlabelled",
}


def tokenized(cut=4):
    rows = [
        {
            "document_id": d,
            "patient_id": d,
            "tokens": t.split(),
            "begins": [],
            "ends": [],
            "note_ids": [],
            "note_starts": [],
            "sentence_starts": SENTENCES.get(d, [0] * bool(t)),
        }
        for d, t in TEXTS.items()
    ]
    table = pa.Table.from_pylist(rows, schema=TOKENIZED_NOTES)
    return RecordStream(TOKENIZED_NOTES, lambda: iter(table.to_batches(max_chunksize=cut)))


def tables(labels=LABEL, splits=SPLIT):
    return (
        pa.table([list(labels), list(labels.values())], schema=LABELS),
        pa.table([list(splits), list(splits.values())], schema=SPLITS),
    )


def encode(folder, cut=4):
    return encode_documents(tokenized(cut), *tables(), WORDS, CODES, folder)


def test_documents_stand_by_length_and_id_with_their_words_and_codes(tmp_path):
    encode(tmp_path / "documents")
    train = Documents.open(tmp_path / "documents" / "train")

    assert train.ids.tolist() == ["6", "9", "10"]
    assert [train.tokens_of(i).tolist() for i in range(3)] == [[2], [3, 3, 3], [1, 4, 2]]
    assert [train.labels_of(i).tolist() for i in range(3)] == [[0], [1], [0, 2]]
    assert train.lengths.tolist() == [1, 3, 3]
    assert train.lengths.dtype == np.int64
    assert train.tokens.dtype == train.labels.dtype == np.int32
    assert isinstance(train.tokens, np.memmap)


def test_each_document_keeps_where_its_sentences_begin(tmp_path):
    encode(tmp_path, cut=2)
    train, test = (Documents.open(tmp_path / split) for split in ("train", "test"))
    assert [train.sentences_of(i).tolist() for i in range(3)] == [[0], [0], [0, 2]]
    assert [test.sentences_of(i).tolist() for i in range(2)] == [[0], [0, 1]]
    assert (train.sentences.dtype, train.sentence_starts.dtype) == (np.int32, np.int64)


def test_documents_written_before_sentences_were_kept_can_be_read(tmp_path):
    encode(tmp_path)
    for name in ("sentences", "sentence_starts"):
        os.remove(tmp_path / "train" / f"{name}.npy")
    train = Documents.open(tmp_path / "train")
    assert train.tokens_of(2).tolist() == [1, 4, 2]
    with pytest.raises(ValueError, match="do not say where sentences begin"):
        train.sentences_of(0)


def test_documents_without_words_or_codes_are_left_out_and_counted(tmp_path, caplog):
    counts = encode(tmp_path / "documents")
    assert (counts["train_without_word"], counts["train_without_code"]) == (1, 1)
    assert (counts["train_encoded"], counts["dev_encoded"], counts["test_encoded"]) == (3, 1, 2)
    assert (counts["train_tokens"], counts["train_labels"]) == (7, 4)
    assert "1 documents without a word" in caplog.text
    assert sorted(os.listdir(tmp_path / "documents")) == ["dev", "test", "train"]


@pytest.mark.parametrize("cut", [1, 2, 9])
def test_the_files_do_not_depend_on_the_batches(tmp_path, cut):
    encode(tmp_path / "a")
    encode(tmp_path / "b", cut)
    for path in sorted((tmp_path / "a").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_labels_as_a_matrix(tmp_path):
    encode(tmp_path)
    matrix = Documents.open(tmp_path / "test").label_matrix(3)
    assert matrix.dtype == bool
    assert matrix.toarray().tolist() == [[False, False, True], [True, True, False]]


def test_a_split_comes_back_from_its_folder(tmp_path):
    encode(tmp_path / "a")
    first = Documents.open(tmp_path / "a" / "train")
    first.save(tmp_path / "copy")
    again = Documents.open(tmp_path / "copy")
    assert again.ids.tolist() == first.ids.tolist()
    for name in (
        "tokens",
        "token_starts",
        "labels",
        "label_starts",
        "sentences",
        "sentence_starts",
    ):
        assert np.array_equal(getattr(again, name), getattr(first, name))
    assert len(again) == 3


def test_an_empty_store_and_a_missing_one(tmp_path):
    none, start = np.zeros(0, np.int32), np.zeros(1, np.int64)
    Documents(np.array([], str), none, start, none, start).save(tmp_path / "e")
    assert len(Documents.open(tmp_path / "e")) == 0
    with pytest.raises(FileNotFoundError, match="holds no documents"):
        Documents.open(tmp_path / "absent")


def test_a_store_cut_off_is_refused(tmp_path):
    encode(tmp_path)
    np.save(tmp_path / "train" / "tokens.npy", np.zeros(3, np.int32))
    with pytest.raises(ValueError, match=r"tokens\.npy and token_starts\.npy do not fit"):
        Documents.open(tmp_path / "train")
    os.remove(tmp_path / "test" / "sentences.npy")
    with pytest.raises(ValueError, match=r"sentences\.npy and sentence_starts\.npy do not fit"):
        Documents.open(tmp_path / "test")


def test_a_failed_encoding_leaves_nothing(tmp_path):
    def broken():
        yield next(iter(tokenized(2)))
        raise ValueError("cut off")

    whole, passes = tokenized(), []

    def second_pass_fails():
        passes.append(1)
        return iter(whole) if len(passes) == 1 else broken()

    stream = RecordStream(TOKENIZED_NOTES, second_pass_fails)
    with pytest.raises(ValueError, match="cut off"):
        encode_documents(stream, *tables(), WORDS, CODES, tmp_path / "d")
    assert os.listdir(tmp_path) == []


def test_splits_that_name_unknown_documents_are_refused(tmp_path):
    labels, splits = tables(splits={**SPLIT, "99": "train"})
    with pytest.raises(ValueError, match="1 documents of the splits have no notes"):
        encode_documents(tokenized(), labels, splits, WORDS, CODES, tmp_path / "d")


def test_documents_without_a_code_stay_where_they_are_to_be_kept(tmp_path):
    counts = encode_documents(
        *(tokenized(), *tables(), WORDS, CODES, tmp_path / "d"), keep_uncoded=True
    )
    train = Documents.open(tmp_path / "d" / "train")
    assert "8" in train.ids.tolist()
    assert train.labels_of(train.ids.tolist().index("8")).tolist() == []
    assert counts["train_without_code"] == 0


def test_a_split_with_nothing_to_read_is_said(tmp_path):
    labels, splits = tables(splits={**SPLIT, "5": "train"})
    with pytest.raises(ValueError, match="split dev has no document with words and codes"):
        encode_documents(tokenized(), labels, splits, WORDS, CODES, tmp_path / "d")


def test_words_that_the_vocabulary_lacks_are_told_for_each_split(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("isd_pipeline.text.documents.STRANGE", 10)
    with caplog.at_level("INFO", "isd_pipeline.text.documents"):
        encode(tmp_path / "documents")
    told = {one.getMessage(): one.levelname for one in caplog.records if "vocabulary" in one.msg}
    assert told["train: of 7 words 1 are not in the vocabulary (14.3 %)"] == "WARNING"
    assert told["dev: of 2 words 0 are not in the vocabulary (0.0 %)"] == "INFO"
    assert len(told) == 3
