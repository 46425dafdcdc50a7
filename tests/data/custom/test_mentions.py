"""A user's own marks: which stretch of which note becomes a mention, and a line for each fault."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv

from isd_pipeline.data.custom.example import SAID, write_example
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.custom.source import extract, read_own
from isd_pipeline.data.io.tables import MENTIONS
from isd_pipeline.data.quality.findings import Findings
from isd_pipeline.data.sources import codiesp
from tests.data.sources.test_codiesp import ZIP, needs_corpus

SECRET = "ZZCANARY"
NOTES = f"""id,note,text,date
7,b,"Dull pain, left
renal. {SECRET}",2031-02-01
7,a,Sugar up,2031-01-01
12,c,Fièvre 🙂 39,
"""
CODES = "id,code\n7,E11.9\n7,N23\n12,r509\n"
MENTIONS_FILE = """id,note,code,begin,end,mention
12,,R50.9,0,6,
7,b,n23,16,21,T1
7,b,N23,5,9,T1
7,a,E119,0,5,
12,c,R50.9,9,11,
"""


def folder_of(folder, mentions=MENTIONS_FILE, notes=NOTES, codes=CODES):
    for name, text in (("notes", notes), ("codes", codes), ("mentions", mentions)):
        (folder / f"{name}.csv").write_bytes(text.encode())
    return folder


def marked(folder, **layout):
    """Each row of mentions with the words that it stands on, and what was counted."""
    found = extract(folder, CustomLayout(**layout))
    assert found.mentions.schema == MENTIONS
    texts = {row["note_id"]: row["text"] for row in found.notes.read().to_pylist()}
    rows = found.mentions.to_pylist()
    words = [texts[row["note_id"]][row["begin"] : row["end"]] for row in rows]
    return [(*row.values(), word) for row, word in zip(rows, words, strict=True)], found.counts


def told(folder, **layout):
    """All findings, a line each, and the mentions that are kept."""
    findings = Findings()
    found = read_own(folder, CustomLayout(**layout), findings)
    lines = [f"{one.level}: {one.line()}" for one in findings]
    assert not any(SECRET in line or "\n" in line for line in lines)
    mentions = None if found is None else found.mentions
    return lines, [] if mentions is None else mentions.table.to_pylist()


def test_marks_become_mentions_in_reading_order_and_parts_share_a_number(tmp_path):
    rows, counts = marked(folder_of(tmp_path))
    assert rows == [
        ("7", "7/1", "diagnosis", "E11.9", 0, 5, 0, "Sugar"),
        ("7", "7/2", "diagnosis", "N23", 5, 9, 1, "pain"),
        ("7", "7/2", "diagnosis", "N23", 16, 21, 1, "renal"),
        ("12", "12", "diagnosis", "R50.9", 0, 6, 2, "Fièvre"),
        ("12", "12", "diagnosis", "R50.9", 9, 11, 3, "39"),
    ]
    assert (counts["mentions"], counts["mention_rows"], counts["mention_rows_left_out"]) == (
        4,
        5,
        0,
    )


def test_without_a_table_of_mentions_there_are_none_and_nothing_is_counted(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "mentions.csv").unlink()
    found = extract(tmp_path, CustomLayout())
    assert found.mentions is None
    assert not any("mention" in name for name in found.counts)


def test_offsets_are_of_the_text_as_it_is_read_whatever_its_bytes(tmp_path):
    mentions = "id,code,begin,end\n1,I10,8,12\n"
    notes = 'id,text\n1,"é: ß\r\n\r\nhigh"\n'
    for encoding in ("utf-8", "utf-16", "latin-1"):
        for name, text in (("notes", notes), ("codes", "id,code\n1,I10\n"), ("mentions", mentions)):
            (tmp_path / f"{name}.csv").write_bytes(text.encode(encoding))
        rows, _ = marked(tmp_path, encoding=encoding)
        assert [row[-1] for row in rows] == ["high"]  # a line end of two characters counts two


def test_names_of_file_and_columns_may_be_others_and_a_system_may_be_said(tmp_path):
    folder_of(tmp_path, codes="id,code,system\n7,E11.9,dx\n7,0DQB0ZZ,proc\n12,R50.9,dx\n")
    (tmp_path / "mentions.csv").unlink()
    text = "Visit;Letter;ICD;Kind;From;To\n7;b;0dqb0zz;proc;5;9\n7;b;E11.9;dx;5;9\n"
    (tmp_path / "marks.tsv").write_text(text)
    columns = {"id": "visit", "note": "letter", "code": "icd", "begin": "from", "end": "to"}
    rows, _ = marked(
        tmp_path,
        mentions="marks.tsv",
        mention_columns={**columns, "system": "kind"},
        systems={"dx": "icd10cm", "proc": "icd10pcs"},
    )
    assert [row[2:4] for row in rows] == [("diagnosis", "E11.9"), ("procedure", "0DQB0ZZ")]
    assert [row[6] for row in rows] == [0, 1]  # two codes of one stretch are two mentions


def test_a_mark_in_a_note_that_repeats_another_is_in_that_one(tmp_path):
    notes = "id,note,text\n1,a,Same pain\n1,b,Same pain\n"
    mentions = "id,note,code,begin,end\n1,b,R52,5,9\n"
    rows, _ = marked(folder_of(tmp_path, mentions, notes, "id,code\n1,R52\n"))
    assert rows == [("1", "1", "diagnosis", "R52", 5, 9, 0, "pain")]


FAULTS = [  # rows, the line, how many mentions are kept beside it
    ("7,b,N23,5,41,", "error: row 2, column end: a place behind the last character of its note", 0),
    ("7,b,N23,9,5,", "error: row 2, column begin: does not stand before the end", 0),
    ("7,b,N23,5,5,", "error: row 2, column begin: does not stand before the end", 0),
    ("7,b,N23,-1,5,", "error: row 2, column begin: no whole number", 0),
    ("7,b,N23,5,9.0,", "error: row 2, column end: no whole number", 0),
    ("7,,N23,5,9,", "error: row 2, column id: an id of several notes, of which the row names", 0),
    (",,N23,5,9,", "error: row 2, column id: a mention without an id", 0),
    ("NULL,,N23,5,9,", "error: row 2, column id: a mention without an id", 0),
    ("9,,N23,5,9,", "error: row 2, column id: no mention has its id among the notes", 0),
    (
        "7,b,N23,5,9,\n9,,N23,5,9,\n8,,N23,5,9,",
        "warning: row 3, column id: mentions whose id is not among the notes: left out (2 times)",
        1,
    ),
    (
        "7,b,N23,5,9,\n7,x,N23,5,9,",
        "warning: row 3, column note: mentions whose note is not among the notes: left out",
        1,
    ),
    (
        "7,b,N23,5,9,\n7,b,I10,5,9,\n12,,N23,0,6,",
        "warning: row 3, column code: mentions of a code that is not among the codes of their id: "
        "left out (2 times)",
        1,
    ),
    (
        "7,b,Q99.Q,5,9,",
        "warning: row 2, column code: mentions of a code that is not among the codes of their id "
        "nor in the table of icd10cm: left out",
        0,
    ),
    ("7,b,pain,5,9,", "error: row 2, column code: no ICD-10-CM diagnosis code; are there", 0),
    ("7,b,,5,9,", "warning: row 2, column code: no code: left out; give it one", 0),
    (
        "7,b,N23,5,9,\n7,b,n23,05,9,",
        "warning: row 3, column begin: rows that stand twice: kept once",
        1,
    ),
    (
        "7,b,N23,6,9,\n7,b,N23,5,8,",
        "warning: row 2, column begin: mentions that begin or end within a word: kept (2 times)",
        2,
    ),
    (
        "7,b,N23,4,5,\n7,b,N23,15,16,",
        "warning: row 2, column begin: mentions of nothing but white space: left out (2 times)",
        0,
    ),
    ("", "warning: column id: no mention at all; is it the right file?", 0),
]


@pytest.mark.parametrize(("rows", "said", "kept"), FAULTS)
def test_each_fault_is_one_line_with_file_row_and_column(tmp_path, rows, said, kept):
    head = "id,note,code,begin,end,mention\n"
    lines, mentions = told(folder_of(tmp_path, f"{head}{rows}\n" if rows else head))
    level, _, line = said.partition(": ")
    (of_level,) = [one for one in lines if one.startswith(level)]
    assert of_level.startswith(f"{level}: {tmp_path}/mentions.csv, {line}")
    assert len(mentions) == kept


@pytest.mark.parametrize(
    ("head", "layout", "said"),
    [
        ("id,code,begin", {}, "row 1: no column end, which should be the end"),
        ("id,code,begin,end", {"mention_columns": {"start": "x"}}, "has no 'start'"),
        ("id,code,begin,end", {"mention_columns": {"end": ["end", "id"]}}, "end is one column"),
        ("id,code,begin,end", {"mentions": "mention.csv"}, "no such file; is it mentions.csv?"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_refused(tmp_path, head, layout, said):
    (line,) = told(folder_of(tmp_path, f"{head}\n"), **layout)[0]
    assert line.startswith("error: ")
    assert said in line


def test_two_notes_of_an_id_with_one_name_cannot_be_told_apart(tmp_path):
    notes = "id,note,text\n1,a,Some pain\n1,a,More pain\n"
    mentions = "id,note,code,begin,end\n1,a,R52,5,9\n"
    lines, _ = told(folder_of(tmp_path, mentions, notes, "id,code\n1,R52\n"))
    assert lines == [
        f"error: {tmp_path}/mentions.csv, row 2, column note: "
        "an id has several notes of this name; give each its own"
    ]


def test_marks_in_notes_of_other_types_are_left_out(tmp_path):
    notes = "id,note,text,type\n1,a,Some pain,discharge\n1,b,More pain,nursing\n"
    mentions = "id,note,code,begin,end\n1,a,R52,5,9\n1,b,R52,5,9\n"
    folder = folder_of(tmp_path, mentions, notes, "id,code\n1,R52\n")
    lines, kept = told(folder, types=("discharge",))
    assert "row 3, column id: mentions in notes of other types: left out" in lines[0]
    assert [row["note_id"] for row in kept] == ["1"]


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_the_example_marks_every_code_where_it_is_spoken_of(tmp_path, form):
    write_example(tmp_path / "own", form, documents=40)
    rows, counts = marked(tmp_path / "own")
    assert all(row[-1] in {said.capitalize() for said in SAID[row[3]]} for row in rows)
    codes = extract(tmp_path / "own", CustomLayout()).codes.read().to_pylist()
    assert {(row[0], row[3]) for row in rows} == {(c["document_id"], c["code"]) for c in codes}
    assert counts["mentions"] == len(codes)


def test_numbers_of_parquet_and_jsonl_are_offsets_too(tmp_path):
    folder_of(tmp_path)
    (tmp_path / "mentions.csv").unlink()
    row = {"id": 12, "code": "R50.9", "begin": 0, "end": 6}
    (tmp_path / "mentions.jsonl").write_text(json.dumps(row))
    from_json, _ = marked(tmp_path)
    (tmp_path / "mentions.jsonl").unlink()
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "mentions.parquet")
    from_parquet, _ = marked(tmp_path)
    assert [one[-1] for one in from_json] == ["Fièvre"]
    assert from_json == from_parquet


@needs_corpus
def test_codiesps_marks_as_own_data_are_those_of_its_own_reader(tmp_path):
    corpus = codiesp.extract(ZIP, language="es", systems=codiesp.KINDS["both"], unlabelled=False)
    tables = {
        "notes": corpus.notes.read(),
        "codes": corpus.codes.read(),
        "mentions": corpus.mentions,
    }
    for name, table in tables.items():
        csv.write_csv(table, tmp_path / f"{name}.csv")
    found = extract(
        tmp_path,
        CustomLayout(
            columns={"id": "document_id"},
            code_columns={"id": "document_id"},
            mention_columns={"id": "document_id"},
            systems={"diagnosis": "icd10cm", "procedure": "icd10pcs"},
        ),
    )
    mine, theirs = (_parts_by_mention(table) for table in (found.mentions, corpus.mentions))
    assert mine == theirs
    assert len(mine) > 18_000


def _parts_by_mention(mentions):
    parts = {}
    for document, _, system, code, begin, end, number in zip(
        *(mentions[name].to_pylist() for name in MENTIONS.names), strict=True
    ):
        parts.setdefault((document, system, code, number), []).append((begin, end))
    return sorted((*key[:3], sorted(places)) for key, places in parts.items())
