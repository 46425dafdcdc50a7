"""Cohorts: labels, the top 50, the one order of codes; and the demo of MIMIC-III as it is."""

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from isd_pipeline.data.cohorts import CAML_TOP_50, CodeIndex, make_cohort, top_codes
from isd_pipeline.data.io.tables import CODES, LABELS, LENDER, SPLITS, TITLES, stream_table
from isd_pipeline.data.quality.published_counts import (
    MIMIC3,
    Expected,
    check_counts,
    refuse_other_top_50,
)
from isd_pipeline.data.sources.mimic3 import extract
from isd_pipeline.data.splits import splits_by_patient

DEMO = Path(__file__).parents[3] / "shared" / "data" / "mimic3_demo"
needs_demo = pytest.mark.skipif(not DEMO.exists(), reason="the MIMIC-III demo is not here")


def table(schema, *rows):
    columns = zip(zip(*rows, strict=True), schema, strict=True)
    return pa.table([pa.array(list(cells), field.type) for cells, field in columns], schema=schema)


DOCUMENTS = pa.table({"document_id": list("abcdef"), "patient_id": list("uvwxyz")})
OWNER = dict(zip("abcdef", "uvwxyz", strict=True))
SPLIT = table(
    SPLITS,
    ("a", "train"),
    ("b", "train"),
    ("c", "dev"),
    ("d", "test"),
    ("e", "train"),
    ("f", "train"),
)
TITLE = table(
    TITLES,
    ("038.9", "diagnosis", "Septicemia"),
    ("585.1", "diagnosis", "Stage I"),
    ("585.9", "diagnosis", "Kidney, unspecified"),
    ("401", "diagnosis", "Hypertension"),
    ("03.31", "procedure", "Spinal tap"),
)


def codes(*rows):
    return stream_table(table(CODES, *((d, OWNER[d], s, c) for d, s, c in rows)))


ROWS = codes(  # f has no row, e only an empty one
    ("a", "diagnosis", "0389"),
    ("a", "diagnosis", "0389"),
    ("b", "diagnosis", "4019"),
    ("c", "diagnosis", "585"),
    ("d", "diagnosis", "E8788"),
    ("e", "diagnosis", None),
    ("a", "procedure", "0331"),
    ("d", "procedure", "0331"),
)


def test_documents_without_a_code_are_kept_where_the_user_says_so(caplog):
    kept = make_cohort(DOCUMENTS, ROWS, TITLE, SPLIT, label_space="clean", keep_uncoded=True)
    without = {d: list(x) for d, x in zip(*kept.labels.to_pydict().values(), strict=True) if not x}
    assert without == {"e": [], "f": []}
    assert kept.splits.num_rows == SPLIT.num_rows
    assert kept.counts["documents_kept_without_a_code"] == 2
    assert "documents_without_code_rows" not in kept.counts
    assert "2 documents have no code: kept as notes to which no code belongs" in caplog.text
    top = make_cohort(
        DOCUMENTS,
        ROWS,
        TITLE,
        SPLIT,
        label_space="clean",
        top=["401.9", "585", "E878.8"],
        keep_uncoded=True,
    )
    assert top.counts["documents_kept_without_a_code"] == 3  # a has only others


def test_the_index_has_every_code_of_every_split_by_code_point_with_a_title():
    cohort = make_cohort(DOCUMENTS, ROWS, TITLE, SPLIT, label_space="clean")
    assert dict(zip(cohort.codes.codes, cohort.codes.titles, strict=True)) == {
        "03.31": "Spinal tap",
        "038.9": "Septicemia",
        "401.9": "Hypertension",  # its parent's
        "585": "Kidney, unspecified",  # its unspecified child's
        "E878.8": "E878.8",  # none at all
    }
    assert cohort.codes.systems[0] == "procedure"
    assert list(cohort.codes.codes) == sorted(cohort.codes.codes)
    assert (cohort.counts["titles_borrowed"], cohort.counts["titles_missing"]) == (2, 1)
    assert cohort.codes.title_of == {"401.9": "401", "585": "585.9"}


def test_an_index_keeps_whose_titles_it_has_and_its_fingerprint_is_of_the_words_alone(tmp_path):
    index = make_cohort(DOCUMENTS, ROWS, TITLE, SPLIT, label_space="caml").codes
    index.save(tmp_path / "codes.json")
    assert CodeIndex.open(tmp_path / "codes.json") == index
    plain = CodeIndex(index.codes, index.systems, index.titles)
    assert plain.fingerprint == index.fingerprint  # trainings of before are of the same codes
    plain.save(tmp_path / "codes.json")
    assert CodeIndex.open(tmp_path / "codes.json").title_of == {}


def test_a_title_that_was_lent_when_the_tables_were_read_is_known_as_lent():
    lent = TITLE.append_column(LENDER, pa.array([None, None, None, "400-405", None], pa.string()))
    assert make_cohort(DOCUMENTS, ROWS, lent, SPLIT, label_space="clean").codes.title_of == {
        "401.9": "400-405",  # 401 has it from there
        "585": "585.9",
    }


def test_an_admission_without_a_row_goes_and_one_with_empty_codes_stays_for_the_words(caplog):
    cohort = make_cohort(DOCUMENTS, ROWS, TITLE, SPLIT, label_space="caml")
    assert cohort.splits["document_id"].to_pylist() == list("abcde")
    assert dict(zip(*(cohort.labels[n].to_pylist() for n in LABELS.names), strict=True))["e"] == []
    assert cohort.counts["documents_without_code_rows"] == 1
    assert cohort.counts["train_documents"] == 3
    assert cohort.counts["train_documents_with_code"] == 2
    assert "1 documents have notes and no row of codes" in caplog.text


def test_the_top_codes_count_repeats_and_the_first_met_wins_a_tie():
    labels = table(LABELS, ("1", ["x", "y"]), ("2", ["z", "z", "y"]), ("3", ["w"]))
    assert top_codes(labels, 3) == ["y", "z", "x"]


def test_a_top_cohort_keeps_only_those_codes_and_who_has_one():
    cohort = make_cohort(
        DOCUMENTS, ROWS, TITLE, SPLIT.slice(0, 4), label_space="caml", top=["33.1", "401.9", "585"]
    )
    assert cohort.codes.codes == ("33.1", "401.9", "585")
    assert cohort.codes.titles[0] == "Spinal tap"
    assert cohort.labels.to_pylist() == [
        {"document_id": "a", "labels": ["33.1"]},
        {"document_id": "b", "labels": ["401.9"]},
        {"document_id": "c", "labels": ["585"]},
        {"document_id": "d", "labels": ["33.1"]},
    ]


def test_the_top_is_counted_over_all_admissions_and_not_only_over_the_lists():
    everyone = [(document, "diagnosis", "4019") for document in "abcd"]
    rows = codes(*[("a", "diagnosis", "0389")] * 4, *everyone, ("f", "diagnosis", "4019"))
    cohort = make_cohort(DOCUMENTS, rows, TITLE, SPLIT.slice(0, 4), label_space="clean", top=1)
    assert cohort.codes.codes == ("401.9",)


def test_an_unlabelled_report_needs_no_code():
    splits = pa.concat_tables([SPLIT.slice(0, 4), table(SPLITS, ("f", "unlabelled"))])
    cohort = make_cohort(DOCUMENTS, ROWS, TITLE, splits, label_space="clean")
    assert cohort.splits.to_pylist()[-1] == {"document_id": "f", "split": "unlabelled"}
    assert "f" not in cohort.labels["document_id"].to_pylist()


def test_the_same_admission_with_another_patient_in_the_notes_is_refused():
    stranger = table(CODES, ("a", "zz", "diagnosis", "0389"))
    rows = stream_table(pa.concat_tables([ROWS.read(), stranger]))
    with pytest.raises(ValueError, match="1 code rows give an admission another patient"):
        make_cohort(DOCUMENTS, rows, TITLE, SPLIT, label_space="clean")


def test_no_notes_or_no_codes_is_said():
    with pytest.raises(ValueError, match="no notes to label"):
        make_cohort(DOCUMENTS.slice(0, 0), ROWS, TITLE, SPLIT, label_space="clean")
    with pytest.raises(ValueError, match="has a code"):
        make_cohort(DOCUMENTS, stream_table(CODES.empty_table()), TITLE, SPLIT, label_space="clean")
    with pytest.raises(ValueError, match="split test has no document with a code"):
        make_cohort(DOCUMENTS, ROWS, TITLE, SPLIT.slice(0, 3), label_space="clean")


def test_an_index_finds_positions_and_comes_back_from_its_file(tmp_path):
    index = CodeIndex(("03.31", "038.9"), ("procedure", "diagnosis"), ("Spinal tap", "Septicemia"))
    index.save(tmp_path / "codes.json")
    assert CodeIndex.open(tmp_path / "codes.json") == index
    assert [index.position(code) for code in index.codes] == [0, 1]
    assert len(index.fingerprint) == 16
    other = CodeIndex(index.codes, index.systems, ("Tap", "Septicemia"))
    assert other.fingerprint != index.fingerprint


def test_a_changed_index_file_is_refused(tmp_path):
    path = tmp_path / "codes.json"
    CodeIndex(("03.31",), ("procedure",), ("Spinal tap",)).save(path)
    content = json.loads(path.read_text())
    content["codes"][0][0] = "03.32"
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match="do not fit their fingerprint"):
        CodeIndex.open(path)


@pytest.mark.parametrize("codes", [("b", "a"), ("a", "a")])
def test_an_index_is_sorted_and_has_no_code_twice(codes):
    with pytest.raises(ValueError, match="once, sorted by code point"):
        CodeIndex(codes, ("diagnosis",) * 2, ("", ""))


def test_firm_counts_stop_and_others_warn(caplog):
    expected = {"a": Expected(10, "N"), "b": Expected(5, "R"), "c": Expected(7, "S")}
    expected["d"] = Expected(1, "E")
    assert check_counts({"a": 10, "b": 4, "c": 7}, expected) == [
        "a: 10, expected 10 (N)",
        "b: 4, expected 5 (R), difference -1",
        "c: 7, expected 7 (S)",
    ]
    assert "difference -1" in caplog.text
    with pytest.raises(ValueError, match=r"a: 9, expected 10 \(N\), difference -1; d: 2, .*\+1"):
        check_counts({"a": 9, "d": 2}, expected)


def test_a_table_of_notes_cut_at_a_row_end_is_stopped_by_its_count():
    with pytest.raises(ValueError, match=r"note_records: 2,083,179, expected 2,083,180 \(N\)"):
        check_counts({"note_records": 2_083_179}, MIMIC3)


def test_the_pinned_top_50_is_fifty_and_another_is_refused():
    assert len(set(CAML_TOP_50)) == 50
    refuse_other_top_50(CAML_TOP_50[::-1], CAML_TOP_50)
    with pytest.raises(ValueError, match=r"250\.02 instead of 37\.23"):
        refuse_other_top_50((*CAML_TOP_50[:-1], "250.02"), CAML_TOP_50)


@needs_demo
def test_the_demo_is_read_as_it_is():
    found = extract(DEMO)
    codes = found.codes.read()
    assert found.notes.read().num_rows == 0
    assert found.counts["note_records"] == 0
    assert (found.counts["diagnosis_rows"], found.counts["procedure_rows"]) == (1_761, 506)
    assert found.counts["admissions_with_code_rows"] == 129
    assert found.counts["titles"] == 14_567 + 3_882
    leading = [c for c in codes["code"].to_pylist() if c.startswith("0")]
    assert len(leading) == 71 + 34


@needs_demo
@pytest.mark.parametrize("space", ["clean", "caml"])
def test_the_demos_codes_make_a_cohort(space):
    found = extract(DEMO)
    codes = found.codes.read()
    documents = (
        codes.select(["document_id", "patient_id"])
        .group_by(["document_id", "patient_id"], use_threads=False)
        .aggregate([])
    )
    splits, _ = splits_by_patient(documents, seed=1)
    titles = found.titles.read()
    cohort = make_cohort(documents, found.codes, titles, splits, label_space=space, top=50)
    assert cohort.counts["labels"] == 50
    assert cohort.counts["titles_missing"] == 0
    held = Counter(label for row in cohort.labels["labels"].to_pylist() for label in row)
    assert set(held) <= set(cohort.codes.codes)


@needs_demo
def test_the_demo_has_no_notes_to_preprocess_and_that_is_said():
    notes = extract(DEMO).notes.select(["document_id", "patient_id"]).read()
    with pytest.raises(ValueError, match="no notes to split"):
        splits_by_patient(notes, seed=1)
