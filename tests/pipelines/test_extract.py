"""A cohort's section chooses the reader, and of CodiEsp the language and the kind of codes."""

from pathlib import Path

import pytest

from isd_pipeline.data.example import write_example
from isd_pipeline.data.tables import stream_table
from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents
from isd_pipeline.pipelines.preprocess.nodes import label, tokenize
from isd_pipeline.pipelines.sections import revision_of
from tests.data.test_codiesp import corpus

OF_WHOM = ("document_id", "patient_id")
KINDS = {
    "diagnoses": {"diagnosis"},
    "procedures": {"procedure"},
    "both": {"diagnosis", "procedure"},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_codiesp_cohort_has_the_kind_of_codes_its_section_asks_for(tmp_path, kind):
    conf = {"c": {"extract": {"source": "codiesp", "raw": str(corpus(tmp_path)), "kind": kind}}}
    _, codes, titles, _ = extract_tables(conf, "c")
    assert set(codes.read()["system"].to_pylist()) == KINDS[kind]
    assert set(titles.read()["system"].to_pylist()) == KINDS[kind]


def cohorts(folder: Path, **extract: object) -> dict:
    return {"mine": {"extract": {"source": "own", "raw": str(folder), **extract}}}


def test_own_data_go_through_extraction_and_labelling(tmp_path):
    write_example(tmp_path / "own", documents=120)
    conf = cohorts(tmp_path / "own", own={"system": "icd10cm"})
    notes, codes, titles, found = extract_tables(conf, "mine")
    splits, cohort_splits, counts = split_documents(notes, found, conf, "mine")
    assert counts["train_ids"] + counts["dev_ids"] + counts["test_ids"] == 120
    assert splits.equals(cohort_splits)
    words = tokenize(notes, conf, "mine")
    splits_there = stream_table(cohort_splits)
    labels, kept, index, labelled = label(words, codes, titles, splits_there, conf, "mine")
    assert len(index) == 15
    assert index.titles[index.position("I10")] == "Essential (primary) hypertension"
    assert labels.num_rows == kept.num_rows == 120
    assert labelled["titles_missing"] == 0
    patient_of = dict(zip(*(notes.read()[n].to_pylist() for n in OF_WHOM), strict=True))
    pairs = {(patient_of[row["document_id"]], row["split"]) for row in splits.to_pylist()}
    assert len(pairs) == len(set(patient_of.values()))


def test_a_misspelt_key_of_the_layout_is_refused_with_the_near_match(tmp_path):
    conf = cohorts(tmp_path, own={"seperator": ";"})
    with pytest.raises(ValueError, match=r"extract\.own has no 'seperator'; did you mean 'sepa"):
        extract_tables(conf, "mine")


def test_the_revision_of_own_codes_is_that_of_their_system(tmp_path):
    assert revision_of(cohorts(tmp_path, own={"system": "icd9cm"}), "mine") == "icd9"
    assert revision_of(cohorts(tmp_path), "mine") == "icd10"
