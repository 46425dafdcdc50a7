"""From MIMIC-IV's files to the notes, codes and titles of one ICD revision, or why not."""

import csv
import gzip
import random

import pytest

from isd_pipeline.data.sources.mimic4 import extract

SECRET = "ZZCANARY"
NOTE = [
    "note_id",
    "subject_id",
    "hadm_id",
    "note_type",
    "note_seq",
    "charttime",
    "storetime",
    "text",
]
DIAGNOSIS = ["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]
PROCEDURE = ["subject_id", "hadm_id", "seq_num", "chartdate", "icd_code", "icd_version"]
TITLE = ["icd_code", "icd_version", "long_title"]


def note(subject, admission, number, text):
    return [f"{subject}-DS-{number}", subject, admission, "DS", number, "2150-01-01", "", text]


NOTES = [
    note(20, 200, 4, "later summary ___"),
    note(9, 300, 7, f"{SECRET} first patient,\nsecond line"),
    note(20, 200, 2, "first summary"),
    note(20, 200, 3, "first summary"),  # repeated
    note(20, 100, 1, "earlier admission"),
    note(30, 400, 1, ""),
    note(30, "", 2, "of no admission"),
]
DIAGNOSES = [
    (20, 200, 2, "I10    ", 10),
    (20, 200, 1, "E1165", 10),
    (20, 200, 3, "", 10),
    (9, 300, 1, "0389   ", 9),
    (9, 300, 2, "V3001", 9),
    (20, 100, 1, "V4501", 9),
    (20, 100, 2, "V4501", 10),  # the same label in both revisions
    (20, 100, 3, "I10", 10),
]
PROCEDURES = [
    (20, 200, 1, "2150-01-01", "0DB78ZX", 10),
    (9, 300, 1, "2150-01-01", "0331", 9),
]
D_DIAGNOSES = [
    ("I10", 10, "Essential hypertension"),
    ("0389 ", 9, "Septicemia"),
    ("V4501", 9, "Pacemaker in situ"),
    ("V4501", 10, "Driver of a car"),
]
D_PROCEDURES = [("0DB78ZX", 10, "Excision of stomach"), ("0331", 9, "Spinal tap")]
TABLES = {
    "note/discharge": (NOTE, NOTES),
    "hosp/diagnoses_icd": (DIAGNOSIS, DIAGNOSES),
    "hosp/procedures_icd": (PROCEDURE, PROCEDURES),
    "hosp/d_icd_diagnoses": (TITLE, D_DIAGNOSES),
    "hosp/d_icd_procedures": (TITLE, D_PROCEDURES),
}


def write(folder, name, rows=None, *, header=None, end="\n", compressed=True):
    columns, usual = TABLES[name]
    path = folder / f"{name}.csv{'.gz' if compressed else ''}"
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = gzip.open if compressed else open
    with opened(path, "wt", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator=end)
        writer.writerows([header or columns, *(usual if rows is None else rows)])


@pytest.fixture
def hospital(tmp_path):
    for name in TABLES:
        write(tmp_path, name)
    return tmp_path


def read(folder, revision="icd10", **options):
    found = extract(folder, revision=revision, **options)
    return [getattr(found, name).read().to_pylist() for name in ("notes", "codes", "titles")]


def coded(folder, revision="icd10", **options):
    rows = read(folder, revision, **options)[1]
    return [(row["document_id"], row["system"], row["code"]) for row in rows]


def refused(folder):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        extract(folder, revision="icd10").notes.read()
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


def test_a_summary_is_a_document_and_a_second_different_one_of_its_admission_has_its_own_name(
    hospital, caplog
):
    notes = read(hospital)[0]
    assert [(n["document_id"], n["patient_id"], n["note_id"]) for n in notes] == [
        ("300", "9", "9-DS-7"),
        ("100", "20", "20-DS-1"),
        ("200", "20", "20-DS-2"),
        ("200-2", "20", "20-DS-4"),
    ]
    assert notes[0]["text"] == f"{SECRET} first patient,\nsecond line"
    counts = extract(hospital, revision="icd10").counts
    assert counts["note_records"] == 7
    assert (counts["notes_without_text"], counts["notes_without_admission"]) == (1, 1)
    assert (counts["repeated_notes"], counts["admissions_with_several_notes"]) == (1, 1)
    assert "1 admissions have several different summaries" in caplog.text
    assert SECRET not in caplog.text


def test_codes_are_of_one_revision_without_blanks_and_go_with_each_note_of_the_admission(hospital):
    both = [("diagnosis", "E1165"), ("diagnosis", "I10"), ("diagnosis", None)]
    whole = [*both, ("procedure", "0DB78ZX")]
    assert coded(hospital) == [
        ("100", "diagnosis", "V4501"),
        ("100", "diagnosis", "I10"),
        *(("200", *code) for code in whole),
        *(("200-2", *code) for code in whole),
    ]
    assert coded(hospital, "icd9") == [
        ("100", "diagnosis", "V4501"),
        ("300", "diagnosis", "0389"),
        ("300", "diagnosis", "V3001"),
        ("300", "procedure", "0331"),
    ]


@pytest.mark.parametrize("word", ["NULL", "nan", r"\N", "<NA>", "None"])
def test_a_word_for_a_missing_text_admission_or_code_is_counted_as_missing(hospital, word, caplog):
    write(hospital, "note/discharge", [note(40, 500, 1, word), note(40, word, 2, "x"), *NOTES])
    write(hospital, "hosp/diagnoses_icd", [*DIAGNOSES, (20, 200, 4, word, 10)])
    found = extract(hospital, revision="icd10")
    assert found.counts["notes_without_text"] == 2
    assert found.counts["notes_without_admission"] == 2
    assert found.counts["diagnosis_rows_without_code"] == 2
    assert "column hadm_id: 1 cells hold a word for a missing value" in caplog.text


def test_edin_et_al_give_a_label_of_both_revisions_to_the_earlier_row_alone(hospital):
    assert ("100", "diagnosis", "V4501") not in coded(hospital, label_space="edin")
    assert ("100", "diagnosis", "V4501") in coded(hospital, "icd9", label_space="edin")
    counts = extract(hospital, revision="icd10", label_space="edin").counts
    assert counts["diagnosis_codes_of_both_revisions"] == 1
    assert (counts["diagnosis_rows"], counts["diagnosis_rows_icd10"]) == (8, 5)


def test_a_title_is_that_of_the_revision(hospital):
    titles = {row["code"]: row["title"] for row in read(hospital)[2]}
    assert titles == {
        "I10": "Essential hypertension",
        "V45.01": "Driver of a car",
        "0DB78ZX": "Excision of stomach",
    }
    titles = {row["code"]: row["title"] for row in read(hospital, "icd9")[2]}
    assert titles == {
        "038.9": "Septicemia",
        "V45.01": "Pacemaker in situ",
        "03.31": "Spinal tap",
    }


def test_plain_files_in_one_folder_upper_case_names_and_crlf_make_no_difference(
    hospital, tmp_path_factory
):
    flat = tmp_path_factory.mktemp("flat")
    for name, (header, rows) in TABLES.items():
        upper = [column.upper() for column in header]
        write(flat, name, rows, header=upper, end="\r\n", compressed=False)
        (flat / f"{name}.csv").rename(flat / f"{name.split('/')[1].upper()}.csv")
    for folder in ("note", "hosp"):
        (flat / folder).rmdir()
    notes, *rest = read(flat)
    assert [{**row, "text": row["text"].replace("\r", "")} for row in notes] == read(hospital)[0]
    assert rest == read(hospital)[1:]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_rows_changes_nothing(hospital, tmp_path_factory, seed):
    other = tmp_path_factory.mktemp("other")
    for name, (_, rows) in TABLES.items():
        write(other, name, random.Random(seed).sample(rows, len(rows)))
    for space in ("clean", "edin"):
        for revision in ("icd9", "icd10"):
            assert read(other, revision, label_space=space) == read(
                hospital, revision, label_space=space
            )


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("diagnoses_icd", (9, 300, 9, "I10", 9), "row 10, column icd_code: not an ICD-9 code"),
        ("diagnoses_icd", (9, 300, 9, "0389", 10), "row 10, column icd_code: not an ICD-10 code"),
        ("diagnoses_icd", (9, 300, 9, "i10", 10), "lower case"),
        ("diagnoses_icd", (9, 300, 9, "I10.0", 10), "a dotted code"),
        ("diagnoses_icd", (9, 300, 9, "401.0", 9), "a decimal number"),
        ("diagnoses_icd", (9, 300, 9, "I10", 11), "row 10, column icd_version: neither 9 nor 10"),
        ("diagnoses_icd", (9, 300, 9, "I10", ""), "row 10, column icd_version: empty"),
        ("diagnoses_icd", (8, 300, 9, "I10", 10), "column subject_id: an admission has another"),
    ],
)
def test_what_cannot_be_right_is_refused_with_file_row_and_column(hospital, table, row, said):
    write(hospital, f"hosp/{table}", [*DIAGNOSES, row])
    assert said in (message := refused(hospital))
    assert f"{table}.csv.gz" in message


def test_procedures_that_lost_their_zeros_are_refused(hospital):
    rows = [*PROCEDURES, (9, 300, 2, "2150-01-01", "DB78ZX", 10)]
    write(hospital, "hosp/procedures_icd", rows)
    assert "shorter than the 7 characters of ICD-10-PCS" in refused(hospital)
    rows = [(9, 300, 2, "2150-01-01", "7", 9)]
    write(hospital, "hosp/procedures_icd", rows)
    assert "none of 1 codes begins with 0" in refused(hospital)


def test_a_table_in_two_places_is_refused_and_none_is_chosen(hospital):
    (hospital / "discharge.csv").write_bytes(b"note_id\n")
    assert "holds discharge.csv and has note/ for it; one may be a part" in refused(hospital)


@pytest.mark.parametrize("name", list(TABLES))
def test_a_missing_table_is_named_with_where_to_get_it(hospital, name):
    (hospital / f"{name}.csv.gz").unlink()
    table = name.split("/")[1]
    assert f"holds neither {table}.csv nor {table}.csv.gz; docs/data.md" in refused(hospital)


def test_an_admission_of_two_patients_is_refused_in_the_notes(hospital):
    write(hospital, "note/discharge", [*NOTES, note(8, 300, 1, "text")])
    assert "discharge.csv.gz, row 3, column subject_id: an admission has another" in refused(
        hospital
    )
