"""From PhysioNet's files to notes, codes and titles: every row, in order, or why not."""

import csv
import gzip
import logging
import os
import tracemalloc

import numpy as np
import pyarrow as pa
import pytest

from isd_pipeline.data.io.tables import write_parquet
from isd_pipeline.data.sources.mimic3 import carevue_patients, extract
from isd_pipeline.data.sources.selection import only_patients, only_systems

SECRET = "ZZCANARY"
NOTE_HEADER = [
    "ROW_ID",
    "SUBJECT_ID",
    "HADM_ID",
    "CHARTDATE",
    "CHARTTIME",
    "STORETIME",
    "CATEGORY",
    "DESCRIPTION",
    "CGID",
    "ISERROR",
    "TEXT",
]
CODE_HEADER = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE"]
TITLE_HEADER = ["ROW_ID", "ICD9_CODE", "SHORT_TITLE", "LONG_TITLE"]
NOTES = [  # ROW_ID, SUBJECT_ID, HADM_ID, CATEGORY, DESCRIPTION, TEXT
    (1, 20, 200, "Discharge summary", "Addendum", 'He said ""no"".\nTwo lines.'),
    (2, 9, 300, "Discharge summary", "Report", f"{SECRET} first patient"),
    (3, 20, "", "Nursing/other", "Report", "other category"),
    (4, 20, 200, "Discharge summary", "Report", ""),
    (5, 20, 100, "Discharge summary", "Report", "earlier admission"),
    (6, 9, 300, "Discharge summary ", "Report", "a trailing space is another category"),
]
DIAGNOSES = [
    (1, 20, 200, 1, "0389"),
    (2, 9, 300, 1, "V3001"),
    (3, 20, 200, 2, ""),
    (4, 9, 300, 2, "E8788"),
]
PROCEDURES = [(1, 20, 200, 1, "0331"), (2, 20, 200, 2, "0066"), (3, 9, 300, 1, "966")]
D_DIAGNOSES = [
    (1, "0389", "short", "Septicemia"),
    (2, "V3001", "short", ""),
    (3, "0389", "s", "Other"),
]
D_PROCEDURES = [(1, "0331", "tap", "Spinal tap"), (2, "0066", "ptca", "Angioplasty")]


def note(row, subject, admission, category, description, text):
    return [row, subject, admission, "2101-01-01", "", "", category, description, "", "", text]


def write(folder, name, header, rows, *, end="\n"):
    with (folder / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator=end)
        writer.writerow(header)
        writer.writerows(rows)


@pytest.fixture
def hospital(tmp_path):
    folder = tmp_path / "mimic"
    folder.mkdir()
    write(folder, "NOTEEVENTS", NOTE_HEADER, [note(*row) for row in NOTES])
    write(folder, "DIAGNOSES_ICD", CODE_HEADER, DIAGNOSES)
    write(folder, "PROCEDURES_ICD", CODE_HEADER, PROCEDURES)
    write(folder, "D_ICD_DIAGNOSES", TITLE_HEADER, D_DIAGNOSES)
    write(folder, "D_ICD_PROCEDURES", TITLE_HEADER, D_PROCEDURES)
    return folder


def refused(folder):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        extract(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert SECRET not in message
    return message


def test_summaries_come_by_patient_and_admission_as_numbers_and_then_as_in_the_file(hospital):
    notes = extract(hospital).notes.read().to_pylist()

    assert [(n["patient_id"], n["document_id"], n["note_id"]) for n in notes] == [
        ("9", "300", "2"),
        ("20", "100", "5"),
        ("20", "200", "1"),
        ("20", "200", "4"),
    ]
    assert notes[2]["text"] == 'He said ""no"".\nTwo lines.'
    assert notes[3]["text"] == ""


def test_codes_are_all_rows_of_diagnoses_then_of_procedures_with_their_zeros(hospital):
    codes = extract(hospital).codes.read().to_pylist()
    assert [(c["document_id"], c["system"], c["code"]) for c in codes] == [
        ("200", "diagnosis", "0389"),
        ("300", "diagnosis", "V3001"),
        ("200", "diagnosis", None),
        ("300", "diagnosis", "E8788"),
        ("200", "procedure", "0331"),
        ("200", "procedure", "0066"),
        ("300", "procedure", "966"),
    ]


def test_titles_are_dotted_and_the_first_of_two_wins(hospital):
    extraction = extract(hospital)
    assert extraction.titles.read().to_pylist() == [
        {"code": "038.9", "system": "diagnosis", "title": "Septicemia"},
        {"code": "V30.01", "system": "diagnosis", "title": "short"},
        {"code": "03.31", "system": "procedure", "title": "Spinal tap"},
        {"code": "00.66", "system": "procedure", "title": "Angioplasty"},
    ]
    assert extraction.counts["repeated_titles"] == 1


def test_counts_are_complete_when_the_tables_are_handed_over(hospital):
    counts = extract(hospital).counts
    assert counts["note_records"] == 6
    assert (counts["summaries"], counts["reports"], counts["addenda"]) == (4, 3, 1)
    assert counts["admissions_with_summary"] == 3
    assert counts["admissions_with_code_rows"] == 2
    assert counts["diagnosis_rows_without_code"] == 1


def test_gzip_lower_case_names_and_crlf_make_no_difference(hospital, tmp_path):
    plain = extract(hospital)
    other = tmp_path / "other"
    other.mkdir()
    header = [name.lower() for name in NOTE_HEADER]
    write(other, "NOTEEVENTS", header, [note(*n) for n in NOTES], end="\r\n")
    for path in hospital.glob("*ICD*.csv"):
        (other / f"{path.stem.lower()}.csv.gz").write_bytes(gzip.compress(path.read_bytes()))

    again = extract(other)
    for name in ("notes", "codes", "titles"):
        assert getattr(again, name).read().equals(getattr(plain, name).read())
    assert again.counts == plain.counts


def test_any_order_of_the_file_gives_the_same_order_of_notes(hospital):
    draw = np.random.default_rng(0)
    rows = [
        (n, int(draw.integers(1, 150)), 0, "Discharge summary", "Report", f"note {n}")
        for n in range(3_000)
    ]
    rows = [(n, p, p * 10 + n % 2, *rest) for n, p, _, *rest in rows]
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [note(*row) for row in rows])
    expected = [str(row[0]) for row in sorted(rows, key=lambda row: (row[1], row[2]))]

    assert extract(hospital).notes.read()["note_id"].to_pylist() == expected


def test_a_table_of_notes_without_a_row_gives_no_notes(hospital):
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [])
    extraction = extract(hospital)
    assert extraction.notes.read().num_rows == 0
    assert extraction.counts["note_records"] == 0


def test_other_categories_only_are_worth_a_warning(hospital, caplog):
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [note(*NOTES[2])])
    assert extract(hospital).notes.read().num_rows == 0
    assert "none of 1 records has CATEGORY" in caplog.text


def test_repeated_row_ids_are_kept_and_counted(hospital, caplog):
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [note(*NOTES[0]), note(*NOTES[0])])
    extraction = extract(hospital)
    assert extraction.notes.read().num_rows == 2
    assert extraction.counts["repeated_note_ids"] == 1
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (2, "", "row 3, column HADM_ID: empty"),
        (2, r"\N", "row 3, column HADM_ID: empty"),
        (2, "nan", "row 3, column HADM_ID: empty"),
        (2, "300.0", "row 3, column HADM_ID: not a whole number"),
        (1, "x", "row 3, column SUBJECT_ID: not a whole number"),
    ],
)
def test_a_summary_of_no_admission_is_refused(hospital, column, value, said):
    rows = [note(*row) for row in NOTES]
    rows[1][column] = value
    write(hospital, "NOTEEVENTS", NOTE_HEADER, rows)
    assert said in refused(hospital)


@pytest.mark.parametrize(
    ("at", "column"), [(1, "SUBJECT_ID"), (2, "HADM_ID"), (3, "CATEGORY"), (4, "DESCRIPTION")]
)
def test_a_nul_byte_is_told_at_its_row_and_not_as_a_note_that_is_missing(hospital, at, column):
    rows = [list(one) for one in NOTES]
    rows[4][at] = f"{rows[4][at]}\0"
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [note(*row) for row in rows])
    said = refused(hospital)
    assert "NOTEEVENTS.csv, row 6, column " + column in said
    assert "NUL" in said or column.endswith("_ID")


def test_an_admission_of_two_patients_is_refused_in_each_table(hospital):
    stranger = note(7, 8, 100, *NOTES[0][3:])
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [*(note(*n) for n in NOTES), stranger])
    assert "NOTEEVENTS.csv, row" in (said := refused(hospital))
    assert "another patient" in said
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [note(*n) for n in NOTES])
    write(hospital, "PROCEDURES_ICD", CODE_HEADER, [*PROCEDURES, (4, 8, 300, 2, "0331")])
    assert "PROCEDURES_ICD" in refused(hospital)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("66.0", "a decimal number such as 66.0"),
        ("4019.0", "a decimal number such as 66.0"),
        ("038.9", "a dotted code"),
        ("v3001", "lower case"),
        ("I10", "is it ICD-10"),
    ],
)
def test_what_is_no_undotted_icd9_code_is_refused_with_row_and_count(hospital, code, said):
    write(hospital, "DIAGNOSES_ICD", CODE_HEADER, [*DIAGNOSES, (5, 9, 300, 3, code)])
    message = refused(hospital)
    assert said in message
    assert "DIAGNOSES_ICD.csv, row 6, column ICD9_CODE" in message
    assert "(1 of 5 rows)" in message


@pytest.mark.parametrize("word", ["NULL", "nan", r"\N", "<NA>", "#N/A"])
def test_a_missing_code_text_or_title_of_another_export_is_missing_and_counted(
    hospital, word, caplog
):
    write(hospital, "DIAGNOSES_ICD", CODE_HEADER, [*DIAGNOSES, (9, 20, 200, 3, word)])
    write(hospital, "D_ICD_DIAGNOSES", TITLE_HEADER, [(1, "0389", "Sepsis", word)])
    rows = [(*row[:-1], word if row[0] == 4 else row[-1]) for row in NOTES]
    write(hospital, "NOTEEVENTS", NOTE_HEADER, [note(*row) for row in rows])
    found = extract(hospital)
    assert found.counts["diagnosis_rows_without_code"] == 2
    assert found.notes.read()["text"].to_pylist()[3] == ""
    assert found.titles.read()["title"].to_pylist()[0] == "Sepsis"
    assert "column ICD9_CODE: 1 cells hold a word for a missing value" in caplog.text
    assert "column TEXT: 1 cells hold a word for a missing value" in caplog.text


def test_spaces_around_a_code_are_no_part_of_it(hospital):
    write(hospital, "DIAGNOSES_ICD", CODE_HEADER, [(1, 20, 200, 1, " 0389 "), (2, 9, 300, 1, "  ")])
    assert extract(hospital).codes.read()["code"].to_pylist()[:2] == ["0389", None]


@pytest.mark.parametrize("name", ["DIAGNOSES_ICD", "PROCEDURES_ICD"])
@pytest.mark.parametrize("codes", [["66", "331"], ["7"], ["9", "4019"]])
def test_codes_that_were_once_integers_are_refused(hospital, name, codes):
    """Short ones, or ones that the dictionary has with a zero before them."""
    write(hospital, name, CODE_HEADER, [(n, 20, 200, n, c) for n, c in enumerate(codes)])
    assert "none of" in (said := refused(hospital))
    assert name in said


def test_a_long_table_without_any_leading_zero_is_refused_even_if_no_code_is_short(hospital):
    rows = [(n, 20, 200, n, "4019") for n in range(500)]
    write(hospital, "DIAGNOSES_ICD", CODE_HEADER, rows)
    assert "none of 500 codes begins with 0" in refused(hospital)
    write(hospital, "DIAGNOSES_ICD", CODE_HEADER, rows[:499])
    assert extract(hospital).counts["diagnosis_rows"] == 499


def test_a_missing_table_is_named(hospital):
    os.remove(hospital / "PROCEDURES_ICD.csv")
    assert "neither PROCEDURES_ICD.csv nor PROCEDURES_ICD.csv.gz" in refused(hospital)


def test_notes_that_fail_leave_no_file(hospital, tmp_path):
    with (hospital / "NOTEEVENTS.csv").open("a", encoding="utf-8") as file:
        file.write(f'9,9,300,,,,"Discharge summary","Report",,,"{SECRET} is cut')
    out = tmp_path / "out"
    with pytest.raises(ValueError, match="ends inside a quoted cell"):
        write_parquet(extract(hospital, scratch=tmp_path).notes, out / "notes.parquet")
    assert not out.exists()
    assert os.listdir(tmp_path) == ["mimic"]


def test_no_log_line_holds_a_word_of_a_note(hospital, caplog):
    caplog.set_level(logging.DEBUG)
    extract(hospital).notes.read()
    assert SECRET not in caplog.text


def test_memory_does_not_grow_with_the_file(hospital, monkeypatch):
    """Arrow's own peak stays near the size of a block, ten times over."""
    monkeypatch.setattr("isd_pipeline.data.io.delimited.BLOCK", 1 << 20)
    words = "word " * 2_000
    peaks = []
    for size in (1_200, 12_000):
        rows = (note(n, n, n, "Discharge summary", "Report", words) for n in range(size, 0, -1))
        write(hospital, "NOTEEVENTS", NOTE_HEADER, rows)
        tracemalloc.start()
        before = pa.total_allocated_bytes()
        peak = 0
        for batch in extract(hospital).notes:
            peak = max(peak, pa.total_allocated_bytes() - before)
            del batch
        peaks.append(peak + tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + (45 << 20)  # the file grew by 108 MB


# The patients of MIMIC-II's years

STAY_HEADER = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "ICUSTAY_ID", "DBSOURCE"]
STAYS = [  # a patient is CareVue's whose every stay is
    (1, 20, 200, 1, "carevue"),
    (2, 20, 100, 2, "carevue"),
    (3, 9, 300, 3, "carevue"),
    (4, 9, 300, 4, "metavision"),
    (5, 7, 400, 5, "both"),
]


def test_carevues_patients_are_those_charted_nowhere_else(hospital, caplog):
    write(hospital, "ICUSTAYS", STAY_HEADER, STAYS)
    patients, counts = carevue_patients(hospital)
    assert patients == {20}
    assert counts == {"carevue_patients": 1, "other_patients": 2}
    assert "a proxy of MIMIC-II" in caplog.text
    write(hospital, "ICUSTAYS", STAY_HEADER, STAYS[::-1])
    assert carevue_patients(hospital) == (patients, counts)


def test_some_patients_keep_their_notes_and_codes_and_the_files_counts(hospital):
    whole = extract(hospital)
    some = only_systems(only_patients(whole, {20}, {"carevue_patients": 1}), ("diagnosis",))
    assert set(some.notes.read()["patient_id"].to_pylist()) == {"20"}
    assert some.codes.read()["code"].to_pylist() == ["0389", None]
    assert some.counts == whole.counts | {"carevue_patients": 1}


def test_icu_stays_that_are_missing_or_of_another_data_set_are_refused(hospital):
    with pytest.raises(
        FileNotFoundError, match=r"neither ICUSTAYS\.csv nor ICUSTAYS\.csv\.gz; doc"
    ):
        carevue_patients(hospital)
    write(hospital, "ICUSTAYS", STAY_HEADER, [(1, 20, 200, 1, "x")])
    with pytest.raises(ValueError, match="column DBSOURCE: no patient is 'carevue'"):
        carevue_patients(hospital)
