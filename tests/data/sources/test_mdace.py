"""Marks of MDACE over notes of MIMIC-III's layout: where they stand, and what does not fit."""

from __future__ import annotations

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.expected_counts import expected_counts
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.data.sources import mimic3
from isd_pipeline.data.sources.mdace import mdace_splits, read_annotations, with_mentions
from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents
from tests.data.sources.mdace_layout import (
    ZIP,
    chart,
    coded,
    lay_hospital,
    needs_release,
    word_of,
    write_release,
)

CM, PCS = "ICD-9-CM", "ICD-9-PCS"
MARKS = {
    11: [(4, 9, "401.9", CM), (20, 31, "38.93", PCS), (4, 9, "401.9", CM)],
    12: [(0, 6, "V58.61", CM)],
}
CHARTS = [
    chart(100, MARKS),
    chart(200, {21: [(5, 12, "428.0", CM), (5, 12, "93000", "CPT")]}),
    chart(300, {31: [(9, 14, "401.9", CM)]}),
]
SPLITS = {"train": [100], "val": [200], "test": [300]}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return write_release(tmp_path / "mdace.zip", CHARTS, SPLITS)


@pytest.fixture
def hospital(release: Path, tmp_path: Path) -> Path:
    lay_hospital(tmp_path / "mimic", read_annotations(release, "data/Inpatient/ICD-9"))
    return tmp_path / "mimic"


def test_a_mark_is_a_row_and_its_place_is_where_the_word_stands(
    release: Path, hospital: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = with_mentions(mimic3.extract(hospital), release)
    assert found.mentions is not None
    assert [tuple(row.values()) for row in found.mentions.to_pylist()] == [
        ("100", "11", "diagnosis", "401.9", 4, 9, 0),
        ("100", "11", "procedure", "38.93", 20, 31, 1),
        ("100", "12", "diagnosis", "V58.61", 0, 6, 2),
        ("200", "21", "diagnosis", "428.0", 5, 12, 3),
        ("300", "31", "diagnosis", "401.9", 9, 14, 4),
    ]
    texts = {row["note_id"]: row["text"] for row in found.notes.read().to_pylist()}
    for row in found.mentions.to_pylist():
        stretch = texts[row["note_id"]][row["begin"] : row["end"]]
        assert stretch.startswith(word_of(row["code"])[: len(stretch)])
    counts = {name: n for name, n in found.counts.items() if name.startswith("mdace_")}
    assert counts == {
        "mdace_marks": 5,
        "mdace_marked_documents": 3,
        "mdace_marks_twice": 1,
        "mdace_marks_of_other_systems": 1,
        "mdace_marks_of_codes_without_title": 0,
        "mdace_marks_that_cut_a_word": 0,
    }
    assert "of 7 annotations: marks 5, marked documents 3, marks twice 1" in caplog.text


def test_a_folder_reads_as_the_zip_it_came_from(release: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(release).extractall(tmp_path / "unpacked")
    places = [mark.row for mark in coded(read_annotations(release, "data/Inpatient/ICD-9"))]
    again = read_annotations(tmp_path / "unpacked", "data/Inpatient/ICD-9")
    assert [mark.row for mark in coded(again)] == places
    assert mdace_splits(tmp_path / "unpacked") == mdace_splits(release)


def test_what_the_cohort_has_no_note_for_is_left_out_by_kind_and_told(
    hospital: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = [
        chart(100, {19: [(0, 5, "401.9", CM), (7, 9, "428.0", CM)]}, category="Physician "),
        chart(900, {91: [(0, 5, "401.9", CM)]}),
    ]
    release = write_release(tmp_path / "more.zip", [*CHARTS[1:], *other], SPLITS)
    found = with_mentions(mimic3.extract(hospital), release)
    assert found.mentions is not None
    assert set(found.mentions["document_id"].to_pylist()) == {"200", "300"}
    assert found.counts["mdace_marks_left_out_physician"] == 2
    assert found.counts["mdace_marks_left_out_admissions_not_here"] == 1
    assert "marks left out physician 2, marks left out admissions not here 1" in caplog.text


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ({31: [(9, 14, "401.9", CM), (9, 9_999, "401.9", CM)]}, "1 beyond the end of the note"),
        ({31: [(9, 9, "401.9", CM)]}, "1 empty"),
        ({31: [(14, 15, "401.9", CM)]}, "1 of white space alone"),
        ({11: [(4, 9, "401.9", CM)]}, "1 in a note of another admission"),
        ({32: [(4, 9, "401.9", CM)]}, "1 in a summary that its admission lacks"),
        ({31: [(9, 14, "I10", CM)]}, "1 of a code that is no ICD-9"),
        ({31: [(9, 14, "4019", CM)]}, "1 of a code that is no ICD-9"),
    ],
    ids=["beyond", "empty", "blank", "other", "missing", "icd10", "undotted"],
)
def test_a_mark_that_does_not_fit_its_note_is_refused_with_its_place(
    hospital: Path, tmp_path: Path, notes: dict, told: str
) -> None:
    broken = write_release(tmp_path / "broken.zip", [*CHARTS[:2], chart(300, notes)], SPLITS)
    with pytest.raises(ValueError, match=f"marks do not fit the notes: {told}; the first is") as e:
        with_mentions(mimic3.extract(hospital), broken)
    number = len(next(iter(notes.values())))
    assert f"300-ICD-9.json, note {next(iter(notes))}, annotation {number};" in str(e.value)
    assert "\n" not in str(e.value)
    assert not any(word_of(code) in str(e.value) for code in ("401.9", "428.0"))


def test_a_mark_that_cuts_a_word_is_counted_and_so_is_a_code_without_title(
    hospital: Path, tmp_path: Path
) -> None:
    odd = chart(300, {31: [(10, 14, "401.9", CM), (9, 14, "250.00", CM)]})
    found = with_mentions(
        mimic3.extract(hospital), write_release(tmp_path / "odd.zip", [odd], SPLITS)
    )
    assert found.counts["mdace_marks_that_cut_a_word"] == 1
    assert found.counts["mdace_marks_of_codes_without_title"] == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (json.dumps(CHARTS[0])[:200], "100-ICD-9.json: not a whole chart of MDACE"),
        ('{"hadm_id": 100}', "not a whole chart"),
        (json.dumps(chart(100, {11: [("4", 9, "401.9", CM)]})), "annotation 1: no begin that is"),
    ],
    ids=["half", "without_notes", "text_for_number"],
)
def test_a_broken_chart_is_told_in_a_line(tmp_path: Path, text: str, told: str) -> None:
    with zipfile.ZipFile(tmp_path / "half.zip", "w") as archive:
        archive.writestr("data/Inpatient/ICD-9/1.0/100-ICD-9.json", text)
    with pytest.raises(ValueError, match=told) as caught:
        read_annotations(tmp_path / "half.zip", "data/Inpatient/ICD-9")
    assert "\n" not in str(caught.value)


def test_half_a_zip_and_a_path_to_nothing_are_told(release: Path, tmp_path: Path) -> None:
    half = tmp_path / "half.zip"
    half.write_bytes(release.read_bytes()[:300])
    with pytest.raises(ValueError, match="not a whole zip file"):
        read_annotations(half, "data/Inpatient/ICD-9")
    with pytest.raises(FileNotFoundError, match="no such file; give"):
        mdace_splits(tmp_path / "none.zip")
    with pytest.raises(FileNotFoundError, match="holds no data/Profee"):
        read_annotations(release, "data/Profee/ICD-9")


@pytest.mark.parametrize(
    ("splits", "told"),
    [
        ({"train": [100], "val": [200]}, "MDace-ev-test.csv: not a list of admissions"),
        ({**SPLITS, "test": ["x"]}, "MDace-ev-test.csv: not a list of admissions"),
        ({**SPLITS, "test": [100]}, "admission 100 is in train and in test"),
    ],
    ids=["missing", "no_number", "shared"],
)
def test_split_lists_that_are_no_lists_are_refused(tmp_path: Path, splits: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        mdace_splits(write_release(tmp_path / "mdace.zip", CHARTS, splits))


def cohort(raw: Path, **extract: object) -> dict:
    return {"c": {"extract": {"source": "mimic3", "raw": str(raw), **extract}}}


def test_the_charts_go_where_their_authors_put_them(release: Path, hospital: Path) -> None:
    for split, ids in {"train": [300], "dev": [200], "test": [100]}.items():
        (hospital / f"{split}_full_hadm_ids.csv").write_text("".join(f"{i}\n" for i in ids))
    for split, expected, moved in (("lists", ["test", "dev", "train"], 0), ("mdace", None, 2)):
        conf = cohort(hospital, mdace=str(release), split=split)
        notes, *_, mentions, found = extract_tables(conf, "c")
        assert mentions.num_rows == 5
        splits, _, counts = split_documents(notes, found, conf, "c")
        assert splits["split"].to_pylist() == (expected or ["train", "dev", "test"])
        assert counts.get("documents_moved", 0) == moved


def test_moved_charts_are_held_against_no_published_size_of_a_split() -> None:
    of = {"source": "mimic3", "raw": "x", "label_space": "caml", "real": True}
    lists = expected_counts(ExtractSettings(**of), {})
    moved = expected_counts(ExtractSettings(**of, mdace="m.zip", split="mdace"), {})
    assert moved["labels"] == lists["labels"]
    assert moved["note_records"] == lists["note_records"]
    assert {name for name in lists if name not in moved} == {
        "source_types",
        "vocabulary",
        *(f"{split}_ids" for split in ("train", "dev", "test")),
        *(f"{split}_documents_with_code" for split in ("train", "dev", "test")),
    }


def test_settings_that_have_no_sense_without_the_release_are_refused() -> None:
    for extract, told in (
        ({"source": "codiesp", "raw": "x", "mdace": "m.zip"}, "source mimic3 alone"),
        ({"source": "mimic3", "raw": "x", "split": "mdace"}, "need `mdace`"),
        ({"source": "mimic3", "raw": "x", "mdace_set": "Profee"}, "need `mdace`"),
        ({"source": "mimic3", "raw": "x", "mdace": "m", "mdace_set": "Pro"}, "Profee"),
    ):
        with pytest.raises(ValueError, match=told):
            cohort_section({"c": {"extract": extract}}, "c", "extract", ExtractSettings)


@needs_release
@pytest.mark.parametrize(
    ("charts", "left"),
    [
        ("Inpatient", {"physician": 364, "radiology": 60, "general": 28}),
        ("Profee", {"physician": 2_082, "radiology": 1_269, "ecg": 256}),
    ],
)
def test_every_mark_of_the_release_stands_in_notes_laid_under_it(
    tmp_path: Path, charts: str, left: dict[str, int]
) -> None:
    marks = read_annotations(ZIP, f"data/{charts}/ICD-9")
    lay_hospital(tmp_path / "mimic", marks)
    conf = cohort(tmp_path / "mimic", mdace=str(ZIP), mdace_set=charts, split="mdace")
    notes, *_, mentions, found = extract_tables(conf, "c")
    summaries = {mark.row for mark in coded(marks) if mark.category == "Discharge summary"}
    assert {tuple(row.values())[:-1] for row in mentions.to_pylist()} == summaries
    billed = Counter(m.category.lower() for m in marks if m.code_system == "CPT")
    for kind, count in left.items():
        assert found.counts[f"mdace_marks_left_out_{kind}"] == count - billed[kind]
    splits, _, _ = split_documents(notes, found, conf, "c")
    sizes = Counter(splits["split"].to_pylist())
    assert [sizes[s] for s in ("train", "dev", "test")] == [
        len(ids & set(splits["document_id"].to_pylist()))
        for ids in mdace_splits(ZIP, charts).values()
    ]


@needs_release
@pytest.mark.parametrize("charts", ["Inpatient", "Profee"])
def test_every_chart_is_of_camls_test_list_and_is_moved_to_its_authors_lists(charts: str) -> None:
    """MDace-code-ev is CAML's split (47,719 / 1,631 / 3,372 with a code), the charts moved."""
    with zipfile.ZipFile(ZIP) as archive:
        lists = {
            split: set(archive.read(f"splits/{charts}/MDace-code-ev-{name}.csv").decode().split())
            for split, name in (("train", "train"), ("dev", "val"), ("test", "test"))
        }
    moved = mdace_splits(ZIP, charts)
    before = {split: lists[split] - moved[split] for split in ("train", "dev")}
    before["test"] = lists["test"] | moved["train"] | moved["dev"]
    assert {split: len(ids) for split, ids in before.items()} == {
        "train": 47_719,
        "dev": 1_631,
        "test": 3_372,
    }
    assert all(moved[split] <= lists[split] for split in moved)
