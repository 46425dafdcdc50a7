"""A hospital settled to given figures counts them to the unit, by the pipeline's own counting."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from isd_pipeline.data.codes import labels
from isd_pipeline.data.cohorts import labels_of_cohort
from isd_pipeline.data.io.tables import table_of
from isd_pipeline.data.sources import mimic3
from isd_pipeline.synthetic import HospitalSettings, hospital
from isd_pipeline.synthetic.census import settle
from isd_pipeline.synthetic.census_figures import Figures, mimic3_figures
from isd_pipeline.synthetic.codes import catalogue
from isd_pipeline.synthetic.paraphrase import paraphrases, signs
from isd_pipeline.synthetic.patients import Registry
from isd_pipeline.synthetic.rare_words import WordFigures, mimic3_words, words_to_add
from isd_pipeline.text.tokens import tokenize_notes, words_of

SMALL = HospitalSettings(admissions=2_000, seed=3, words=150, other_notes=2, code_pool=4_000)
FIGURES = Figures(
    note_records=6_000, reports=1_850, addenda=150, admissions_with_summary=1_790,
    train=1_500, dev=90, test=200, without_code=3, diagnosis_rows=22_000, procedure_rows=8_500,
    diagnosis_rows_without_code=9, diagnosis_labels=2_000, clean_labels=2_600, caml_labels=2_590,
    caml_labels_before_filtering=2_640,
)  # fmt: skip
BLOCK = 1_024  # rows that pandas reads at once: few, so that some blocks hold numbers alone
WORDS = WordFigures(tokens=450_000, types=16_000, train_types=15_000, vocabulary=7_000)


@pytest.fixture(scope="module", autouse=True)
def small_blocks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "BLOCK", BLOCK)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("census")
    settings = replace(SMALL)
    object.__setattr__(settings, "census", "mimic3")  # which asks for all 58,976 admissions
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hospital, "mimic3_figures", lambda: FIGURES)
        patch.setattr(hospital, "mimic3_words", lambda: WORDS)
        hospital.write_hospital(folder, settings)
    return folder


def ids(folder: Path, split: str) -> list[str]:
    return (folder / f"{split}_full_hadm_ids.csv").read_text().split()


def test_rows_and_admissions_are_those_asked_for(folder: Path) -> None:
    counts = mimic3.extract(folder).counts
    assert counts["admissions_with_code_rows"] == SMALL.admissions
    for name in ("note_records", "reports", "addenda", "admissions_with_summary", "diagnosis_rows",
                 "procedure_rows", "diagnosis_rows_without_code"):  # fmt: skip
        assert counts[name] == getattr(FIGURES, name), name


def test_splits_have_their_sizes_and_share_no_patient(folder: Path) -> None:
    sizes = {split: len(ids(folder, split)) for split in ("train", "dev", "test")}
    assert sizes == {"train": FIGURES.train, "dev": FIGURES.dev, "test": FIGURES.test}
    with (folder / "ADMISSIONS.csv").open(newline="") as file:
        patient = {row["HADM_ID"]: row["SUBJECT_ID"] for row in csv.DictReader(file)}
    owners = [{patient[one] for one in ids(folder, split)} for split in sizes]
    assert len(set.union(*owners)) == sum(map(len, owners))


@pytest.mark.parametrize("space", ["clean", "caml"])
def test_labels_are_those_asked_for_in_both_spaces(folder: Path, space: str) -> None:
    found, names = mimic3.extract(folder), ["document_id", "patient_id"]
    pairs = zip(*found.notes.select(names).read().to_pydict().values(), strict=True)
    documents = table_of(dict.fromkeys(pairs), pa.schema([(name, pa.string()) for name in names]))
    table, sources, counts = labels_of_cohort(documents, found.codes, label_space=space)
    distinct = {label for row in table["labels"].to_pylist() for label in row}
    assert len(distinct) == getattr(FIGURES, f"{space}_labels")
    assert sum(sources[one][0] == "diagnosis" for one in distinct) == FIGURES.diagnosis_labels
    if space == "caml":
        wanted = FIGURES.caml_labels_before_filtering
        assert counts["caml_labels_before_filtering"] == wanted
    empty = [one for one, row in zip(*table.to_pydict().values(), strict=True) if not row]
    assert len(empty) == FIGURES.without_code
    assert set(empty) <= set(ids(folder, "train"))


def test_words_are_those_asked_for(folder: Path) -> None:
    train = set(ids(folder, "train"))
    documents, types, tokens = Counter[str](), set[str](), 0
    for batch in tokenize_notes(mimic3.extract(folder).notes):
        for document, words in zip(batch["document_id"].to_pylist(), words_of(batch), strict=True):
            tokens += len(words)
            types.update(words)
            if document in train:
                documents.update(set(words))
    assert (tokens, len(types), len(documents)) == (WORDS.tokens, WORDS.types, WORDS.train_types)
    assert sum(count >= 3 for count in documents.values()) == WORDS.vocabulary


def test_marks_still_stand_on_the_words_that_tell_of_the_code(folder: Path) -> None:
    with (folder / "NOTEEVENTS.csv").open(newline="") as file:
        texts = {row["ROW_ID"]: row["TEXT"] for row in csv.DictReader(file)}
    with (folder / "EVIDENCE.csv").open(newline="") as file:
        marks = list(csv.DictReader(file))
    known = {(code.system, code.code): code for code in catalogue()}
    assert len(marks) > 5_000
    for mark in marks[::10]:
        phrase = texts[mark["ROW_ID"]][int(mark["BEGIN"]) : int(mark["END"])].replace("\n", " ")
        code = known[mark["SYSTEM"], mark["ICD9_CODE"]]
        said = (*paraphrases(code), *signs(code))
        assert sorted(phrase) in [sorted(one) for one in said]  # a misspelling swaps two letters


def test_the_same_settings_are_settled_alike() -> None:
    once, again = (settle(Registry(SMALL), FIGURES) for _ in range(2))
    assert once == again


@pytest.mark.parametrize(
    ("name", "value"),
    [("admissions_with_summary", 2_001), ("diagnosis_labels", 3_900), ("caml_labels", 1)],
)
def test_a_figure_that_cannot_be_met_is_named(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=r"admissions|code_pool|caml_labels"):
        settle(Registry(SMALL), replace(FIGURES, **{name: value}))


def test_more_words_than_are_wanted_are_told() -> None:
    settled = settle(Registry(SMALL), FIGURES)
    with pytest.raises(ValueError, match=r"tokens: .* already, 300 are"):
        words_to_add(Registry(SMALL, settled), replace(WORDS, tokens=300))


def test_the_figures_of_mimic_are_the_published_ones() -> None:
    figures = mimic3_figures()
    assert (figures.train, figures.dev, figures.test) == (47_723, 1_631, 3_372)
    assert (figures.caml_labels, figures.clean_labels) == (8_921, 8_929)
    assert figures.note_records == 2_083_180
    assert mimic3_words() == WordFigures(
        tokens=79_801_387, types=150_854, train_types=140_795, vocabulary=51_917
    )
