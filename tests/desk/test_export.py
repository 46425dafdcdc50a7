"""The record in other forms: nothing a spreadsheet computes, FHIR of what stands alone."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from fhir.resources.R4B.bundle import Bundle

from isd_pipeline.__main__ import main
from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.entries import Decision, Place
from isd_pipeline.desk.export import COLUMNS, as_csv, as_fhir, as_json
from tests.desk.decided import decided


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(tmp_path / "log.sqlite")


def test_a_cell_that_a_spreadsheet_would_compute_is_made_text(log: DecisionLog) -> None:
    names = ("=1+1", "+A1", "-A1", "@A1", "A, B", 'A "B"')
    log.append(*(decided(who=who, note=f"{who} note", score=0.5) for who in names))
    rows = list(csv.DictReader(io.StringIO(as_csv(log.entries()))))
    assert [row["who"] for row in rows] == ["'=1+1", "'+A1", "'-A1", "'@A1", "A, B", 'A "B"']
    assert [row["note"][0] for row in rows] == ["'", "'", "'", "'", "A", "A"]
    assert tuple(rows[0]) == COLUMNS
    assert rows[0]["score"] == "0.5"


def test_places_in_a_csv_read_as_in_that_of_the_answers(log: DecisionLog) -> None:
    log.append(decided(evidence=(Place(0, 5), Place(7, 9, "es")), marked=True))
    [row] = csv.DictReader(io.StringIO(as_csv(log.entries())))
    assert (row["evidence"], row["marked"]) == ("0-5 es:7-9", "true")


def test_json_holds_every_row_and_the_hash_of_the_last(log: DecisionLog) -> None:
    log.append(decided(evidence=(Place(0, 5),)), decided("undone"))
    told = json.loads(as_json(log.entries()))
    assert told["hash"] == log.head() == told["decisions"][-1]["hash"]
    assert told["decisions"][0]["evidence"] == [{"begin": 0, "end": 5, "view": None}]
    assert [row["decision"] for row in told["decisions"]] == ["accepted", "undone"]


def test_what_fhir_holds_is_fhir(log: DecisionLog) -> None:
    places = (Place(0, 5), Place(7, 9, "es"))
    log.append(
        decided("accepted", "R50.9", system="icd10cm", score=0.5, evidence=places),
        decided("unsure", "0DB78ZX", system="icd10pcs"),
        decided("added", "8140/3", system="cantemist"),
    )
    read = Bundle.model_validate_json(as_fhir(log.entries()))
    kinds = [entry.resource.get_resource_type() for entry in read.entry]
    assert kinds == ["Condition", "Procedure", "Condition"]
    own = read.entry[2].resource.code.coding[0]
    assert (own.system, own.code) == ("urn:isd-pipeline:codes:cantemist", "8140/3")
    spans = [one for one in read.entry[0].resource.extension if one.url.endswith("evidence")]
    assert [part.valueCode for part in spans[1].extension if part.url == "language"] == ["es"]
    assert Bundle.model_validate_json(as_fhir([])).entry is None


def resources(log: DecisionLog, decisions: Sequence[Decision]) -> list[dict[str, object]]:
    log.append(*decisions)
    bundle = json.loads(as_fhir(log.entries()))
    assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
    return [entry["resource"] for entry in bundle["entry"]]


@pytest.mark.parametrize(
    ("decision", "status"),
    [
        ("accepted", "confirmed"),
        ("added", "confirmed"),
        ("rejected", "refuted"),
        ("unsure", "unconfirmed"),
    ],
)
def test_a_diagnosis_is_a_condition_with_its_verification(
    decision: str, status: str, log: DecisionLog
) -> None:
    [condition] = resources(log, [decided(decision, "R50.9", system="icd10cm")])
    assert condition["resourceType"] == "Condition"
    assert condition["verificationStatus"]["coding"][0]["code"] == status  # type: ignore[index]
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "R50.9"}
    assert condition["code"] == {"coding": [coding]}
    assert condition["subject"] == {"identifier": {"value": "n1"}}


def test_fhir_holds_what_stands_of_each_note_and_nothing_that_was_undone(log: DecisionLog) -> None:
    made = [
        decided("accepted", "486"),
        decided("accepted", "038.9", note="n2"),
        decided("rejected", "486"),
        decided("accepted", "780.60"),
        decided("undone", "780.60"),
        decided("signed_off", None),
    ]
    told = [
        (one["subject"], one["verificationStatus"]["coding"][0]["code"])  # type: ignore[index]
        for one in resources(log, made)
    ]
    assert told == [
        ({"identifier": {"value": "n1"}}, "refuted"),
        ({"identifier": {"value": "n2"}}, "confirmed"),
    ]


def test_a_procedure_is_no_condition_and_none_that_was_rejected(log: DecisionLog) -> None:
    made = [
        decided("accepted", "0DB78ZX", system="icd10pcs"),
        decided("unsure", "0DB78ZY", system="icd10pcs"),
        decided("rejected", "0DB78ZZ", system="icd10pcs"),
    ]
    told = [(one["resourceType"], one["status"]) for one in resources(log, made)]
    assert told == [("Procedure", "completed"), ("Procedure", "unknown")]


def test_the_command_checks_and_exports(log: DecisionLog, tmp_path: Path) -> None:
    log.append(decided())
    run, path = CliRunner(), str(log.path)
    done = run.invoke(main, ["decisions", path, "--to", str(tmp_path / "out.csv")])
    assert done.exit_code == 0, done.output
    assert f"1 row, none changed; the last is {log.head()}" in done.output
    assert (tmp_path / "out.csv").read_text() == as_csv(log.entries())
    again = run.invoke(main, ["decisions", path, "--to", str(tmp_path / "out.csv")])
    assert (again.exit_code, "--force" in again.output) == (2, True)
    changed = run.invoke(main, ["decisions", path, "--known", "f" * 64])
    assert (changed.exit_code, "in no row" in changed.output) == (1, True)
