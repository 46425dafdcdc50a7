"""A user's own files: what is read, in which order, and the one line for each thing gone wrong."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import csv

from isd_pipeline.data.codes import icd
from isd_pipeline.data.custom.example import WRITERS, example, write_example
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.custom.source import extract, read_own
from isd_pipeline.data.io.missing import is_missing
from isd_pipeline.data.io.tables import SPLITS
from isd_pipeline.data.quality.findings import Findings
from isd_pipeline.data.sources import codiesp, mimic3
from isd_pipeline.synthetic import HospitalSettings, write_hospital
from isd_pipeline.text.tokens import tokenize, tokenize_notes

SECRET = "ZZCANARY"
NOTES = f"""id,text,patient,date
7,"He said ""no"",
and {SECRET} left",p1,2031-02-01
12,Fever,p2,
7,Earlier note,p1,2031-01-01
"""
CODES = "id,code\n7,E11.9\n12,i10\n7, e119 \n7,J189\n"


def files(folder, notes=NOTES, codes=CODES, **others):
    named = {"notes.csv": notes, "codes.csv": codes, **others}
    for name, content in named.items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (folder / name).write_bytes(data)
    return folder


def read(folder, **layout):
    found = extract(folder, CustomLayout(**layout))
    notes = [tuple(row.values()) for row in found.notes.read().to_pylist()]
    codes = [tuple(row.values()) for row in found.codes.read().to_pylist()]
    return found, notes, codes


def findings_of(folder, **layout):
    found = Findings()
    read_own(folder, CustomLayout(**layout), found)
    return found


def refused(folder, **layout):
    with pytest.raises((ValueError, OSError)) as caught:
        read(folder, **layout)
    told = str(caught.value)
    assert "\n" not in told
    assert SECRET not in told
    return told


def test_notes_of_an_id_come_by_date_and_codes_once_written_one_way(tmp_path):
    found, notes, codes = read(files(tmp_path))
    assert notes == [
        ("7", "p1", "7/1", "Earlier note"),
        ("7", "p1", "7/2", f'He said "no",\nand {SECRET} left'),
        ("12", "p2", "12", "Fever"),
    ]
    assert codes == [
        ("7", "p1", "diagnosis", "E11.9"),
        ("7", "p1", "diagnosis", "E11.9"),
        ("7", "p1", "diagnosis", "J18.9"),
        ("12", "p2", "diagnosis", "I10"),
    ]
    titles = {row["code"]: row["title"] for row in found.titles.read().to_pylist()}
    assert titles["J18.9"] == "Pneumonia, unspecified organism"
    assert found.splits is None
    assert found.counts["documents"] == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace(",", ";").replace('"";', '"",'),
        lambda text: text.replace(",", "\t"),
        lambda text: text.upper().replace("ID,TEXT", " Id ,Text", 1),
    ],
)
def test_line_ends_byte_order_marks_and_separators_change_no_note(tmp_path, change):
    codes = "id,code\n7,E11.9\n12,I10\n"
    _, notes, rows = read(files(tmp_path, change(NOTES), change(codes)))
    assert [note[0] for note in notes] == ["7", "7", "12"]
    assert len(rows) == 2
    assert notes[2][3].lower() == "fever"


def test_csv_jsonl_and_parquet_of_the_same_rows_are_read_alike(tmp_path):
    read_as = {}
    for form in ("csv", "jsonl", "parquet"):
        write_example(tmp_path / form, form, documents=30)
        _, *read_as[form] = read(tmp_path / form)
    assert read_as["csv"] == read_as["jsonl"] == read_as["parquet"]
    assert len(read_as["csv"][0]) >= 30


def test_parquet_may_hold_dictionaries_large_strings_whole_ids_dates_and_lists(tmp_path):
    table = pa.table(
        {
            "id": pa.array([2, 1], pa.int64()),
            "text": pa.array(["zwei", None], pa.large_string()),
            "patient": pa.array(["b", "a"]).dictionary_encode(),
            "date": pa.array([86_400, 0], pa.timestamp("s")),
            "codes": pa.array([["E11.9", None], []], pa.list_(pa.large_string())),
        }
    )
    pq.write_table(table, tmp_path / "notes.parquet")
    found, notes, codes = read(tmp_path)
    assert notes == [("1", "a", "1", ""), ("2", "b", "2", "zwei")]
    assert [code[3] for code in codes] == ["E11.9", None]
    assert found.counts["empty_notes"] == 1
    assert found.counts["documents_without_codes"] == 1


@pytest.mark.parametrize(
    "cell", ['["E11.9", "I10"]', "['E11.9', 'I10']", "E11.9; I10;", " i10 ;e119"]
)
def test_codes_may_stand_in_a_column_of_the_notes(tmp_path, cell):
    escaped = cell.replace('"', '""')
    notes = f'visit,body,dx\nA,Text,"{escaped}"\n'
    columns = {"id": "visit", "text": "body", "codes": "dx"}
    _, _, codes = read(files(tmp_path, notes, None), columns=columns)
    assert [code[3] for code in codes] == ["E11.9", "I10"]


def test_a_list_as_numpy_prints_it_is_not_read_as_one_long_code(tmp_path):
    table = "code,title\nab,both\n"
    folder = files(tmp_path, "id,text,codes\n7,x,['a' 'b']\n", None, **{"own.csv": table})
    assert "row 2, column codes: no list" in refused(folder, system="local", table="own.csv")


def test_a_column_of_codes_beside_a_file_of_codes_is_not_read_and_that_is_said(tmp_path, caplog):
    _, _, codes = read(files(tmp_path, "id,text,codes\n7,x,J18.9\n", "id,code\n7,I10\n"))
    assert [code[3] for code in codes] == ["I10"]
    assert "column codes: not read, for there is codes.csv too" in caplog.text


def test_names_of_columns_may_be_numbers(tmp_path):
    _, notes, _ = read(files(tmp_path, "id,text,2019,\n7,x,1,\n", "id,code\n7,I10\n"))
    assert notes == [("7", "7", "7", "x")]


def test_codes_may_stand_in_several_columns_or_in_rows_that_repeat_the_text(tmp_path):
    notes = "id,text,dx1,dx2\nA,Text,E11.9,I10\nA,Text,J18.9,\n"
    found, read_notes, codes = read(files(tmp_path, notes, None), columns={"codes": ["dx1", "dx2"]})
    assert len(read_notes) == 1
    assert found.counts["repeated_notes"] == 1
    assert [code[3] for code in codes] == ["E11.9", "I10", "J18.9"]


def test_a_table_of_ones_own_gives_system_and_titles(tmp_path):
    table = "code,title,parent\nk1,Herz,k\nk,Kreislauf,\nk2,,k\n"
    folder = files(tmp_path, codes="id,code\n7,k1\n12,k2\n7,k9\n", **{"own.csv": table})
    found, _, codes = read(folder, system="local", table="own.csv")
    assert [code[3] for code in codes] == ["k1", "k9", "k2"]
    titles = [(row["code"], row["title"], row["parent"]) for row in found.titles.read().to_pylist()]
    assert titles == [
        ("k", "Kreislauf", ""),
        ("k1", "Herz", "k"),
        ("k2", "Kreislauf", "k"),
        ("k9", None, ""),
    ]


def test_codes_of_icd_beside_ones_own_have_no_parent_of_ours(tmp_path):
    table = "code,title,parent\nk1,Herz,k\nk,Kreislauf,\n"
    codes = "id,code,system\n7,k1,local\n12,0DQB0ZZ,icd10pcs\n"
    found, *_ = read(
        files(tmp_path, codes=codes, **{"own.csv": table}), system="local", table="own.csv"
    )
    rows = {row["code"]: row["parent"] for row in found.titles.read().to_pylist()}
    assert rows == {"0DQB0ZZ": None, "k": "", "k1": "k"}


@pytest.mark.parametrize("rows", ["k1,,k1\n", "x,,\nk1,,k2\nk2,,k3\nk3,,k1\n"])
def test_parents_that_lead_round_are_refused_with_their_row(tmp_path, rows):
    folder = files(tmp_path, codes="id,code\n7,k1\n", **{"own.csv": f"code,title,parent\n{rows}"})
    told = refused(folder, system="local", table="own.csv")
    row = 2 if rows.startswith("k1") else 3
    assert f"own.csv, row {row}, column parent: a code that stands above itself" in told
    assert "correct it; the topmost has no parent" in told


def test_a_parent_without_a_row_is_told_of_and_stands_above_all_the_same(tmp_path, caplog):
    table = "code,title,Parent\nk1,Herz,k\nk2,Blut,k\n"
    folder = files(tmp_path, codes="id,code\n7,k1\n", **{"own.csv": table})
    found, *_ = read(folder, system="local", table="own.csv")
    assert (
        "own.csv, row 2, column Parent: a parent that has no row (2 times); give it" in caplog.text
    )
    rows = {row["code"]: row["parent"] for row in found.titles.read().to_pylist()}
    assert rows == {"k": "", "k1": "k"}


def test_parents_of_an_official_system_are_found_however_they_are_written(tmp_path):
    table = "code,title,parent\nE11.9,,e11\nE11,Diabetes Typ 2,\n"
    folder = files(tmp_path, codes="id,code\n7,E119\n", **{"own.csv": table})
    found, *_ = read(folder, table="own.csv")
    assert found.titles.read().to_pylist() == [
        {"code": "E11.9", "system": "diagnosis", "title": "Diabetes Typ 2", "of": "E11"}
    ]


def test_each_row_may_say_its_system(tmp_path):
    codes = "id,code,system\n7,E11.9,ICD-10-CM\n7,0DQB0ZZ,proc\n12,I10,\n"
    _, _, rows = read(files(tmp_path, codes=codes), systems={"proc": "icd10pcs"})
    assert {(row[2], row[3]) for row in rows} == {
        ("diagnosis", "E11.9"),
        ("procedure", "0DQB0ZZ"),
        ("diagnosis", "I10"),
    }


def test_the_splits_of_the_file_are_taken_under_their_many_names(tmp_path):
    notes = "id,text,split\nA,x,Train\nB,y,validation\nC,z,test\nD,w,\n"
    found, _, _ = read(files(tmp_path, notes, "id,code\nA,I10\n"))
    assert found.splits.to_pylist() == [
        {"document_id": "A", "split": "train"},
        {"document_id": "B", "split": "dev"},
        {"document_id": "C", "split": "test"},
    ]


@pytest.mark.parametrize("column", ["id", "patient", "split"])
def test_a_nul_byte_in_what_is_compared_is_told_at_its_row(tmp_path, column):
    cells = {"id": "A", "text": "x", "patient": "p", "split": "train"}
    row = ",".join(f"{cell}\0" if name == column else cell for name, cell in cells.items())
    folder = files(tmp_path, notes=f"id,text,patient,split\nB,y,q,dev\n{row}\n")
    told = [one.line() for one in findings_of(folder)]
    assert any(f"notes.csv, row 3, column {column}: a NUL byte" in line for line in told)


def test_ids_in_no_split_are_counted_and_told(tmp_path, caplog):
    notes = "id,text,split\nA,x,train\nB,y,dev\nC,z,test\nD,w,\nE,v, \nA,u,\n"
    codes = "id,code\n" + "".join(f"{name},I10\n" for name in "ABCDE")
    found, _, _ = read(files(tmp_path, notes=notes, codes=codes))
    assert found.counts["documents_in_no_split"] == 2
    assert "row 5, column split: ids in no split, of 5: left out" in caplog.text
    assert "(2 times)" in caplog.text
    assert {row["document_id"] for row in found.splits.to_pylist()} == {"A", "B", "C"}


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        (("", "", ""), "no id has a split; fill the column, or map it to null"),
        (("train", "train", "test"), "no id is in dev"),
        (("train", "dev", "unlabelled"), "no id is in test"),
    ],
)
def test_a_column_of_splits_that_nothing_can_be_trained_on_is_refused(tmp_path, splits, told):
    rows = "".join(f"{name},x,{split}\n" for name, split in zip("ABC", splits, strict=True))
    codes = "id,code\nA,I10\nB,I10\nC,I10\n"
    assert told in refused(files(tmp_path, notes=f"id,text,split\n{rows}", codes=codes))


def test_a_column_of_splits_that_is_not_read_leaves_nothing_out(tmp_path):
    notes = "id,text,split\nA,x,train\nB,y,\n"
    folder = files(tmp_path, notes=notes, codes="id,code\nA,I10\nB,I10\n")
    found, _, _ = read(folder, columns={"split": None})
    assert found.splits is None
    assert "documents_in_no_split" not in found.counts


def test_notes_of_other_types_stay_out(tmp_path):
    notes = "id,text,type\nA,x,discharge\nA,y,nursing\n"
    folder = files(tmp_path, notes, "id,code\nA,I10\n")
    found, kept, _ = read(folder, types=("discharge",))
    assert [note[3] for note in kept] == ["x"]
    assert found.counts["notes_of_other_types"] == 1
    assert "no note has the type letter" in refused(folder, types=("letter",))


def test_another_encoding_is_refused_with_its_line_and_read_when_it_is_named(tmp_path):
    latin = NOTES.replace("Fever", "Fièvre").encode("latin-1")
    told = refused(files(tmp_path, latin))
    assert "line 4: bytes that are not UTF-8" in told
    assert "custom.encoding" in told
    _, notes, _ = read(tmp_path, encoding="latin-1")
    assert notes[2][3] == "Fièvre"
    files(tmp_path, NOTES.replace("Fever", "Fièvre").encode("utf-16"), CODES.encode("utf-16"))
    _, again, _ = read(tmp_path, encoding="utf-16")
    assert again == notes


WRONG_NOTES = [
    ("id,body\n7,x\n", {}, "row 1: no column text, which should be the text"),
    (NOTES, {"columns": {"text": "txt"}}, "no column txt, which should be the text; did you"),
    (NOTES, {"columns": {"tekst": "text"}}, "custom.columns has no 'tekst'; did you mean 'text'?"),
    ("id,text,date\n7,x,31/12/2031\n", {}, "row 2, column date: no date"),
    ("id,text,split\n7,x,maybe\n", {}, "row 2, column split: no split"),
    (f"7,{SECRET} {'word ' * 20}\n", {}, "row 1: holds no names of columns"),
    (f"7,{SECRET}\n", {}, "row 1: holds no names of columns"),
    ("id,text\n,x\n", {}, "row 2, column id: no id"),
    ("id,text,patient\n7,x,p1\n7,y,p2\n", {}, "row 3, column patient: an id has two patients"),
    (
        "id,text,patient,split\n7,x,p1,train\n12,y,p1,test\n",
        {},
        "row 3, column split: a patient is in two splits",
    ),
    ('id,text\n7,x\n12,"half of a', {}, "ends inside a quoted cell"),
    ("id,text\n7,x,y\n", {}, "3 cells where the header has 2"),
    ("", {}, "the file is empty"),
    ("id,text\n", {}, "no note at all"),
    (NOTES, {"notes": "note.csv"}, "no such file; is it notes.csv?"),
    (NOTES, {"expected": {"note_records": 4}}, "note_records: 3, expected 4; is a file cut off?"),
    (NOTES.replace("\n", "\r"), {}, "line ends are CR alone"),
    (NOTES.encode("utf-16"), {}, "looks like UTF-16; set custom.encoding: utf-16"),
    (NOTES.replace('""', '\\"').replace("no", "n,o"), {}, "is doubled"),
    (NOTES, {"expected": {"noterecords": 4}}, "did you mean 'note_records'?"),
]


@pytest.mark.parametrize(("notes", "layout", "said"), WRONG_NOTES)
def test_wrong_notes_are_refused_with_their_place(tmp_path, notes, layout, said):
    assert said in refused(files(tmp_path, notes), **layout)


@pytest.mark.parametrize(
    ("layout", "said"),
    [
        ({"notes": "../notes.csv"}, "leads out of the folder"),
        ({"codes": "/etc/passwd"}, "leads out of the folder"),
        ({"encoding": "latin-99"}, "is not known"),
        ({"separator": "ab"}, "neither auto, tab nor one character"),
        ({"code_separator": ""}, "is empty"),
    ],
)
def test_a_layout_that_makes_no_sense_is_refused_before_a_file_is_read(layout, said):
    with pytest.raises(ValueError, match=said):
        CustomLayout(**layout)


WRONG_CODES = [
    ("id,code\n7,4280.0\n", {"system": "icd9cm"}, "row 2, column code: a number, where zeros"),
    ("id,code\n7,401.9\n12,38.9\n", {"system": "icd9cm"}, "row 3, column code: a number"),
    ("id,code\n7,418\n", {"system": "icd9cm"}, "none of the codes begins with 0"),
    ("id,code\n7,NA\n", {}, "column code: no code at all"),
    ("id,code\n7,I10\nNULL,I10\n", {}, "row 3, column id: a code without an id"),
    ("id,code\n7,401.9\n12,I10\n", {}, "row 2, column code: no ICD-10-CM diagnosis code but"),
    ("id,code,system\n7,x,icd11\n", {}, "row 2, column system: a coding system that is not known"),
    (
        "id,code,system\n7,401.9,icd9cm\n12,I10,icd10cm\n12,038.9,icd9cm\n",
        {},
        "codes of two revisions (1 of icd10cm, 2 of icd9cm)",
    ),
    ("id,code\n07,I10\n012,I10\n", {}, "row 2, column id: none of the ids has a note"),
    ("id,kode\n7,I10\n", {}, "no column code, which should be the code; did you mean 'kode'?"),
    (
        "id,code\n7,I10\n",
        {"system": "icd10"},
        "custom.system knows no 'icd10'; did you mean 'icd10",
    ),
    ("id,code\n7,I10\n", {"system": "local", "table": "t.csv"}, "t.csv: no such file"),
    (None, {}, "no codes; give a file codes.csv"),
    ("id,code\n", {}, "column code: no code at all"),
    ("id,code\n7,\n", {}, "column code: no code at all"),
]


@pytest.mark.parametrize(("codes", "layout", "said"), WRONG_CODES)
def test_wrong_codes_are_refused_with_their_place(tmp_path, codes, layout, said):
    assert said in refused(files(tmp_path, codes=codes), **layout)


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize(
    "word", ["NULL", "nan", "None", "NA", r"\N", "<NA>", "NaT", "-", "#N/A", " "]
)
def test_a_word_for_a_missing_value_is_none_in_any_column(tmp_path, form, word, caplog):
    of_note = {"patient": word, "date": word, "note": word}
    notes = [{"id": f"v{n}", "text": f"Fever {n}", **of_note} for n in range(60)]
    notes[7]["text"] = word
    codes = [{"id": note["id"], "code": "I10", "system": word} for note in notes]
    codes.append({"id": "v3", "code": word, "system": word})
    WRITERS[form](tmp_path / f"notes.{form}", notes)
    WRITERS[form](tmp_path / f"codes.{form}", codes)
    found, read_notes, read_codes = read(tmp_path)
    assert {note[1] for note in read_notes} == {f"v{n}" for n in range(60)}  # 60 patients, not one
    assert [note[3] for note in read_notes if note[0] == "v7"] == [""]
    assert [code[3] for code in read_codes if code[0] == "v3"] == ["I10", None]
    counted = {"notes_without_patient": 60, "notes_without_date": 60, "empty_notes": 1}
    assert found.counts.items() >= {**counted, "code_rows_without_code": 1}.items()
    assert "column patient: notes without a patient" in caplog.text


@pytest.mark.parametrize("word", ["nan", "NULL", "-", r"\N"])
def test_notes_whose_id_is_a_word_for_nothing_are_refused_and_not_made_one(tmp_path, word):
    rows = "".join(f"{word},Fever {n}\n" for n in range(10))
    assert "row 3, column id: no id" in refused(files(tmp_path, f"id,text\n7,x\n{rows}"))


def test_a_code_may_be_called_by_such_a_word_where_the_own_table_lists_it(tmp_path, caplog):
    table = "code,title,parent\nNA,Nausea,NULL\nK1,nan,NA\n"
    own = files(tmp_path, codes="id,code\n7,NA\n12,NULL\n12,K1\n", **{"t.csv": table})
    found, _, codes = read(own, system="own", table="t.csv")
    assert [code[3] for code in codes] == ["NA", "K1", None]
    titles = {row["code"]: (row["title"], row["parent"]) for row in found.titles.read().to_pylist()}
    assert titles == {"NA": ("Nausea", ""), "K1": ("Nausea", "NA")}
    assert "row 3, column code: words for a missing code" in caplog.text


def test_notes_without_a_split_are_counted_and_so_is_one_patient_of_very_many(tmp_path, caplog):
    rows = "".join(
        f"{n},Fever {n},{n % 3 * (n < 3)},{('NA', 'dev', 'test', 'train')[min(n, 3)]}\n"
        for n in range(30)
    )
    found, _, _ = read(files(tmp_path, f"id,text,patient,split\n{rows}", "id,code\n1,I10\n"))
    assert found.splits.num_rows == 29
    assert found.counts["documents_in_no_split"] == 1
    assert "row 2, column split: notes without a split" in caplog.text
    assert "column patient: one patient has 28 of 30 ids" in caplog.text


OWN = 'code,title\nK03,Tear\nK05,Scar\nK07,Graft\n"K08, left",Graft of the left\n'
SEVERAL = [
    *("K03, K05", "K03|K05", "K03;K05", "K03\tK05", "K03\nK05", "K03/K05", "K03 K05"),
    *("X1,X2", "X1|X2"),  # which no table lists
    *("['K03', 'K05']", "('K03', 'K05')", "{'K03', 'K05'}", "frozenset({'K03'})"),
    *('["K03", "K05"]', '{"code": "K03"}', "array(['K03'], dtype=object)"),
]


@pytest.mark.parametrize("bad_codes", ["refuse", "drop"])
@pytest.mark.parametrize("cell", SEVERAL)
def test_several_codes_in_one_cell_are_not_made_one(tmp_path, cell, bad_codes):
    quoted = cell.replace('"', '""')
    own = files(tmp_path, codes=f'id,code\n7,K03\n12,"{quoted}"\n', **{"t.csv": OWN})
    told = refused(own, system="own", table="t.csv", bad_codes=bad_codes, separator=",")
    assert "row 3, column code: several codes in one cell" in told
    assert "custom.code_separator" in told


@pytest.mark.parametrize("cell", SEVERAL)
def test_a_list_beside_the_notes_is_read_whole_or_refused(tmp_path, cell):
    rows = [{"id": "1", "text": "x", "codes": cell}, {"id": "2", "text": "y", "codes": "K08, left"}]
    WRITERS["csv"](tmp_path / "notes.csv", rows)
    (tmp_path / "t.csv").write_text(OWN)
    asked = {"system": "own", "table": "t.csv", "separator": ","}
    if cell == "K03;K05" or (cell[0] in "[({" and ":" not in cell):
        assert [code[3] for code in read(tmp_path, **asked)[2]] == ["K03", "K05", "K08, left"]
    else:
        told = refused(tmp_path, **asked)
        assert "several codes in one cell" in told or "no list of codes" in told


def test_b2_a_code_is_text_to_the_last_zero_and_another_revision_is_refused_with_counts(tmp_path):
    notes = "id,text\n7,x\n12,y\n"
    rows = "id,code\n7,0117\n7,117\n7,117.0\n12, 011.7 \n12,v3001\n12,V30.01\n"
    _, _, codes = read(files(tmp_path, notes, rows), system="icd9cm")
    assert [code[3] for code in codes if code[0] == "7"] == ["011.7", "117", "117.0"]
    assert [code[3] for code in codes if code[0] == "12"] == ["011.7", "V30.01", "V30.01"]
    mixed = "id,code,system\n7,0117,icd9cm\n12,I10,icd10cm\n12,E11.9,icd10cm\n"
    told = refused(files(tmp_path, notes, mixed))
    assert "codes of two revisions (2 of icd10cm, 1 of icd9cm)" in told


ODD = {
    "nul": "fe\0ver and\0 chills",
    "right to left": "\u05e9\u05dc\u05d5\u05dd fever \u202eabc\u202c",
    "emoji": "fever \U0001f600\U0001f468\u200d\U0001f469 chills",
    "mark": "\ufefffever",
    "crlf": "fever\r\nchills\r\n",
    "unbroken": "x" * 1_000_000,
    "digits": "1234 5678",
    "latin": "caf\u00e9 cafe\u0301",
    "blank": " \t\n ",
    "empty": "",
}


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_b5_offsets_index_the_text_as_it_was_whatever_is_in_it(tmp_path, form):
    rows = [{"id": name, "text": text, "codes": "I10"} for name, text in ODD.items()]
    WRITERS[form](tmp_path / f"notes.{form}", rows)
    found, _, _ = read(tmp_path)
    text_of = {row["note_id"]: row["text"] for row in found.notes.read().to_pylist()}
    assert text_of == {**ODD, "blank": ""}
    for document in tokenize_notes(found.notes).read().to_pylist():
        text = text_of[document["document_id"]]
        for word, begin, end in zip(
            document["tokens"], document["begins"], document["ends"], strict=True
        ):
            assert tokenize(text[begin:end]).words.to_pylist() == [word]


def test_numbers_are_no_codes_in_any_format(tmp_path):
    rows = [{"id": 7, "text": "x", "codes": ["I10", 250.0]}]
    (tmp_path / "notes.jsonl").write_text(json.dumps(rows[0]))
    assert "row 1, column codes: numbers, where zeros are lost" in refused(tmp_path)
    (tmp_path / "notes.jsonl").unlink()
    pq.write_table(pa.table({"id": ["7"], "text": ["x"]}), tmp_path / "notes.parquet")
    pq.write_table(pa.table({"id": ["7"], "code": [389.0]}), tmp_path / "codes.parquet")
    assert "column code: numbers, where zeros are lost" in refused(tmp_path)


def test_what_is_no_code_can_be_dropped_and_counted_but_a_lost_zero_cannot(tmp_path, caplog):
    found, _, codes = read(files(tmp_path, codes="id,code\n7,I10\n7,??\n"), bad_codes="drop")
    assert [code[3] for code in codes] == ["I10", None]
    assert found.counts["codes_dropped"] == 1
    assert "row 3, column code" in caplog.text
    files(tmp_path, codes="id,code\n7,38.9\n")
    assert "a number" in refused(tmp_path, bad_codes="drop", system="icd9cm")


@pytest.mark.parametrize(
    ("name", "cut"),
    [("notes.jsonl", 0.5), ("notes.parquet", 0.5), ("notes.jsonl.gz", 0.5), ("notes.csv.gz", 0.5)],
)
def test_a_file_cut_in_half_is_refused_in_every_format(tmp_path, name, cut):
    form = name.split(".")[1]
    write_example(tmp_path / "whole", form, documents=300)
    data = (tmp_path / "whole" / f"notes.{form}").read_bytes()
    data = gzip.compress(data) if name.endswith(".gz") else data
    folder = tmp_path / "cut"
    folder.mkdir()
    (folder / name).write_bytes(data[: int(len(data) * cut)])
    told = refused(folder)
    assert "cut off" in told or "not a whole Parquet file" in told


def test_all_that_is_wrong_is_counted_behind_the_first(tmp_path):
    folder = files(tmp_path, "id,text\n,x\n", "id,code\n7,??!\n")
    assert "(and 3 more: `isd check` lists all)" in refused(folder)


def test_a_lone_surrogate_becomes_one_character_so_that_offsets_stay(tmp_path, caplog):
    text = "ab\ud800cd \ud83d\ude00 end"
    (tmp_path / "notes.jsonl").write_text(json.dumps({"id": "1", "text": text, "codes": "I10"}))
    _, notes, _ = read(tmp_path)
    assert notes[0][3] == "ab\ufffdcd \U0001f600 end"
    assert "row 1, column text: lone surrogates" in caplog.text


words = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00\x04"), min_size=1, max_size=30
)


@settings(max_examples=30, deadline=None)
@given(st.lists(words, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_offsets_give_back_every_word_whatever_the_text(tmp_path_factory, texts, shuffler):
    folder = tmp_path_factory.mktemp("own")
    rows = [{"id": f"d{n % 3}", "text": t, "codes": ["I10"]} for n, t in enumerate(texts)]
    shuffler.shuffle(rows)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "notes.jsonl").write_text(lines, encoding="utf-8")
    found = extract(folder, CustomLayout())
    text_of = {row["note_id"]: row["text"] for row in found.notes.read().to_pylist()}
    assert set(text_of.values()) == {"" if is_missing(text) else text for text in texts}
    for document in tokenize_notes(found.notes).read().to_pylist():
        starts = [*document["note_starts"], len(document["tokens"])]
        for note, first, last in zip(document["note_ids"], starts, starts[1:], strict=False):
            for at in range(first, last):
                place = slice(document["begins"][at], document["ends"][at])
                assert text_of[note][place].lower() == document["tokens"][at]


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(["csv", "jsonl", "parquet"]))
def test_the_order_of_the_rows_changes_nothing(tmp_path_factory, shuffler, form):
    folder = tmp_path_factory.mktemp("own")
    write_example(folder / "a", form, documents=40)
    (folder / "b").mkdir()
    for name, rows in zip(("notes", "codes", "mentions"), example(1, 40), strict=True):
        shuffler.shuffle(rows)
        WRITERS[form](folder / "b" / f"{name}.{form}", rows)
    first, *one = read(folder / "a")
    second, *other = read(folder / "b")
    assert one == other
    assert first.titles.read().equals(second.titles.read())
    assert first.mentions.equals(second.mentions)
    assert first.counts == second.counts


def test_a_mimic_hospital_as_own_data_has_the_clean_codes_of_its_own_reader(tmp_path):
    hospital = HospitalSettings(admissions=200, seed=2, words=150, code_pool=300)
    write_hospital(tmp_path / "mimic", hospital)
    theirs = mimic3.extract(tmp_path / "mimic")
    (tmp_path / "own").mkdir()
    csv.write_csv(theirs.notes.read(), tmp_path / "own/notes.csv")
    csv.write_csv(theirs.codes.read(), tmp_path / "own/codes.csv")
    found, notes, codes = read(
        tmp_path / "own",
        columns={"id": "document_id", "patient": "patient_id", "note": "note_id"},
        code_columns={"id": "document_id"},
        systems={"diagnosis": "icd9cm", "procedure": "icd9proc"},
    )
    documents = set(theirs.notes.read()["document_id"].to_pylist())
    expected = {
        (row["document_id"], row["patient_id"], row["system"], icd.dot(row["code"], row["system"]))
        for row in theirs.codes.read().to_pylist()
        if row["code"] and row["document_id"] in documents
    }
    assert {code for code in codes if code[3]} == expected
    assert {note[0] for note in notes} == documents
    # Withdrawn long ago; no table has a code above or below them.
    without = {"36.01", "36.05"} & {code[3] for code in codes}
    assert found.counts["codes_without_title"] == len(without) == 2


ZIP = Path(__file__).parents[4] / "shared" / "data" / "codiesp" / "codiesp_v4.zip"
EXPORTS = {
    "excel": lambda table, path: csv.write_csv(
        table, path, csv.WriteOptions(delimiter=";", include_header=True)
    ),
    "parquet": lambda table, path: pq.write_table(table, path),
}


@pytest.mark.skipif(not ZIP.exists(), reason="CodiEsp is not here")
@pytest.mark.parametrize("form", list(EXPORTS))
def test_codiesp_as_own_data_is_what_its_own_reader_gives(tmp_path, form):
    corpus = codiesp.extract(ZIP, language="es", systems=codiesp.KINDS["both"], unlabelled=False)
    notes, codes = corpus.notes.read(), corpus.codes.read()
    split_of = dict(zip(*(corpus.splits[n].to_pylist() for n in SPLITS.names), strict=True))
    wide = notes.rename_columns(["Informe", "Paciente", "note_id", "Texto"]).append_column(
        "split", pa.array([split_of[i] for i in notes["document_id"].to_pylist()])
    )
    ending = "parquet" if form == "parquet" else "csv"
    EXPORTS[form](wide, tmp_path / f"informes.{ending}")
    EXPORTS[form](codes, tmp_path / f"codes.{ending}")
    found, read_notes, read_codes = read(
        tmp_path,
        notes=f"informes.{ending}",
        columns={"id": "Informe", "text": "Texto", "patient": "Paciente"},
        code_columns={"id": "document_id"},
        systems={"diagnosis": "icd10cm", "procedure": "icd10pcs"},
    )
    assert sorted(read_notes) == sorted(tuple(row.values()) for row in notes.to_pylist())
    assert sorted(read_codes) == sorted(tuple(row.values()) for row in codes.to_pylist())
    assert sorted(found.splits.to_pylist(), key=str) == sorted(corpus.splits.to_pylist(), key=str)
    mine, theirs = (
        {(r["code"], r["system"]): r["title"] for r in titles.read().to_pylist()}
        for titles in (found.titles, corpus.titles)
    )
    assert mine == theirs
