"""A cohort's section chooses the reader, and of CodiEsp the language and the kind of codes."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.compute as pc
import pytest
from scipy.sparse import csr_matrix

from isd_pipeline.config.extract import revision_of
from isd_pipeline.data.codes.hierarchy import code_tree
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.custom.example import write_example
from isd_pipeline.data.custom.tree import CustomTree
from isd_pipeline.data.io.tables import stream_table
from isd_pipeline.models.registry import load
from isd_pipeline.pipelines.evaluate.nodes import stratify
from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents
from isd_pipeline.pipelines.preprocess.nodes import label, tokenize
from isd_pipeline.predictors.network import initialisation
from isd_pipeline.text.vocabulary import Vocabulary
from tests.data.sources import test_cantemist as cantemist
from tests.data.sources.test_codiesp import MARKED, corpus

OF_WHOM = ("document_id", "patient_id")


KINDS = {
    "diagnoses": {"diagnosis"},
    "procedures": {"procedure"},
    "both": {"diagnosis", "procedure"},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_codiesp_cohort_has_the_kind_of_codes_its_section_asks_for(tmp_path, kind):
    conf = {"c": {"extract": {"source": "codiesp", "raw": str(corpus(tmp_path)), "kind": kind}}}
    _, codes, titles, _, _ = extract_tables(conf, "c")
    assert set(codes.read()["system"].to_pylist()) == KINDS[kind]
    assert set(titles.read()["system"].to_pylist()) == KINDS[kind]


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_marks_of_a_spanish_cohort_are_of_the_kind_of_its_codes(tmp_path, kind):
    raw = str(corpus(tmp_path, train__trainX_tsv=MARKED))
    conf = {"c": {"extract": {"source": "codiesp", "raw": raw, "language": "es", "kind": kind}}}
    *_, mentions, _ = extract_tables(conf, "c")
    marks = mentions.filter(pc.field("document_id") == "A1")
    assert set(marks["system"].to_pylist()) == KINDS[kind]


def test_cantemist_goes_through_extraction_and_labelling_with_its_tree(tmp_path):
    raw = str(cantemist.corpus(tmp_path))
    conf = {"c": {"extract": {"source": "cantemist", "raw": raw, "language": "es"}}}
    notes, codes, titles, mentions, found = extract_tables(conf, "c")
    assert mentions.num_rows == 6
    splits, cohort_splits, _ = split_documents(notes, found, conf, "c")
    assert splits.equals(cohort_splits)
    words = tokenize(notes, conf, "c")
    labels, _, index, counts = label(words, codes, titles, stream_table(splits), conf, "c")
    assert index.codes == ("8000/6", "8070/3", "8140/3", "8140/33/H", "8720/2")
    assert index.titles == ("metástasis", "8070/3", "adenocarcinoma", "8140/33/H", "8720/2")
    assert counts["titles_missing"] == 3
    assert labels.num_rows == 4
    tree = code_tree(index, revision_of(conf, "c"))
    assert [tree.names[n] for n in tree.above(3)] == ["o:8140", "o:814", "o:814-838"]
    index.save(tmp_path / "index.json")
    assert CodeIndex.open(tmp_path / "index.json") == index


@pytest.mark.parametrize(
    ("section", "told"),
    [
        (
            {"source": "cantemist", "raw": "x"},
            "are Spanish; say language: es",
        ),
        (
            {"source": "codiesp", "raw": "x", "dev": "dev1"},
            "dev='dev1' is for the",
        ),
    ],
)
def test_settings_that_a_source_does_not_have_are_refused(section, told):
    with pytest.raises(ValueError, match=told):
        revision_of({"c": {"extract": section}}, "c")


def cohorts(folder: Path, **extract: object) -> dict:
    return {"mine": {"extract": {"source": "custom", "raw": str(folder), **extract}}}


def test_own_data_go_through_extraction_and_labelling(tmp_path):
    write_example(tmp_path / "own", documents=120)
    conf = cohorts(tmp_path / "own", custom={"system": "icd10cm"})
    notes, codes, titles, _, found = extract_tables(conf, "mine")
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


def test_the_parents_of_an_own_table_reach_the_tree_of_the_graph_models(tmp_path):
    notes = "".join(f"{n},some words,{s}\n" for n, s in enumerate(("train", "dev", "test")))
    (tmp_path / "notes.csv").write_text("id,text,split\n" + notes)
    codes = "".join(f"{n},{code}\n" for n in range(3) for code in ("101", "102", "21"))
    (tmp_path / "codes.csv").write_text("id,code\n" + codes)
    table = (
        "code,title,parent\n1,Heart,\n10,Valves,1\n101,Mitral,10\n102,Aortic,10\n11,Other,1\n21,,\n"
    )
    (tmp_path / "table.csv").write_text(table)
    conf = cohorts(tmp_path, custom={"system": "local", "table": "table.csv"})
    notes, codes, titles, _, found = extract_tables(conf, "mine")
    _, splits, _ = split_documents(notes, found, conf, "mine")
    words = tokenize(notes, conf, "mine")
    _, _, index, _ = label(words, codes, titles, stream_table(splits), conf, "mine")
    assert index.titles == ("Mitral", "Aortic", "21")
    index.save(tmp_path / "index.json")
    assert CodeIndex.open(tmp_path / "index.json") == index
    assert index.fingerprint != replace(index, custom=None).fingerprint
    tree = code_tree(index, "icd10")
    assert tree.names == ("o:101", "o:102", "o:21", "o:1", "o:10")
    assert tree.parents.tolist() == [4, 4, -1, -1, 3]
    vectors = SimpleNamespace(matrix=np.zeros((3, 4), dtype=np.float32))
    data = SimpleNamespace(
        documents={"train": SimpleNamespace(label_matrix=lambda n: csr_matrix(np.ones((2, n))))},
        codes=index,
        vocabulary=Vocabulary(("words",)),
        revision="icd10",
        vectors=lambda: SimpleNamespace(words=vectors, code_words=vectors, codes=vectors),
    )
    known, _ = initialisation(load("hypercore"), None, data, seed=1)
    assert known.hyperbolic.shape[0] == 3
    assert known.tree.parents.tolist() == tree.parents.tolist()


@pytest.mark.parametrize(("parent", "chapters"), [("1", ["1 Heart", "below nothing"]), ("", [])])
def test_a_run_is_counted_by_the_topmost_parents_of_an_own_table(parent, chapters):
    rows = (("1", "", "Heart"), ("10", parent, "Valves"), ("40", "", "Other"))
    own = CustomTree.over(("10", "40"), rows)
    index = CodeIndex(("10", "40"), ("diagnosis",) * 2, ("Valves", "Other"), own)
    gold = csr_matrix(np.array([[True, False], [True, True]]))
    one = SimpleNamespace(label_matrix=lambda n: gold, lengths=np.array([3, 4]))
    scores, metrics = {"test": np.ones((2, 2))}, {"test": {"threshold_tuned": 0.0}}
    strata, _ = stratify(scores, {"train": one, "test": one}, index, metrics)
    assert [row["stratum"] for row in strata["chapter"]] == chapters


def test_a_misspelt_key_of_the_layout_is_refused_with_the_near_match(tmp_path):
    conf = cohorts(tmp_path, custom={"seperator": ";"})
    with pytest.raises(ValueError, match=r"extract\.custom has no 'seperator'; did you mean 'sepa"):
        extract_tables(conf, "mine")


def test_the_revision_of_own_codes_is_that_of_their_system(tmp_path):
    assert revision_of(cohorts(tmp_path, custom={"system": "icd9cm"}), "mine") == "icd9"
    assert revision_of(cohorts(tmp_path), "mine") == "icd10"
