"""FHIR R4 in and out. Models of R4 itself are not published for pydantic 2; those of R4B are, which
changed none of the resources that are written here."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.operationoutcome import OperationOutcome

from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.view_bundle import write_view_bundle
from isd_pipeline.service import described
from isd_pipeline.service.app import create_app
from isd_pipeline.service.fhir_in import of_note
from isd_pipeline.service.fhir_out import as_fhir
from isd_pipeline.text.scopes import Cue
from tests.coding.test_views import EN, ES, made
from tests.coding.tiny import bundle_of
from tests.service.serving import TEXT, ask, notes, post

FHIR = "application/fhir+json"
ALL = {"threshold": "0"}  # every code is over it


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """Bundles from folders: only those have a SHA-256."""
    folder = tmp_path_factory.mktemp("bundles")
    write_bundle(bundle_of(max_tokens=6), folder / "tiny")
    write_view_bundle(made(), folder / "views")
    opened = {name: Coder.open(folder / name, long_notes="cut") for name in ("tiny", "views")}
    return create_app(opened)


def document(*texts: str, **more: Any) -> dict[str, Any]:
    contents = [
        {
            "attachment": {
                "contentType": "text/plain; charset=UTF-8",
                "data": base64.b64encode(text.encode()).decode(),
            }
        }
        for text in texts
    ]
    return {
        "resourceType": "DocumentReference",
        "id": "d7",
        "status": "current",
        "subject": {"reference": "Patient/p1", "display": "A. Name"},
        "context": {"encounter": [{"reference": "Encounter/e1"}]},
        "content": contents,
        **more,
    }


def send(app: FastAPI, resource: dict[str, Any], **options: Any) -> httpx.Response:
    headers = {"content-type": FHIR, **options.pop("headers", {})}
    return post(app, resource, headers=headers, **options)


def resources(found: httpx.Response) -> list[dict[str, Any]]:
    """What the Bundle of an answer holds, once R4's models have read it."""
    assert (found.status_code, found.headers["content-type"]) == (200, FHIR)
    Bundle.model_validate_json(found.content)
    return [entry["resource"] for entry in found.json()["entry"]]


def of(kind: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if one["resourceType"] == kind]


def spans(reference: dict[str, Any]) -> list[dict[str, Any]]:
    """Each piece of evidence as an answer in JSON has it."""
    return [_span(one["extension"]) for one in reference.get("extension", [])]


def _span(parts: list[dict[str, Any]]) -> dict[str, Any]:
    found = {"context": [], "section": None}
    for part in parts:
        (value,) = (value for key, value in part.items() if key != "url")
        if part["url"] == "context":
            found["context"].append({one["url"]: _span([one])[one["url"]] for one in value})
        else:
            found[part["url"]] = value
    return found


def test_codes_over_the_threshold_are_conditions_and_procedures_that_nobody_confirmed(
    app: FastAPI,
) -> None:
    DocumentReference.model_validate(document(TEXT))
    found = resources(send(app, document(TEXT), params=ALL))
    (plain,) = post(app, notes(TEXT) | {"threshold": 0.0}).json()["answers"]
    codes = {code["code"]: code for code in plain["codes"]}
    assert len(of("Condition", found)) == 4
    assert len(of("Procedure", found)) == 1
    for one in [*of("Condition", found), *of("Procedure", found)]:
        (coding,) = one["code"]["coding"]
        expected = codes.pop(coding["code"])
        assert coding["display"] == expected["title"]
        assert one["extension"][0]["valueDecimal"] == expected["score"]
        assert one["subject"] == {"reference": "Patient/p1"}
        assert one["encounter"] == {"reference": "Encounter/e1"}
        is_condition = one["resourceType"] == "Condition"
        (refers,) = one["evidence"][0]["detail"] if is_condition else one["report"]
        assert refers["reference"] == "DocumentReference/d7"
        assert spans(refers) == expected["evidence"]
    assert codes == {}
    for one in of("Condition", found):
        assert one["verificationStatus"]["coding"][0]["code"] == "unconfirmed"
    (procedure,) = of("Procedure", found)
    assert procedure["status"] == "unknown"
    told = procedure["extension"][1]["valueCodeableConcept"]
    assert told["coding"][0]["code"] == "unconfirmed"


def test_evidence_that_is_denied_says_so_and_by_which_words(app: FastAPI) -> None:
    (answer,) = app.state.coders["tiny"].code([Note("7", TEXT)], top=1, threshold=0.0)
    denied = Span(10, 15, 0.5, context=(Cue("denied", 3, 9),), section="results")
    said = {"evidence_only": ("denied",), "title_of": "780.60"}
    code = replace(answer.codes[0], evidence=(denied,), **said)
    whole = replace(answer, codes=(code,))
    made = as_fhir([whole], [of_note("7")], "icd9", "tiny", datetime(2026, 1, 1, tzinfo=UTC))
    Bundle.model_validate_json(made)
    condition = json.loads(made)["entry"][0]["resource"]
    only = {"url": "urn:isd-pipeline:evidence-only", "valueCode": "denied"}
    assert only in condition["extension"]
    assert {"url": "urn:isd-pipeline:title-of", "valueCode": "780.60"} in condition["extension"]
    (span,) = spans(condition["evidence"][0]["detail"][0])
    cue = {"kind": "denied", "begin": 3, "end": 9}
    assert span == {"begin": 10, "end": 15, "weight": 0.5, "section": "results", "context": [cue]}


def test_codes_that_are_not_over_the_threshold_are_no_resources(app: FastAPI) -> None:
    (plain,) = post(app, notes(TEXT)).json()["answers"]
    scores = [code["score"] for code in plain["codes"]]
    between = {"threshold": str((scores[1] + scores[2]) / 2)}
    coded = [one for one in resources(send(app, document(TEXT), params=between)) if "code" in one]
    likeliest = [code["code"] for code in plain["codes"][:2]]
    assert len(scores) > 2
    assert [one["code"]["coding"][0]["code"] for one in coded] == likeliest
    (outcome,) = resources(send(app, document("fever"), params={"threshold": "1"}))
    assert outcome["issue"][0]["code"] == "not-found"


def test_a_provenance_names_the_bundle_by_its_hash_and_points_at_every_code(app: FastAPI) -> None:
    found = resources(send(app, document(TEXT), params=ALL))
    (provenance,) = of("Provenance", found)
    (agent,) = provenance["agent"]
    sha256 = app.state.coders["tiny"].bundle.sha256
    assert len(sha256) == 64
    assert agent["who"]["identifier"]["value"] == sha256
    assert provenance["entity"][0]["what"]["reference"] == "DocumentReference/d7"
    targets = {target["reference"] for target in provenance["target"]}
    assert targets == {f"urn:uuid:{one['id']}" for one in found if "code" in one}


def test_the_same_note_gives_the_same_bytes_but_for_the_time(app: FastAPI) -> None:
    def timeless(found: httpx.Response) -> list[dict[str, Any]]:
        return [{k: v for k, v in one.items() if k != "recorded"} for one in resources(found)]

    first, again = (timeless(send(app, document(TEXT))) for _ in range(2))
    assert first == again
    ids = [one["id"] for one in first]
    assert len(ids) == len(set(ids))
    other = [one["id"] for one in timeless(send(app, document(TEXT, id="d8")))]
    assert not set(ids) & set(other)


def test_notes_as_json_are_answered_for_in_fhir_where_it_is_accepted(app: FastAPI) -> None:
    found = resources(post(app, notes(TEXT, "", "fever"), headers={"accept": FHIR}, params=ALL))
    assert len(of("Provenance", found)) == 2
    for one in of("Condition", found):  # nobody said whose the notes are
        assert one["subject"]["extension"][0]["valueCode"] == "unknown"
        refers = one["evidence"][0]["detail"][0]
        assert refers["identifier"]["value"] in ("n0", "n2")
    said = [one["issue"][0] for one in of("OperationOutcome", found)]
    assert any(issue["diagnostics"].startswith("the note is empty") for issue in said)
    assert any(issue["code"] == "incomplete" for issue in said)


def test_a_document_is_answered_for_in_json_where_that_is_accepted(app: FastAPI) -> None:
    found = send(app, document(TEXT), headers={"accept": "application/json"})
    expected = post(app, {"notes": [{"id": "d7", "text": TEXT}]})
    assert found.content == expected.content


def test_both_languages_of_a_document_are_one_note_and_evidence_says_which(app: FastAPI) -> None:
    both = document(ES, EN)
    for content, language in zip(both["content"], ("es-ES", "en"), strict=True):
        content["attachment"]["language"] = language
    found = resources(send(app, both, params=ALL | {"bundle": "views"}))
    refers = [one["evidence"][0]["detail"][0] for one in of("Condition", found)]
    languages = {span["language"] for one in refers for span in spans(one)}
    assert languages == {"es", "en"}
    assert len(of("Provenance", found)) == 1


def test_media_types_are_read_in_any_case(app: FastAPI) -> None:
    found = send(app, document(TEXT), headers={"content-type": "Application/FHIR+JSON; x=y"})
    assert of("Condition", resources(found))


def test_other_forms_of_a_document_are_passed_over(app: FastAPI) -> None:
    given = document(TEXT)
    given["content"].insert(0, {"attachment": {"contentType": "application/pdf", "data": "AAAA"}})
    given["content"].append({"attachment": {"contentType": "text/plain", "url": "http://a/b"}})
    assert of("Condition", resources(send(app, given)))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"resourceType": "Patient"}, "a DocumentReference is wanted"),
        ({"content": []}, "no attachment of contentType text/plain"),
        ({"content": 3}, "no attachment of contentType text/plain"),
        (
            {"content": [{"attachment": {"contentType": "text/plain", "url": "http://a/b"}}]},
            "no attachment of contentType text/plain",
        ),
        ({"content": [{"attachment": {"contentType": "text/plain", "data": "?"}}]}, "not base64"),
        ({"content": [{"attachment": {"contentType": "text/plain", "data": "/w=="}}]}, "not UTF-8"),
        (
            {"content": [{"attachment": {"contentType": "text/plain;charset=latin1", "data": ""}}]},
            "not UTF-8",
        ),
        ({"content": [document("a")["content"][0]] * 2}, "each needs its own language"),
    ],
)
def test_what_is_no_document_with_a_text_is_an_operation_outcome(
    change: dict[str, Any], line: str, app: FastAPI
) -> None:
    found = send(app, document("A. Name") | change)
    assert found.status_code == 422
    outcome = OperationOutcome.model_validate_json(found.content)
    assert line in outcome.issue[0].diagnostics
    assert "A. Name" not in found.text


def test_a_document_too_long_is_413(app: FastAPI) -> None:
    assert send(app, document("x" * 200_001)).status_code == 413


def test_a_patients_name_is_not_repeated(app: FastAPI) -> None:
    assert "A. Name" not in send(app, document(TEXT)).text


def test_the_documents_shown_as_examples_are_ones(app: FastAPI, tmp_path: Path) -> None:
    DocumentReference.model_validate(described.DOCUMENT)
    assert send(app, described.DOCUMENT).status_code == 200
    assert post(app, described.REQUEST).status_code == 200
    shown = ask(app, "GET", "/openapi.json").json()["paths"]["/v1/code"]["post"]
    content = shown["requestBody"]["content"]
    assert json.loads(json.dumps(content[FHIR]["example"])) == described.DOCUMENT
    assert set(content) == {"application/json", FHIR}
