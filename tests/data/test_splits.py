"""Who trains and who tests: as published, or drawn so that no patient does both."""

import hashlib

import pyarrow as pa
import pytest

from isd_pipeline.data.splits import PUBLISHED, splits_by_patient, splits_from_lists


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
