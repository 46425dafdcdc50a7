"""From a coder's decisions to a bundle beside the old one, as a user does it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from isd_pipeline.coding.bundle import read_bundle
from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.data.custom.example import SAID, example, write_example
from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.entries import Decision, Place, text_sha256
from isd_pipeline.studies.learn import former_rows, section_of
from tests.checkout import copy_checkout

RUN = ",".join(("extract", "preprocess", "train", "evaluate"))
ROW = "cohort=custom,experiment=logistic_regression"
DOCUMENTS = 150


def python(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def isd(project: Path, *words: object) -> subprocess.CompletedProcess[str]:
    return python(project, "isd_pipeline", *map(str, words))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with a bundle of the example, and a record of decisions about other notes."""
    project = copy_checkout(tmp_path_factory.mktemp("project"))
    (project / "conf/base/tracking.yml").write_text("uri: ''\n")
    write_example(project / "data/01_raw/custom")
    made = python(project, "kedro", "run", f"--pipelines={RUN}", f"--params={ROW}")
    assert made.returncode == 0, made.stderr
    made = isd(project, "bundle", "custom", "logistic_regression", "--to", "old")
    assert made.returncode == 0, made.stderr
    review(project, read_bundle(project / "old").sha256)
    return project


def review(project: Path, sha256: str) -> None:
    """A coder who adds every code of a note, marks where it stands, and signs off."""
    rows, codes, marks = example(seed=2, documents=DOCUMENTS)
    log, made = DecisionLog(project / "decisions.sqlite"), []
    firsts = [row for row in rows if row["note"] == "n1"]
    for row in firsts:
        name, note = row["id"], Note(row["id"], row["text"])
        of_note = {"who": "AB", "bundle": "old", "bundle_sha256": sha256, "note": name}
        of_note["text_sha256"] = text_sha256(note)
        for mark in (m for m in marks if (m["id"], m["note"]) == (name, "n1")):
            place = (Place(mark["begin"], mark["end"]),)
            told = {"decision": "added", "code": mark["code"], "system": "icd10cm"}
            made.append(Decision(**of_note, **told, evidence=place, marked=True))
        made.append(Decision(**of_note, decision="signed_off"))
    log.append(*made)
    kept = ("id", "patient", "text")
    lines = [json.dumps({name: row[name] for name in kept}) for row in firsts]
    (project / "notes.jsonl").write_text("\n".join(lines))
    assert codes


@pytest.fixture(scope="module")
def offered(project: Path) -> Path:
    words = ("learn", "decisions.sqlite", "notes.jsonl", "--bundle", "old", "--to", "offer")
    done = isd(project, *words)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("offer/report.md\n")
    return project / "offer"


def test_a_bundle_is_offered_beside_and_the_old_one_left_as_it_was(
    project: Path, offered: Path
) -> None:
    told = json.loads((offered / "comparison.json").read_text())
    before, after = read_bundle(project / "old"), read_bundle(offered / "bundle")
    assert told["before"]["sha256"] == before.sha256 != after.sha256 == told["after"]["sha256"]
    assert after.name == "custom_learned-logistic_regression-1"
    assert sorted(path.name for path in offered.iterdir()) == [
        *("bundle", "comparison.json", "data_set", "report.md")
    ]
    assert after.usual is not None
    assert told["verdict"] in (offered / "report.md").read_text().lower().replace(
        "is shown", "shown"
    )


def test_both_bundles_are_scored_on_the_held_out_notes_alone(offered: Path) -> None:
    told = json.loads((offered / "comparison.json").read_text())
    rows = [json.loads(row) for row in (offered / "data_set/notes.jsonl").read_text().splitlines()]
    by_part = {part: {r["id"] for r in rows if r["split"] == part} for part in told["learned_from"]}
    assert {part: len(ids) for part, ids in by_part.items()} == told["learned_from"]
    assert told["notes"] == len(by_part["test"]) >= 20
    assert (
        sum(map(len, by_part.values()))
        == len(rows)
        == DOCUMENTS - told["left_out"].get("signed off without a code", 0)
    )
    patients = [{row["patient"] for row in rows if row["split"] == part} for part in by_part]
    assert not set.intersection(*patients[:2]) | set.intersection(*patients[1:])
    assert told["by_patient"]


def test_the_settings_are_the_old_bundles_and_the_marks_are_mentions(
    project: Path, offered: Path
) -> None:
    before, after = read_bundle(project / "old"), read_bundle(offered / "bundle")
    assert after.settings["model"] == before.settings["model"]
    assert after.vocabulary_settings == before.vocabulary_settings
    titles = dict(zip(before.codes.codes, before.codes.titles, strict=True))
    assert dict(zip(after.codes.codes, after.codes.titles, strict=True)).items() <= titles.items()
    notes = {
        row["id"]: row["text"]
        for row in map(json.loads, (offered / "data_set/notes.jsonl").read_text().splitlines())
    }
    marks = [*map(json.loads, (offered / "data_set/mentions.jsonl").read_text().splitlines())]
    assert marks
    assert all(notes[m["id"]][m["begin"] : m["end"]].strip() for m in marks)
    assert Coder(after).code([Note("n", "hypertension on two drugs")])[0].problem is None


def test_a_second_offer_takes_no_folder_that_is_not_empty(project: Path, offered: Path) -> None:
    words = ("learn", "decisions.sqlite", "notes.jsonl", "--bundle", "old", "--to", offered)
    refused = isd(project, *words)
    assert refused.returncode == 1
    assert "is there already and not empty; name a new folder" in refused.stderr


def test_too_few_decisions_are_one_line_and_nothing_is_written(project: Path) -> None:
    (project / "few.jsonl").write_text(
        "\n".join((project / "notes.jsonl").read_text().splitlines()[:30])
    )
    words = ("learn", "decisions.sqlite", "few.jsonl", "--bundle", "old", "--to", "never")
    refused = isd(project, *words)
    assert refused.returncode == 1
    assert "too few signed-off notes" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (project / "never").exists()


def test_the_bundles_own_notes_are_those_of_train_and_dev(project: Path) -> None:
    rows = former_rows(read_bundle(project / "old"), project)
    splits = pq.read_table(project / "data/03_primary/custom/splits.parquet").to_pylist()
    place = {f"custom/{row['document_id']}": row["split"] for row in splits}
    assert {row["id"] for row in rows["notes"]} == {d for d, s in place.items() if s != "test"}
    assert all(row["split"] == place[row["id"]] for row in rows["notes"])
    texts = {(row["id"], row["note"]): row["text"] for row in rows["notes"]}
    assert rows["mentions"]
    for mark in rows["mentions"]:
        said = texts[mark["id"], mark["note"]][mark["begin"] : mark["end"]]
        assert said.lower() in {phrase.lower() for phrase in SAID[mark["code"]]}
    codes = {(row["id"], row["code"]) for row in rows["codes"]}
    assert {(mark["id"], mark["code"]) for mark in rows["mentions"]} <= codes


@pytest.mark.slow
def test_the_bundles_own_notes_train_along_where_they_are_asked_for(project: Path) -> None:
    words = ("learn", "decisions.sqlite", "notes.jsonl", "--bundle", "old", "--to", "along")
    done = isd(project, *words, "--with-training-data")
    assert done.returncode == 0, done.stderr
    told = json.loads((project / "along/comparison.json").read_text())
    rows = former_rows(read_bundle(project / "old"), project)
    assert told["former_notes"] == len(rows["notes"]) > 0
    after = read_bundle(project / "along/bundle")
    assert sum(after.training_counts) > sum(read_bundle(project / "old").training_counts)
    report = (project / "along/report.md").read_text()
    assert "and on the old bundle's own train and dev notes" in report


def test_other_data_than_the_bundle_was_trained_on_are_refused(project: Path) -> None:
    path = project / "data/03_primary/custom/vocabulary.json"
    kept = path.read_text()
    path.write_text(json.dumps(json.loads(kept) | {"fingerprint": "0" * 16}))
    words = ("learn", "decisions.sqlite", "notes.jsonl", "--bundle", "old", "--to", "never")
    refused = isd(project, *words, "--with-training-data")
    path.write_text(kept)
    assert refused.returncode == 1
    assert "other vocabulary than the bundle was trained with" in refused.stderr
    assert not (project / "never").exists()


def test_the_new_cohort_has_the_trainings_that_the_bundle_was_made_by(project: Path) -> None:
    section = section_of(read_bundle(project / "old"), {}, {"system": "icd10cm"}, project)
    settings = read_bundle(project / "old").settings["model"]
    assert section["train"] == {"experiments": {"logistic_regression": {"model": settings}}}
    assert yaml.safe_load(yaml.safe_dump(section)) == section
