"""Each cohort of real data, on generated files, from its raw folder to its page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from isd_pipeline.data.custom.example import example, write_example
from isd_pipeline.synthetic import (
    HospitalSettings,
    write_hospital,
    write_icustays,
    write_mimic2,
    write_mimic4,
)
from tests.checkout import copy_checkout
from tests.data.sources import test_cantemist as cantemist

HOSPITAL = HospitalSettings(
    admissions=260, seed=3, words=150, codes_per_admission=6, code_pool=220, other_notes=0
)
TINY = {
    "embed": {"words": {"epochs": 1}, "codes": {"epochs": 1, "width": 16, "normalised": False}},
    "train": {
        "systems": {"isd": {"model": {"width": 16, "n_queries": 4}}},
        "training": {"max_epochs": 1, "warm_up_epochs": 0, "batch_size": 16, "max_tokens": 200},
    },
}
COHORTS = {  # what the page says over its tables
    "mimic2": "",
    "mimic2_caml": "every model was chosen on test, as CAML chose it",
    "mimic2_proxy": "proxy, not Table 2",
    "mimic3_clean": "our own split, not the published one",
    "mimic4_icd9": "our own split, not the published one",
    "mimic4_icd10": "our own split, not the published one",
    "codiesp_both": "",
    "codiesp_procedures": "",
    "codiesp_es_50": "",
    "cantemist": "",
    "custom": "",
}
PROCEDURES = ("bw03zzz", "bw40zzz", "0dqb", "4a02x4z")  # one of them cut after four characters

MORPHOLOGIES = ("8140/3", "8140/33/H", "8000/6", "9440/3")


def write_codiesp(path: Path) -> None:
    """A zip in CodiEsp's layout: the example's notes, in both languages the same, coded by both."""
    texts, codes, files = defaultdict(str), defaultdict(set), defaultdict(str)
    notes, rows, _ = example(1, 200)
    for note in notes:
        texts[note["id"]] += note["text"] + "\n"
    for row in rows:
        codes[row["id"]].add(row["code"].lower())
    for n, name in enumerate(sorted(texts)):
        split = ("train", "train", "train", "dev", "test", "background")[n % 6]
        for folder in ("text_files", "text_files_en"):
            files[f"{split}/{folder}/{name}.txt"] = texts[name]
        if split != "background":
            files[f"{split}/{split}D.tsv"] += "".join(f"{name}\t{c}\n" for c in sorted(codes[name]))
            files[f"{split}/{split}P.tsv"] += f"{name}\t{PROCEDURES[n % 4]}\n"
            files[f"{split}/{split}X.tsv"] += f"{name}\tDIAGNOSTICO\t{min(codes[name])}\tx\t0 4\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"final_dataset_v4_to_publish/{name}", text)


def write_cantemist(path: Path) -> None:
    """A zip in CANTEMIST's layout: the example's notes, their first words marked as one code."""
    texts = defaultdict(str)
    for note in example(1, 200)[0]:
        texts[note["id"]] += note["text"] + "\n"
    sets: dict[str, list[tuple[str, str]]] = {name: [] for name in cantemist.SETS}
    marks = {}
    for n, name in enumerate(sorted(texts)):
        sets[("train", "train", "train", "dev1", "dev2", "test")[n % 6]].append((name, texts[name]))
        marks[name] = [(MORPHOLOGIES[n % 4], "0 4"), (MORPHOLOGIES[n % 3], "5 9")]
    cantemist.write_zip(path, cantemist.files_of(sets, marks))


def write_mimic3(folder: Path) -> None:
    write_hospital(folder, HOSPITAL)
    write_icustays(folder, HOSPITAL)


WRITERS: dict[str, Callable[[Path], None]] = {
    "mimic2": lambda folder: write_mimic2(folder, HOSPITAL),
    "mimic3": write_mimic3,
    "mimic4": lambda folder: write_mimic4(folder, HOSPITAL),
    "codiesp": write_codiesp,
    "cantemist": write_cantemist,
    "custom": write_example,
}


def small(row: dict[str, Any]) -> dict[str, Any]:
    """A cohort as it is, of a size for a test."""
    extract = row["extract"] | {"real": False, "dev_lines": 20}
    extract["min_documents"] = min(extract.get("min_documents", 1), 5)
    return row | TINY | {"extract": extract}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_checkout(tmp_path_factory.mktemp("project"))
    path = project / "conf/base/parameters_cohorts.yml"
    rows = yaml.safe_load(path.read_text())["cohorts"]
    rows |= {cohort: small(rows[cohort]) for cohort in COHORTS}
    path.write_text(yaml.safe_dump({"cohorts": rows}, sort_keys=False))
    for cohort in COHORTS:
        extract = rows[cohort]["extract"]
        WRITERS[extract["source"]](project / extract["raw"])
    return project


@pytest.mark.parametrize("cohort", list(COHORTS))
def test_a_cohort_goes_from_its_raw_files_to_its_page(project: Path, cohort: str) -> None:
    environment = dict(os.environ, PYTHONPATH=str(project / "src"))
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["kedro", "run", f"--params=cohort={cohort}"]  # the whole road
    done = subprocess.run(
        command, cwd=project, env=environment, text=True, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    reporting = project / "data/08_reporting" / cohort
    metrics = json.loads((reporting / "runs/isd/seed_1/metrics.json").read_text())
    assert 0 < metrics["test"]["auc_micro"] <= 1
    page = (reporting / "report.html").read_text()
    assert ('class="stamp"' in page) == bool(COHORTS[cohort])
    assert COHORTS[cohort] in page
    assert ("paper 0.498" in page) == (cohort in ("mimic2", "mimic2_caml"))  # Table 2
    is_task = cohort in ("codiesp_procedures", "cantemist")
    assert ("official_map" in metrics["test"]) == ('id="official"' in page) == is_task
    assert ("IEEE Access, 2021" in page) == is_task
