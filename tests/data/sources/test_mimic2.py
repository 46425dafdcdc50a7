"""From Perotte's files to notes, diagnoses and a split; and what has no dev set says so."""

import gzip
import logging
import random
import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.data.cohorts import make_cohort
from isd_pipeline.data.sources.mimic2 import extract, has_one_word_or_none, says_something
from isd_pipeline.data.splits import DEV_AND_TEST
from isd_pipeline.text.documents import Documents, encode_documents
from isd_pipeline.text.tokens import tokenize, tokenize_notes
from isd_pipeline.text.vocabulary import VocabularyConfig, make_vocabulary

SECRET = "ZZCANARY"
HEADER = '"subject_id"|"hadm_id"|"charttime"|"category"|"title"|"icd9_codes"|"text"\n'
EMPTY = '"Admission Date:  [**2101-1-1**]  Sex:  M[NEWLINE]Dictated By: Dr. Nobody"'


def line(subject, admission, codes, text):
    return f'{subject}|{admission}|2101-01-01|"DISCHARGE_SUMMARY"|""|"{codes}"|{text}\n'


LINES = [  # the second says nothing and has no number
    line(1, 10, "038.9,V30.01", '"Fever, ""high"".[NEWLINE]500 mg | café"'),  # 0
    line(2, 20, "401.9", EMPTY),
    line(3, 30, "E878.8", f'"{SECRET} second patient"'),  # 1
    line(4, 40, "", '"no codes at all"'),  # 2
    line(5, 50, "410.71", '"12 ab 34"'),  # 3: one word
    line(6, 60, "401.9", '"sixth summary"'),  # 4
    line(6, 60, "250.00", '"sixth summary again"'),  # 5: the admission once more
    line(7, 70, "401.9,401.9", '"in no index"'),  # 6
]
TRAIN, TEST = [0, 1, 3, 4], [5, 2]
MAPPING = 'ID,CODE,TITLE\n1,038.9,"Septicemia, old"\n2,401.9,Hypertension\n3,038.9,Septicemia\n'


def write(folder, lines=LINES, train=TRAIN, test=TEST, header=HEADER, mapping=MAPPING):
    content = header + "".join(lines)
    (folder / "MIMIC_RAW_DSUMS").write_bytes(content.encode("latin-1"))
    (folder / "MIMIC_ICD9_mapping").write_text(mapping)
    (folder / "training_indices.data").write_text("".join(f"{n}\n" for n in train))
    (folder / "testing_indices.data").write_text("".join(f"{n}\n" for n in test))
    return folder


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path)


def split_of(found):
    table = found.splits.to_pylist()
    return {row["document_id"]: row["split"] for row in table}


def refused(folder, **options):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        extract(folder, **{"dev_lines": 1, **options}).notes.read()
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


def test_a_line_is_a_note_its_marks_unwritten_and_its_letters_latin_1(folder):
    notes = extract(folder, dev_lines=1).notes.read().to_pylist()
    assert [note["document_id"] for note in notes] == ["10", "30", "40", "60", "60-2"]
    assert notes[0]["text"] == 'Fever, "high".\n500 mg | café'
    assert notes[0]["patient_id"] == "1"


def test_codes_are_dotted_diagnoses_in_the_order_of_the_line(folder):
    codes = extract(folder, dev_lines=1).codes.read().to_pylist()
    assert [(row["document_id"], row["system"], row["code"]) for row in codes] == [
        ("10", "diagnosis", "038.9"),
        ("10", "diagnosis", "V30.01"),
        ("30", "diagnosis", "E878.8"),
        ("60", "diagnosis", "401.9"),
        ("60-2", "diagnosis", "250.00"),
    ]


def test_numbers_of_the_index_files_count_the_lines_that_say_something(folder):
    found = extract(folder, dev_lines=1)
    assert split_of(found) == {
        "10": "train",
        "30": "train",
        "60": "dev",
        "40": "test",
        "60-2": "test",
    }
    assert (found.counts["lines"], found.counts["lines_kept"]) == (8, 7)
    assert found.counts["documents_of_one_word_or_none"] == 1
    assert found.counts["lines_in_no_index"] == 1
    assert found.counts["repeated_admissions"] == 1
    assert [found.counts[f"{split}_ids"] for split in ("train", "dev", "test")] == [2, 1, 2]


def test_laats_dev_set_is_the_end_of_training_in_the_order_of_the_file(folder):
    shuffled = write(folder, train=[4, 0, 3, 1])
    assert [d for d, s in split_of(extract(shuffled, dev_lines=2)).items() if s == "dev"] == [
        "30",
        "60",
    ]


def test_without_a_dev_set_the_test_documents_are_both_and_that_is_said_loudly(folder, caplog):
    found = extract(folder, dev_lines=None)
    assert split_of(found)["40"] == split_of(found)["60-2"] == DEV_AND_TEST
    assert found.counts["dev_is_test"] == 1
    assert extract(folder, dev_lines=1).counts["dev_is_test"] == 0
    assert "the best epoch is chosen on TEST" in caplog.text


def test_of_two_titles_of_a_code_the_last_is_kept_as_in_caml(folder):
    assert extract(folder, dev_lines=1).titles.read().to_pylist() == [
        {"code": "038.9", "system": "diagnosis", "title": "Septicemia"},
        {"code": "401.9", "system": "diagnosis", "title": "Hypertension"},
    ]


def test_dev_and_test_of_camls_cohort_are_one_and_the_same_when_encoded(folder, tmp_path):
    write(folder, test=[5])
    found = extract(folder, dev_lines=None)
    tokenized = tokenize_notes(found.notes)
    cohort = make_cohort(
        tokenized.select(["document_id", "patient_id"]).read(),
        found.codes,
        found.titles.read(),
        found.splits,
        label_space="dotted",
    )
    assert (
        cohort.counts["dev_documents_with_code"] == cohort.counts["test_documents_with_code"] == 1
    )
    vocabulary, _ = make_vocabulary(tokenized, cohort.splits, VocabularyConfig(min_docs=1))
    out = tmp_path / "out"
    encode_documents(tokenized, cohort.labels, cohort.splits, vocabulary, cohort.codes, out)
    dev, test = (Documents.open(out / split) for split in ("dev", "test"))
    assert dev.ids.tolist() == test.ids.tolist() == ["60-2"]
    assert dev.tokens.tolist() == test.tokens.tolist()
    assert dev.labels.tolist() == test.labels.tolist() == [cohort.codes.position("250.00")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Admission Date: [**2101**] Discharge Date: DATE OF BIRTH: sex: SERVICE:", False),
        ("Admission Date: M F", False),
        ("[**Hospital 12**] 500 x 7", False),
        ("Dictated By: Dr. Jones, M.D.", False),
        ("ok Dictated By: Dr. Jones, M.D.", True),
        ("Service: MEDICINE", True),
        ("completed by: x\nwords on the next line", True),
    ],
)
def test_what_is_left_beside_headings_marks_and_signatures(text, says):
    assert says_something(text) == says


@settings(deadline=None)  # the first call makes a table of all characters
@given(st.text(alphabet="a1²_é .-", max_size=12))
def test_words_are_counted_as_the_tokeniser_cuts_them(text):
    assert has_one_word_or_none(text) == (len(tokenize(text)) < 2)


def test_gzip_crlf_and_a_second_pass_make_no_difference(folder, tmp_path_factory):
    other = write(tmp_path_factory.mktemp("other"))
    for path in sorted(other.iterdir()):
        data = path.read_bytes().replace(b"\n", b"\r\n")
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data))
        path.unlink()
    plain, packed = extract(folder, dev_lines=1), extract(other, dev_lines=1)
    assert packed.counts == plain.counts
    assert packed.splits.equals(plain.splits)
    for name in ("notes", "codes", "titles"):
        first = getattr(plain, name).read()
        assert getattr(packed, name).read().equals(first)
        assert getattr(plain, name).read().equals(first)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_index_files_and_titles_changes_nothing(folder, tmp_path_factory, seed):
    dice = random.Random(seed)
    train, test = (dice.sample(rows, len(rows)) for rows in (TRAIN, TEST))
    other = write(tmp_path_factory.mktemp("other"), train=train, test=test)
    assert extract(other, dev_lines=1).splits.equals(extract(folder, dev_lines=1).splits)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"lines": [*LINES, "8|80|cut\n"]}, "row 10: 3 fields where there are 7"),
        ({"lines": [*LINES, line("x", 80, "", '"some text"')]}, "row 10, field 1, the patient"),
        ({"lines": [*LINES, line(8, "", "", '"some text"')]}, "row 10, field 2, the admission"),
        (
            {"lines": [line(8, 80, "389", '"two words"'), line(8, 81, "I10", '"two words"')]},
            "row 3",
        ),
        (
            {"lines": [line(8, 80, "38.9", '"two words"')]},
            "row 2, field 6, the codes: not a dotted",
        ),
        ({"lines": [line(8, 80, "0389", '"two words"')]}, "not a dotted ICD-9 diagnosis"),
        ({"train": [0, 1], "test": [99]}, "1 numbers of the index files are beyond the 7 lines"),
        ({"train": [0, 0]}, "training_indices.data, line 2: the number stands in an earlier line"),
        ({"test": [0]}, "testing_indices.data, line 1: the number stands in an earlier line"),
        ({"test": ["5,6"]}, "testing_indices.data, line 1: not a whole number"),
        ({"header": ""}, "row 1: no header"),
        ({"mapping": "ID,CODE\n"}, "MIMIC_ICD9_mapping, row 1: 2 fields, the title is the third"),
    ],
)
def test_what_cannot_be_right_is_refused_with_file_and_row(tmp_path, changed, said):
    assert said in refused(write(tmp_path, **{"train": [0], "test": [1]} | changed))


def test_a_dev_set_as_large_as_training_is_refused(folder):
    assert "1141 dev lines leave none of 3 for training" in refused(folder, dev_lines=1_141)


@pytest.mark.parametrize(
    "name",
    ["MIMIC_RAW_DSUMS", "MIMIC_ICD9_mapping", "training_indices.data", "testing_indices.data"],
)
def test_a_missing_file_is_named_with_where_to_get_it(folder, name):
    (folder / name).unlink()
    assert re.search(rf"holds neither {name} nor {name}.gz; docs/data.md", refused(folder))


def test_a_cut_gzip_is_refused(folder):
    path = folder / "MIMIC_RAW_DSUMS"
    (folder / "MIMIC_RAW_DSUMS.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    path.unlink()
    assert "MIMIC_RAW_DSUMS.gz: the compressed file is cut off" in refused(folder)


def test_a_patient_in_two_splits_is_counted_since_the_split_is_published(folder, caplog):
    assert extract(folder, dev_lines=1).counts["patients_in_two_splits"] == 1
    assert "1 patients in two splits" in caplog.text


def test_no_log_line_holds_a_word_of_a_note(folder, caplog):
    caplog.set_level(logging.DEBUG)
    assert extract(folder, dev_lines=1).notes.read()["text"].type == pa.string()
    assert SECRET not in caplog.text
