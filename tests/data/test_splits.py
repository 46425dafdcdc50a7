"""Who trains and who tests: as published, or drawn so that no patient does both."""

import hashlib
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from isd_pipeline.data.io.tables import LABELS, SPLITS
from isd_pipeline.data.splits import (
    PUBLISHED,
    names_of,
    splits_by_patient,
    splits_from_feather,
    splits_from_lists,
    splits_stratified,
    with_dev_in_train,
)


def documents(count=3_000, per_patient=3):
    ids = [str(100_000 + n) for n in range(count)]
    patients = [str(n // per_patient) for n in range(count)]
    return pa.table({"document_id": ids, "patient_id": patients})


def lists(folder, **content):
    given = {"train": "100000\n100001\n100002\n", "dev": "100003\n", "test": "100006\n"} | content
    paths = {}
    for name, text in given.items():
        paths[name] = folder / f"{name}_full_hadm_ids.csv"
        paths[name].write_text(text)
    return paths


def test_lists_are_followed_and_the_rest_left_out_and_counted(tmp_path, caplog):
    table, counts = splits_from_lists(documents(12), lists(tmp_path))
    assert table.to_pylist() == [
        {"document_id": str(100_000 + n), "split": split}
        for n, split in [(0, "train"), (1, "train"), (2, "train"), (3, "dev"), (6, "test")]
    ]
    assert counts == {"train_ids": 3, "dev_ids": 1, "test_ids": 1, "documents_in_no_list": 7}
    assert "7 of 12 documents are in no list" in caplog.text


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"dev": "100003\n999999\n"}, "dev_full_hadm_ids.csv, line 2: unknown id"),
        ({"dev": "100003\n100001\n"}, "dev_full_hadm_ids.csv, line 2: the id stands in"),
        ({"dev": "100003\n100003\n"}, "line 2: the id stands in"),
        ({"test": "100006\n100004\n"}, "line 2: a patient of test is in dev too"),
        ({"dev": "HADM_ID\n100003\n"}, "dev_full_hadm_ids.csv, line 1: unknown id"),
        ({"dev": "100003,dev\n"}, "line 1: not one id"),
        ({"dev": "\n"}, "holds no id"),
    ],
)
def test_a_list_that_cannot_be_right_is_refused_with_file_and_line(tmp_path, changed, said):
    with pytest.raises(ValueError, match=r"hadm_ids\.csv") as caught:
        splits_from_lists(documents(12), lists(tmp_path, **changed))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_list_is_named(tmp_path):
    paths = lists(tmp_path)
    paths["dev"].unlink()
    with pytest.raises(FileNotFoundError, match=r"dev_full_hadm_ids\.csv: no such id list"):
        splits_from_lists(documents(12), paths)


def test_lists_said_to_be_published_are_checked_by_their_sums(tmp_path, monkeypatch):
    paths = lists(tmp_path)
    with pytest.raises(ValueError, match="begins abc4601d; take the list as published"):
        splits_from_lists(documents(12), paths, published="full")
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest()[:8] for name, path in paths.items()}
    monkeypatch.setitem(PUBLISHED, "full", sums)
    assert splits_from_lists(documents(12), paths, published="full")[1]["train_ids"] == 3


def test_a_drawn_split_keeps_patients_together_and_says_what_it_is(caplog):
    whole = documents()
    table, counts = splits_by_patient(whole, seed=1, dev=0.1, test=0.2)
    split_of = dict(zip(*(table[n].to_pylist() for n in table.column_names), strict=True))
    patients = {}
    for document, patient in zip(*(whole[n].to_pylist() for n in whole.column_names), strict=True):
        patients.setdefault(patient, set()).add(split_of[document])

    assert all(len(found) == 1 for found in patients.values())
    assert len(split_of) == 3_000
    assert counts["test_ids"] / 3_000 == pytest.approx(0.2, abs=0.04)
    assert counts["dev_ids"] / 3_000 == pytest.approx(0.1, abs=0.03)
    assert "not the published split" in caplog.text


def test_a_drawn_split_is_a_function_of_seed_and_patient_alone():
    whole, part = documents(), documents(1_500)
    first, _ = splits_by_patient(whole, seed=1)
    assert first.equals(splits_by_patient(whole, seed=1)[0])
    assert first.slice(0, 1_500).equals(splits_by_patient(part, seed=1)[0])
    assert not first.equals(splits_by_patient(whole, seed=2)[0])


def test_no_notes_no_split():
    with pytest.raises(ValueError, match="no notes to split"):
        splits_by_patient(documents(0), seed=1)
    with pytest.raises(ValueError, match="would have no document"):
        splits_by_patient(documents(2), seed=1)
    with pytest.raises(ValueError, match="below 1 together"):
        splits_by_patient(documents(), seed=1, dev=0.6, test=0.5)


# Edin et al.'s files, and our own split where there is none


def split_file(folder, ids, splits, kind=None):
    path = folder / "mimic_split.feather"
    feather.write_feather(pa.table({"_id": pa.array(ids, kind), "split": splits}), path)
    return path


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string()])
def test_a_split_file_is_followed_whatever_type_its_ids_have(tmp_path, kind, caplog):
    ids = [100_000, 100_003, 100_006]
    ids = [str(i) for i in ids] if kind == pa.string() else ids
    path = split_file(tmp_path, ids, ["train", "val", "test"], kind)
    table, counts = splits_from_feather(documents(8), path)
    assert table.to_pylist() == [
        {"document_id": "100000", "split": "train"},
        {"document_id": "100003", "split": "dev"},
        {"document_id": "100006", "split": "test"},
    ]
    assert counts == {"train_ids": 1, "dev_ids": 1, "test_ids": 1, "documents_in_no_list": 5}
    assert "5 of 8 documents are in no list: left out" in caplog.text


def test_the_second_note_of_an_admission_goes_with_it(tmp_path):
    notes = pa.table({"document_id": ["1", "1-2", "2", "3"], "patient_id": ["a", "a", "b", "c"]})
    table, _ = splits_from_feather(notes, split_file(tmp_path, [1, 2, 3], ["test", "val", "train"]))
    assert table["split"].to_pylist() == ["test", "test", "dev", "train"]


@pytest.mark.parametrize(
    ("ids", "splits", "said"),
    [
        ([100_000, 7], ["train", "test"], "row 2: unknown id: no note has it"),
        ([100_000, 100_000], ["train", "test"], "row 2: the id stands in"),
        ([100_000, 100_003], ["train", "dev"], "row 2, column split: none of train, val, test"),
        ([100_000, 100_001], ["train", "test"], "row 2: a patient of test is in train too ("),
        ([100_000, 100_003], ["train", "test"], "split dev would have no document"),
    ],
)
def test_a_split_file_that_cannot_be_right_is_refused(tmp_path, ids, splits, said):
    with pytest.raises(ValueError, match="split") as caught:
        splits_from_feather(documents(12), split_file(tmp_path, ids, splits))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_row_of_a_split_file_without_an_id_is_refused_with_its_number(tmp_path):
    path = split_file(tmp_path, [1.0, float("nan"), 3.0], ["test", "val", "train"], pa.float64())
    with pytest.raises(ValueError, match="row 2, column _id: missing"):
        splits_from_feather(documents(8), path)


def test_a_split_file_that_is_cut_or_of_other_columns_is_refused(tmp_path):
    path = split_file(tmp_path, [100_000], ["train"])
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ValueError, match="not a whole feather file"):
        splits_from_feather(documents(12), path)
    feather.write_feather(pa.table({"id": [1]}), path)
    with pytest.raises(ValueError, match="no column _id among id"):
        splits_from_feather(documents(12), path)


def labelled(count, seed=0, order=None):
    """`count` documents of three to a patient, each with some of ten codes, and one without any."""
    dice = random.Random(seed)
    rows = [[f"{n:03}" for n in range(10) if dice.random() < 1 / (n + 2)] for _ in range(count)]
    found = documents(count)
    table = pa.table([found["document_id"], pa.array(rows)], LABELS)
    if order is None:
        return found, table
    return found.take(order), table.take(order[::-1])


@settings(deadline=None, max_examples=20)
@given(st.permutations(range(90)))
def test_the_order_of_rows_does_not_change_the_stratified_split(order):
    first, counts = splits_stratified(*labelled(90), seed=1)
    again, same = splits_stratified(*labelled(90, order=order), seed=1)
    assert sorted(again.to_pylist(), key=str) == sorted(first.to_pylist(), key=str)
    assert counts == same


def test_the_stratified_split_is_ours_by_patient_and_holds_the_shares_of_frequent_codes(caplog):
    notes, labels = labelled(3_000)
    table, counts = splits_stratified(notes, labels, seed=1)
    assert "our own split, not a published one" in caplog.text
    assert counts["split_is_ours"] == 1
    coded = {row["document_id"]: row["labels"] for row in labels.to_pylist() if row["labels"]}
    split_of = dict(zip(*(table[name].to_pylist() for name in table.column_names), strict=True))
    assert split_of.keys() == coded.keys()
    assert counts["documents_in_no_list"] == 3_000 - len(coded)
    owner = dict(zip(*(notes[name].to_pylist() for name in notes.column_names), strict=True))
    splits_of_patient = {(owner[document], split) for document, split in split_of.items()}
    assert len(splits_of_patient) == len({owner[document] for document in split_of})
    for code in ("000", "001", "002"):
        held = [split_of[document] for document, row in coded.items() if code in row]
        assert held.count("test") / len(held) == pytest.approx(0.15, abs=0.02)
        assert held.count("dev") / len(held) == pytest.approx(0.10, abs=0.02)


def test_the_documents_of_dev_are_in_both_splits() -> None:
    rows = {"document_id": ["1", "2", "3", "4"], "split": ["train", "dev", "test", "unlabelled"]}
    splits = with_dev_in_train(pa.table(rows, schema=SPLITS))["split"].to_pylist()
    members = {name: [s in names_of(name) for s in splits] for name in ("train", "dev", "test")}
    assert members["train"] == [True, True, False, False]
    assert members["dev"] == [False, True, False, False]
    assert members["test"] == [False, False, True, False]


def test_a_list_with_a_nul_byte_is_named_itself(tmp_path):
    lists = {}
    for split, ids in (("train", "1\n2\0\n"), ("dev", "3\n"), ("test", "4\n")):
        lists[split] = tmp_path / f"{split}.csv"
        lists[split].write_text(ids)
    documents = pa.table({"document_id": list("1234"), "patient_id": list("abcd")})
    with pytest.raises(ValueError, match=r"train\.csv, line 2: a NUL byte"):
        splits_from_lists(documents, lists)
