"""Every cohort's raw files, generated, go the way to encoded documents; counted again by pandas."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.compute as pc
import pytest
import yaml

from isd_pipeline.config.cohorts import cohort_section, name_in_paper
from isd_pipeline.config.extract import ExtractSettings, revision_of
from isd_pipeline.config.reports import stamp_of
from isd_pipeline.data.codes import icd
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import stream_table
from isd_pipeline.data.quality.published_counts import refuse_other_release
from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents
from isd_pipeline.pipelines.preprocess import nodes
from isd_pipeline.synthetic import (
    HospitalSettings,
    write_hospital,
    write_icustays,
    write_mimic2,
    write_mimic4,
)
from isd_pipeline.text.documents import Documents, open_splits

CONF = Path(__file__).parents[2] / "conf/base/parameters_cohorts.yml"
HOSPITAL = HospitalSettings(
    admissions=260, seed=3, words=150, codes_per_admission=6, code_pool=220, other_notes=0
)
SMALL = {"real": False, "min_documents": 5, "split_file": "split.feather"}
Coded = dict[str, set[str]]


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp(name) for name in ("mimic2", "mimic3", "mimic4")}
    write_mimic2(folders["mimic2"], HOSPITAL)
    write_hospital(folders["mimic3"], HOSPITAL)
    write_icustays(folders["mimic3"], HOSPITAL)
    write_mimic4(folders["mimic4"], HOSPITAL)
    return folders


def section(cohort: str, raw: dict[str, Path], **changed: Any) -> dict[str, Any]:
    """The cohort's own section, of the generated files, small and not called real."""
    cohorts = yaml.safe_load(CONF.read_text())["cohorts"]
    extract = cohorts[cohort]["extract"]
    extract |= {"raw": str(raw[extract["source"]]), "real": False} | changed
    return cohorts


def prepared(
    cohorts: dict[str, Any], cohort: str, folder: Path
) -> tuple[dict[str, Documents], CodeIndex, dict[str, int]]:
    """Through the nodes of `extract` and `preprocess`."""
    where = (cohorts, cohort)
    notes, codes, titles, _, extraction = extract_tables(*where)
    splits, some, read = split_documents(notes, extraction, *where)
    words = nodes.tokenize(notes, *where)
    labels, kept, index, labelled = nodes.label(words, codes, titles, stream_table(some), *where)
    vocabulary, counted = nodes.count_words(words, stream_table(splits), *where)
    counts = nodes.check_cohort(read, labelled, counted, index, *where)
    nodes.encode(words, labels, kept, vocabulary, index, *where)(folder)
    return open_splits(folder), index, counts


def coded(documents: dict[str, Documents], index: CodeIndex) -> Coded:
    """The labels of every document, of whichever split."""
    return {
        document: {index.codes[n] for n in those.labels_of(row)}
        for those in documents.values()
        for row, document in enumerate(those.ids.tolist())
    }


def frequent(by_document: Coded, at_least: int) -> Coded:
    """Labels of enough documents, and the documents that have one."""
    held = Counter(label for labels in by_document.values() for label in labels)
    kept = {d: {c for c in labels if held[c] >= at_least} for d, labels in by_document.items()}
    return {document: labels for document, labels in kept.items() if labels}


def table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, dtype=str, keep_default_na=False)


def as_edin_et_al_read_it(folder: Path, version: str, space: str) -> Coded:
    """Their steps in pandas: drop nulls, dot, unique in a table, left join, frequent, not empty."""
    notes = table(folder / "note", "discharge.csv.gz")
    notes = notes[notes["text"] != ""].sort_values(["hadm_id", "note_seq"], kind="stable")
    notes = notes.drop_duplicates(["hadm_id", "text"])
    number = notes.groupby("hadm_id").cumcount() + 1
    names = notes["hadm_id"].where(number == 1, notes["hadm_id"] + "-" + number.astype(str))
    found: Coded = {}
    for name, system in (("diagnoses", icd.DIAGNOSIS), ("procedures", icd.PROCEDURE)):
        rows = table(folder / "hosp", f"{name}_icd.csv.gz")
        rows = rows[rows["icd_code"].str.strip() != ""]
        rows["label"] = [
            dotted(code.strip(), system, of, space)
            for code, of in zip(rows["icd_code"], rows["icd_version"], strict=True)
        ]
        unique = ["hadm_id", "label"] + (["icd_version"] if space == "clean" else [])
        rows = rows.drop_duplicates(unique)
        rows = rows[rows["icd_version"] == version].groupby("hadm_id")["label"].agg(set)
        for document, admission in zip(names, notes["hadm_id"], strict=True):
            found[document] = found.get(document, set()) | rows.get(admission, set())
    return found


def dotted(code: str, system: str, version: str, space: str) -> str:
    if system == icd.PROCEDURE:
        return f"{code[:2]}.{code[2:]}".rstrip(".") if version == "9" else code
    head = 4 if version == "9" and code[0] == "E" else 3
    is_bare = space == "clean" or version == "9"
    return f"{code[:head]}.{code[head:]}".rstrip("." if is_bare else "")


@pytest.mark.parametrize("space", ["clean", "edin"])
@pytest.mark.parametrize("cohort", ["mimic4_icd9", "mimic4_icd10"])
def test_mimic4_comes_out_as_edin_et_al_count_it(
    raw: dict[str, Path], tmp_path: Path, cohort: str, space: str
) -> None:
    cohorts = section(cohort, raw, **SMALL, label_space=space)
    documents, index, counts = prepared(cohorts, cohort, tmp_path / "out")
    version = cohort.removeprefix("mimic4_icd")
    expected = frequent(as_edin_et_al_read_it(raw["mimic4"], version, space), at_least=5)
    assert coded(documents, index) == expected
    assert revision_of(cohorts, cohort) == f"icd{version}"
    assert ("I10" in index.codes) == (version == "10" and space == "clean")
    assert ("I10." in index.codes) == (version == "10" and space == "edin")
    assert "V45.01" not in index.codes or version == "9" or space == "clean"
    assert counts["split_is_ours"] == 1
    assert counts["rare_diagnosis_labels"] > 0
    assert any("-2" in document for document in expected)
    assert counts["titles_missing"] == 0


@pytest.mark.parametrize("cohort", ["mimic3_clean", "mimic4_icd9", "mimic4_icd10", "mimic3_full"])
def test_the_cohorts_of_edin_et_al_are_cut_into_words_as_theirs(
    raw: dict[str, Path], tmp_path: Path, cohort: str
) -> None:
    small = SMALL if cohort != "mimic3_full" else {}
    cohorts = section(cohort, raw, **small)
    notes, *_ = extract_tables(cohorts, cohort)
    read = notes.read()
    changed = pc.replace_substring(read["text"], " the ", " Ñ_the 7 ")
    notes = stream_table(read.set_column(read.schema.names.index("text"), "text", changed))
    found = nodes.tokenize(notes, cohorts, cohort).read()
    texts = notes.read().to_pandas().groupby("document_id", sort=False)["text"].agg(" ".join)
    for document, words in zip(
        *(found[n].to_pylist() for n in ("document_id", "tokens")), strict=True
    ):
        if cohort == "mimic3_full":
            runs = re.findall(r"\w+", texts[document])
            assert words == [run.lower() for run in runs if not run.isnumeric()]
        else:
            plain = re.sub("[^a-z0-9]+", " ", texts[document].lower())
            assert words == re.sub("(?<= )[0-9]+(?= )", "", plain).split()


def test_the_order_of_rows_in_mimic4s_files_changes_nothing_that_a_model_reads(
    raw: dict[str, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    for path in sorted(raw["mimic4"].rglob("*.csv.gz")):
        shuffled = table(path.parent, path.name).sample(frac=1, random_state=5)
        place = other / path.relative_to(raw["mimic4"])
        place.parent.mkdir(parents=True, exist_ok=True)
        shuffled.to_csv(place, index=False)
    found = []
    for number, folder in enumerate((raw["mimic4"], other)):
        cohorts = section("mimic4_icd10", {"mimic4": folder}, **SMALL)
        found.append(prepared(cohorts, "mimic4_icd10", tmp_path / str(number)))
    (first, index, counts), (second, same_index, same_counts) = found
    assert index == same_index
    assert counts == same_counts
    for split in ("train", "dev", "test"):
        assert first[split].ids.tolist() == second[split].ids.tolist()
        assert first[split].tokens.tolist() == second[split].tokens.tolist()
        assert first[split].labels.tolist() == second[split].labels.tolist()


def test_mimic3_clean_keeps_true_codes_of_enough_admissions(
    raw: dict[str, Path], tmp_path: Path
) -> None:
    cohorts = section("mimic3_clean", raw, **SMALL)
    documents, index, counts = prepared(cohorts, "mimic3_clean", tmp_path / "out")
    notes = table(raw["mimic3"], "NOTEEVENTS.csv")
    by_admission: Coded = {document: set() for document in notes["HADM_ID"]}
    for name, system in (("DIAGNOSES", icd.DIAGNOSIS), ("PROCEDURES", icd.PROCEDURE)):
        rows = table(raw["mimic3"], f"{name}_ICD.csv")
        for document, code in zip(rows["HADM_ID"], rows["ICD9_CODE"], strict=True):
            if code and document in by_admission:
                by_admission[document].add(dotted(code, system, "9", "clean"))
    expected = frequent(by_admission, at_least=5)
    assert coded(documents, index) == expected
    assert counts["documents_in_no_list"] == len(by_admission) - len(expected)


@pytest.mark.parametrize("cohort", ["mimic2", "mimic2_caml"])
def test_mimic2_is_split_as_its_files_say(
    raw: dict[str, Path], tmp_path: Path, cohort: str
) -> None:
    cohorts = section(cohort, raw, dev_lines=20)
    documents, index, counts = prepared(cohorts, cohort, tmp_path / "out")
    with (raw["mimic2"] / "MIMIC_RAW_DSUMS").open(encoding="latin-1") as file:
        rows = [row for row in csv.reader(file, delimiter="|") if "of Nowhere" not in row[6]][1:]
    kept = {
        number: (row[1], set(row[5].split(",")) - {""})
        for number, row in enumerate(rows)
        if "Deceased" not in row[6]
    }
    listed = {
        name: [int(n) for n in (raw["mimic2"] / f"{name}_indices.data").read_text().split()]
        for name in ("training", "testing")
    }
    train = [kept[n] for n in sorted(listed["training"]) if n in kept]
    test = [kept[n] for n in listed["testing"] if n in kept]
    parts = {"train": train[:-20], "dev": train[-20:], "test": test}
    if cohort == "mimic2_caml":
        parts = {"train": train, "dev": test, "test": test}
    for split, those in parts.items():
        expected = {document: codes for document, codes in those if codes}
        assert coded({split: documents[split]}, index) == expected
    assert counts["documents_of_one_word_or_none"] == len(rows) - len(kept) > 0
    assert counts["lines"] - counts["lines_kept"] > 0
    assert counts["dev_is_test"] == (cohort == "mimic2_caml")
    assert set(index.systems) == {"diagnosis"}


def test_the_proxy_of_mimic2_is_carevues_patients_with_diagnoses(
    raw: dict[str, Path], tmp_path: Path
) -> None:
    cohorts = section("mimic2_proxy", raw)
    documents, index, counts = prepared(cohorts, "mimic2_proxy", tmp_path / "out")
    stays = table(raw["mimic3"], "ICUSTAYS.csv")
    other = set(stays[stays["DBSOURCE"] != "carevue"]["SUBJECT_ID"])
    rows = table(raw["mimic3"], "DIAGNOSES_ICD.csv")
    rows = rows[~rows["SUBJECT_ID"].isin(other) & (rows["ICD9_CODE"] != "")]
    notes = set(table(raw["mimic3"], "NOTEEVENTS.csv")["HADM_ID"])
    expected: Coded = {}
    for document, code in zip(rows["HADM_ID"], rows["ICD9_CODE"], strict=True):
        if document in notes:
            expected.setdefault(document, set()).add(dotted(code, icd.DIAGNOSIS, "9", "clean"))
    assert coded(documents, index) == expected
    assert counts["other_patients"] == len(other)


def test_what_is_no_table_2_or_was_chosen_on_test_is_stamped_and_what_compares_is_named() -> None:
    cohorts = yaml.safe_load(CONF.read_text())["cohorts"]
    assert stamp_of(cohorts, "mimic2_proxy") == "proxy, not Table 2"
    assert "chosen on test" in stamp_of(cohorts, "mimic2_caml")
    assert stamp_of(cohorts, "mimic2") == ""
    assert stamp_of(cohorts, "mimic2", {"split_is_ours": 1}).startswith("our own split")
    assert name_in_paper(cohorts, "mimic2_caml") == "mimic2"
    assert name_in_paper(cohorts, "mimic2_proxy") == "mimic2_proxy"


REAL = {  # what generated files must be stopped by, where they are called real
    "mimic2": "lines_kept: .* expected 22,815 .*index files",
    "mimic2_caml": "lines_kept: .* expected 22,815 .*index files",
    "mimic2_proxy": "note_records: .* expected 2,083,180 .*another release",
    "mimic3_full": "note_records: .* expected 2,083,180 .*another release",
    "mimic3_clean": "note_records: .* expected 2,083,180 .*another release",
}


@pytest.mark.parametrize("cohort", list(REAL))
def test_files_that_are_called_real_and_are_not_are_stopped_at_once(
    raw: dict[str, Path], cohort: str
) -> None:
    with pytest.raises(ValueError, match=REAL[cohort]) as caught:
        extract_tables(section(cohort, raw, real=True, dev_lines=20), cohort)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cohort", ["mimic4_icd9", "mimic4_icd10"])
def test_mimic4_that_is_called_real_is_stopped_by_the_sizes_of_its_splits(
    raw: dict[str, Path], tmp_path: Path, cohort: str
) -> None:
    small = section(cohort, raw, **SMALL)
    _, _, counts = prepared(small, cohort, tmp_path / "out")
    real = section(cohort, raw, real=True)
    index = CodeIndex((), (), ())
    theirs = {name: value for name, value in counts.items() if name != "split_is_ours"}
    with pytest.raises(ValueError, match=re.escape("train_ids: ")) as caught:
        nodes.check_cohort(theirs, {}, {}, index, real, cohort)
    assert "`release`" in str(caught.value)
    assert nodes.check_cohort(counts, {}, {}, index, real, cohort) == counts


def test_the_rows_of_another_release_of_mimic4_are_known_by_their_number() -> None:
    rows = {"diagnosis_rows": 6_364_488, "procedure_rows": 859_655}
    refuse_other_release(rows, "3.1")
    with pytest.raises(
        ValueError, match=r'rows of MIMIC-IV 3\.1, not of 2\.2: set release: "3\.1"'
    ):
        refuse_other_release(rows, "2.2")


@pytest.mark.parametrize(
    ("cohort", "changed", "said"),
    [
        ("mimic2", {"split": "lists"}, "split='lists' is none of laat, caml, which mimic2 has"),
        ("mimic4_icd9", {"label_space": "caml"}, "mimic4 has no label_space='caml'"),
        ("mimic4_icd9", {"patients": "carevue"}, "is for the source mimic3 alone"),
        ("mimic3_clean", {"systems": []}, "systems is empty"),
        ("mimic2", {"systems": ["diagnosis"]}, "systems is for the sources mimic3 and mimic4"),
        ("mimic3_clean", {"revision": "icd10"}, "is for the source mimic4 alone"),
        ("mimic4_icd9", {"revision": "icd11"}, "revision"),
        ("mimic2", {"mentions": "projected"}, "is for the English texts of codiesp alone"),
        ("mimic2", {"mentions": "projecte"}, "mentions"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    raw: dict[str, Path], cohort: str, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=cohort) as caught:
        extract_tables(section(cohort, raw, **changed), cohort)
    assert said in str(caught.value)


def test_a_list_of_codes_is_what_a_cohort_keeps(
    raw: dict[str, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = {"split": "patients", "label_space": "clean"}
    everything = section("mimic3_50", raw, codes="full", **settings)
    documents, index, _ = prepared(everything, "mimic3_50", tmp_path / "all")
    held = Counter(code for codes in coded(documents, index).values() for code in codes)
    wanted = sorted(code for code, _ in held.most_common()[5:15])  # not the most frequent
    path = tmp_path / "codes.txt"
    path.write_text("\n".join([*wanted, "999.99"]))
    listed = {**settings, "codes": "listed", "codes_file": str(path)}
    documents, index, _ = prepared(section("mimic3_50", raw, **listed), "mimic3_50", tmp_path / "l")
    assert index.codes == tuple(sorted([*wanted, "999.99"]))
    found = Counter(code for codes in coded(documents, index).values() for code in codes)
    assert found == {code: held[code] for code in wanted}
    assert f"{path}: 1 of 11 codes are in no document (999.99)" in caplog.text
    path.write_text("999.99")
    with pytest.raises(ValueError, match=r"codes\.txt, the codes that are kept: .* has no"):
        prepared(section("mimic3_50", raw, **listed), "mimic3_50", tmp_path / "none")


@pytest.mark.parametrize("changed", [{"codes": "listed"}, {"codes_file": "codes.txt"}])
def test_a_list_of_codes_and_its_file_go_together(
    raw: dict[str, Path], changed: dict[str, str]
) -> None:
    cohorts = section("mimic3_full", raw, **changed)
    with pytest.raises(ValueError, match="codes: listed and codes_file, the file of the list, go"):
        cohort_section(cohorts, "mimic3_full", "extract", ExtractSettings)
