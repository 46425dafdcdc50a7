"""The hospital in other layouts: the same patients, the same bytes again, every quirk."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from isd_pipeline.data.sources import mimic2, mimic4
from isd_pipeline.synthetic import (
    HospitalSettings,
    write_hospital,
    write_icustays,
    write_mimic2,
    write_mimic4,
)

SMALL = HospitalSettings(
    admissions=200, words=150, codes_per_admission=5, code_pool=200, other_notes=0
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {name: tmp_path_factory.mktemp(name) for name in ("mimic2", "mimic3", "mimic4")}
    write_mimic2(found["mimic2"], SMALL)
    write_hospital(found["mimic3"], SMALL)
    write_mimic4(found["mimic4"], SMALL)
    return found


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize(("name", "write"), [("mimic2", write_mimic2), ("mimic4", write_mimic4)])
def test_the_same_settings_give_the_same_bytes(folders, tmp_path, name, write) -> None:
    write(tmp_path, SMALL)
    assert digests(tmp_path) == digests(folders[name])
    assert len(digests(tmp_path)) == {"mimic2": 4, "mimic4": 5}[name]


def test_every_quirk_is_in_any_hospital(folders) -> None:
    found = mimic2.extract(folders["mimic2"], dev_lines=10).counts
    assert found["lines"] > found["lines_kept"]
    assert found["documents_of_one_word_or_none"] > 0
    found = mimic4.extract(folders["mimic4"], revision="icd10").counts
    for quirk in ("notes_without_text", "repeated_notes", "admissions_with_several_notes"):
        assert found[quirk] > 0
    for quirk in ("rows_without_code", "codes_of_both_revisions", "rows_icd9", "rows_icd10"):
        assert found[f"diagnosis_{quirk}"] > 0
    padded = gzip.decompress((folders["mimic4"] / "hosp/diagnoses_icd.csv.gz").read_bytes())
    assert b" ,9\n" in padded


def test_the_patients_are_the_same_in_every_layout(folders) -> None:
    write_icustays(folders["mimic3"], SMALL)
    stays = (folders["mimic3"] / "ICUSTAYS.csv").read_text().splitlines()[1:]
    admissions = {stay.split(",")[2] for stay in stays}
    notes = (folders["mimic2"] / "MIMIC_RAW_DSUMS").read_text("latin-1").splitlines()[1:]
    summaries = mimic4.extract(folders["mimic4"], revision="icd9").notes.read()
    of_mimic2 = {line.split("|")[1] for line in notes}
    of_mimic4 = {name.split("-")[0] for name in summaries["document_id"].to_pylist()}
    assert of_mimic4 < of_mimic2 < admissions
    assert len(admissions) == 200


def test_what_was_taken_out_is_written_as_mimic4_writes_it(folders) -> None:
    texts = mimic4.extract(folders["mimic4"], revision="icd9").notes.read()["text"].to_pylist()
    assert any("___" in text for text in texts)
    assert not any("[**" in text for text in texts)
