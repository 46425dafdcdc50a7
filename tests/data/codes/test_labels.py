"""Labels in three spaces. For CAML's, the oracle is what pandas makes of CAML's own steps."""

import csv
import warnings
from collections import defaultdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.data.codes import code_rows
from isd_pipeline.data.codes import labels as rooms
from isd_pipeline.data.codes.labels import label_documents, reread_by_pandas
from isd_pipeline.data.io.tables import CODES, stream_table
from isd_pipeline.data.sources.mimic3 import read_codes

DIAGNOSES = ["0389", "4019", "486", "311", "V3001", "V5861", "E8788", "E912", "42731", "25000"]
PROCEDURES = ["0331", "0066", "0040", "0159", "9960", "966", "331", "3310", "8856", "0001", "3893"]
HEADER = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "SEQ_NUM", "ICD9_CODE"]


def code_table(*rows):
    columns = zip(*((d, f"p{d}", s, c) for d, s, c in rows), strict=True)
    return pa.table([pa.array(list(x), pa.string()) for x in columns], schema=CODES)


def labelled(codes, documents, space):
    owner = dict(
        zip(codes["document_id"].to_pylist(), codes["patient_id"].to_pylist(), strict=True)
    )
    columns = [pa.array(documents, pa.string()), pa.array(map(owner.get, documents), pa.string())]
    table = pa.table(columns, ["document_id", "patient_id"])
    return label_documents(stream_table(codes), table, space)


def lists(codes, documents, space):
    table = labelled(codes, documents, space).table
    return dict(zip(*(table[n].to_pylist() for n in table.column_names), strict=True))


def write_codes(folder, seed, admissions, diagnoses, procedures, nulls=0.001):
    """Two code tables of MIMIC's layout, in the order of MIMIC: by no key at all."""
    draw = np.random.default_rng(seed)
    patients = draw.integers(1, 10_000, admissions)
    tables = (("DIAGNOSES", DIAGNOSES, diagnoses), ("PROCEDURES", PROCEDURES, procedures))
    for name, book, rows in tables:
        who = draw.integers(0, admissions, rows)
        codes = draw.choice(book, rows)
        empty = draw.random(rows) < (nulls if name == "DIAGNOSES" else 0)
        with (folder / f"{name}_ICD.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(HEADER)
            for n, (w, code, e) in enumerate(zip(who, codes, empty, strict=True)):
                writer.writerow([n + 1, patients[w], 100_000 + w, 1, "" if e else code])
    with_summary = np.flatnonzero(draw.random(admissions) < 0.9) + 100_000
    order = np.lexsort((with_summary, patients[with_summary - 100_000]))
    return [str(i) for i in with_summary[order]]


def dotted_by_caml(code, is_diagnosis):
    code = "".join(code.split("."))
    if not is_diagnosis:
        return f"{code[:2]}.{code[2:]}"
    head = 4 if code.startswith("E") else 3
    return f"{code[:head]}.{code[head:]}" if len(code) > head else code


def read_by_the_old_tools(folder, documents):
    """Read, dot, write, filter, write, read: types inferred each time, as the notebook does."""
    parts = []
    for name, is_diagnosis in (("DIAGNOSES", True), ("PROCEDURES", False)):
        part = pd.read_csv(folder / f"{name}_ICD.csv")
        part["ICD9_CODE"] = [dotted_by_caml(str(x), is_diagnosis) for x in part["ICD9_CODE"]]
        parts.append(part)
    pd.concat(parts).to_csv(folder / "ALL.csv", index=False)
    wanted = set(documents)
    with (folder / "ALL.csv").open() as source, (folder / "FILTERED.csv").open("w") as target:
        rows = csv.reader(source)
        next(rows)
        target.write("SUBJECT_ID,HADM_ID,ICD9_CODE,ADMITTIME,DISCHTIME\n")
        for row in rows:
            if row[2] in wanted:
                target.write(f"{row[1]},{row[2]},{row[4]},,\n")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        again = pd.read_csv(folder / "FILTERED.csv")
    found = defaultdict(list)
    for document, label in zip(again["HADM_ID"], again["ICD9_CODE"], strict=True):
        found[str(document)].append("" if label != label else str(label))
    return found


@pytest.mark.parametrize(
    ("seed", "diagnoses", "procedures"),
    [
        (1, 300_000, 330_000),  # text, text, mixed, decimal, decimal, ...
        (2, 2_000, 1_500),  # one block
        (3, 145_000, 2_000),  # text, mixed
    ],
)
def test_the_caml_space_is_what_pandas_makes_of_camls_steps(tmp_path, seed, diagnoses, procedures):
    documents = write_codes(tmp_path, seed, 9_000, diagnoses, procedures)
    codes, _ = read_codes(tmp_path)

    ours = lists(codes, documents, "caml")
    theirs = read_by_the_old_tools(tmp_path, documents)

    assert ours.keys() == theirs.keys()
    differing = [d for d in ours if ours[d] != [label for label in theirs[d] if label]]
    assert differing == []
    if procedures > rooms.BLOCK:
        every = {label for row in ours.values() for label in row}
        assert {"66.", "66.0", "99.60", "99.6", "33.1", "33.10"} <= every  # both faults
        assert "03.31" not in every


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(["66.", "99.60", "486", "042", "1.", "038.9", "V30.01", "E912", None]),
        max_size=14,
    )
)
def test_each_block_is_reread_as_pandas_rereads_it(column):
    """With blocks of four rows, here and, by its own low_memory reader, in pandas."""
    size = 4
    blocks = [np.arange(n, min(n + size, len(column))) for n in range(0, len(column), size)]
    of_blocks = zip(blocks, reread_by_pandas(blocks, column), strict=True)
    ours = [labels[n] for block, labels in of_blocks for n in block]
    assert ours == pandas_in_blocks(column, size)


def pandas_in_blocks(column, size):
    """Each block inferred by pandas alone; blocks of several types become one of objects."""
    if not column:
        return []
    parts = []
    for start in range(0, len(column), size):
        text = "x,c\n" + "".join(f"0,{cell or ''}\n" for cell in column[start : start + size])
        parts.append(pd.read_csv(pd.io.common.StringIO(text))["c"])
    if any(part.dtype.kind not in "if" for part in parts):
        parts = [part.astype(object) for part in parts]
    joined = pd.concat(parts)
    return [None if cell != cell else str(cell) for cell in joined.tolist()]


def test_the_caml_space_by_hand():
    codes = code_table(
        ("1", "diagnosis", "0389"),
        ("2", "diagnosis", None),
        ("1", "diagnosis", "0389"),
        ("3", "diagnosis", "4019"),
        ("1", "procedure", "0331"),
        ("1", "procedure", "0066"),
    )
    assert lists(codes, ["2", "1", "4"], "caml") == {
        "2": [],
        "1": ["38.9", "38.9", "33.1", "66.0"],  # no letter in the block: all are decimal numbers
    }
    letters = pa.concat_tables([codes, code_table(("1", "diagnosis", "V3001"))])
    assert lists(letters, ["1"], "caml") == {"1": ["038.9", "038.9", "33.1", "66.", "V30.01"]}


def test_the_clean_space_keeps_zeros_and_each_code_once_in_a_system():
    codes = code_table(
        ("1", "diagnosis", "0389"),
        ("1", "diagnosis", "V3001"),
        ("1", "diagnosis", "0389"),
        ("2", "diagnosis", None),
        ("1", "procedure", "0331"),
        ("1", "procedure", "0331"),
    )
    assert lists(codes, ["1", "2"], "clean") == {"1": ["038.9", "V30.01", "03.31"], "2": []}


def test_a_document_without_a_row_of_codes_has_no_row_of_labels():
    assert lists(code_table(("1", "diagnosis", "0389")), ["9", "1"], "clean") == {"1": ["038.9"]}


@pytest.mark.parametrize("space", rooms.SPACES)
def test_rows_read_in_parts_and_documents_taken_in_turn_give_the_same_labels(space, monkeypatch):
    draw = np.random.default_rng(3)
    books = {"diagnosis": [*DIAGNOSES, None], "procedure": PROCEDURES}
    rows = [
        (str(draw.integers(20)), system, draw.choice(np.array(book, dtype=object)))
        for system, book in books.items()
        for _ in range(200)
    ]
    codes, documents = code_table(*rows), [str(n) for n in (*range(19, 3, -1), 99)]
    monkeypatch.setattr(rooms, "BLOCK", 50)  # some of them without a letter
    whole = labelled(codes, documents, space)
    monkeypatch.setattr(code_rows, "AT_ONCE", 30)
    monkeypatch.setattr(rooms, "DOCUMENTS", 3)
    found = labelled(codes, documents, space)
    assert found.table.equals(whole.table)
    assert list(found.sources.items()) == list(whole.sources.items())
    assert found.counts == whole.counts


def test_a_label_knows_the_code_it_most_often_stands_for():
    rows = [("1", "procedure", c) for c in ("331", "0331", "0331", "0066")]
    found = labelled(code_table(*rows, ("1", "diagnosis", "V3001")), ["1"], "caml")
    assert found.sources["33.1"] == ("procedure", "03.31")
    assert found.sources["66."] == ("procedure", "00.66")


def test_of_two_codes_as_frequent_a_label_stands_for_the_one_its_documents_have_first():
    elsewhere = ("2", "procedure", "0331")  # met before, but of no document
    codes = code_table(elsewhere, ("1", "procedure", "331"), ("1", "procedure", "0331"))
    assert labelled(codes, ["1"], "caml").sources["33.1"] == ("procedure", "33.1")


def test_labels_before_filtering_count_all_admissions_and_the_empty_label():
    codes = code_table(
        ("1", "diagnosis", "0389"),
        ("2", "diagnosis", None),
        ("3", "diagnosis", "4019"),
        ("3", "procedure", "331"),
        ("3", "procedure", "0331"),
    )
    found = labelled(codes, ["1"], "caml")
    assert found.counts["caml_labels_before_filtering"] == 4


def test_an_unknown_space_is_refused():
    with pytest.raises(ValueError, match="none of clean, caml, edin, dotted"):
        lists(code_table(("1", "diagnosis", "0389")), ["1"], "Clean")
