"""Answers as a FHIR R4 Bundle: what is over the threshold, unconfirmed, with its evidence.

A diagnosis is a Condition, a procedure a Procedure. Where the evidence stands is an extension of
the reference to the document; a Provenance says which bundle it came from, by its SHA-256. What has
to be known of the reading (a problem, a note cut off) is an OperationOutcome.

Everything but `Provenance.recorded` is a function of note and bundle, the resources' ids too.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from isd_pipeline.coding.coder import Answer, Suggestion
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.systems import system_of, uri_of
from isd_pipeline.data.codes.icd import PROCEDURE
from isd_pipeline.service.fhir_in import Document
from isd_pipeline.text.scopes import Cue

OURS = "urn:isd-pipeline:"
IDS = UUID("5f0c2f5e-9a4b-4d6c-8f57-1c1f3f0d7a10")
TERMS = "http://terminology.hl7.org/CodeSystem/"
Resource = dict[str, Any]


def as_fhir(
    answers: Sequence[Answer],
    documents: Sequence[Document],
    revision: str,
    cohort: str,
    now: datetime,
) -> bytes:
    """A Bundle of all answers, each with the document that it is of, as JSON."""
    resources = [
        resource
        for answer, document in zip(answers, documents, strict=True)
        for resource in _of_answer(answer, document, revision, cohort, now)
    ]
    entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in resources]
    bundle: Resource = {"resourceType": "Bundle", "type": "collection"}
    if entries:
        bundle["entry"] = entries
    return json.dumps(bundle, ensure_ascii=False).encode()


def _of_answer(
    answer: Answer, document: Document, revision: str, cohort: str, now: datetime
) -> list[Resource]:
    found = [
        _suggestion(answer, code, document, _uri(code, revision, cohort))
        for code in answer.codes
        if code.above_threshold
    ]
    said = _said(answer)
    provenance = [_provenance(answer, document, found, now)] if found else []
    return [*found, *provenance, *([_outcome(answer, said)] if said else [])]


def _uri(code: Suggestion, revision: str, cohort: str) -> str:
    return uri_of(system_of(code.code, code.system, revision), cohort)  # type: ignore[arg-type]


def _suggestion(answer: Answer, code: Suggestion, document: Document, uri: str) -> Resource:
    evidence = {**document.reference}
    if code.evidence:
        evidence["extension"] = [_span(span) for span in code.evidence]
    coding = {"system": uri, "code": code.code, "display": code.title or code.code}
    shared = {
        "id": _id(answer, code.code),
        "code": {"coding": [coding]},
        "subject": document.subject,
        **({"encounter": document.encounter} if document.encounter else {}),
    }
    told = [{"url": f"{OURS}score", "valueDecimal": code.score}]
    told += [{"url": f"{OURS}title-of", "valueCode": of} for of in [code.title_of] if of]
    told += [{"url": f"{OURS}evidence-only", "valueCode": kind} for kind in code.evidence_only]
    unconfirmed = {"coding": [{"system": f"{TERMS}condition-ver-status", "code": "unconfirmed"}]}
    if code.system == PROCEDURE:  # R4's has no verificationStatus
        status = {"url": f"{OURS}verification-status", "valueCodeableConcept": unconfirmed}
        return {
            "resourceType": "Procedure",
            "status": "unknown",
            "extension": [*told, status],
            "report": [evidence],
            **shared,
        }
    return {
        "resourceType": "Condition",
        "extension": told,
        "verificationStatus": unconfirmed,
        "evidence": [{"detail": [evidence]}],
        **shared,
    }


def _span(span: Span) -> Resource:
    """Code points [begin, end) of the document's text, in that language if there are several."""
    parts: list[Resource] = [
        {"url": "begin", "valueUnsignedInt": span.begin},
        {"url": "end", "valueUnsignedInt": span.end},
        {"url": "weight", "valueDecimal": span.weight},
    ]
    if span.view:
        parts.append({"url": "language", "valueCode": span.view})
    if span.section:
        parts.append({"url": "section", "valueCode": span.section})
    parts += [{"url": "context", "extension": _cue(cue)} for cue in span.context]
    return {"url": f"{OURS}evidence", "extension": parts}


def _cue(cue: Cue) -> list[Resource]:
    """What a stretch stands for, denied for instance, and the cue that says so."""
    return [
        {"url": "kind", "valueCode": cue.kind},
        {"url": "begin", "valueUnsignedInt": cue.begin},
        {"url": "end", "valueUnsignedInt": cue.end},
    ]


def _provenance(
    answer: Answer, document: Document, found: Sequence[Resource], now: datetime
) -> Resource:
    kind = {"system": f"{TERMS}provenance-participant-type", "code": "assembler"}
    model = {
        "type": "Device",
        "identifier": {"system": f"{OURS}bundle-sha256", "value": answer.model.sha256},
        "display": answer.model.name,
    }
    return {
        "resourceType": "Provenance",
        "id": _id(answer, "provenance"),
        "target": [{"reference": f"urn:uuid:{one['id']}"} for one in found],
        "recorded": now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "agent": [{"type": {"coding": [kind]}, "who": model}],
        "entity": [{"role": "source", "what": document.reference}],
    }


def _said(answer: Answer) -> list[Resource]:
    """What has to be known of how a note was read, as issues."""
    told = {
        "not-supported": answer.problem,
        "incomplete": None
        if answer.truncated_at is None
        else f"the note was read up to character {answer.truncated_at}",
        "informational": answer.remark,
    }
    if answer.problem is None and not any(code.above_threshold for code in answer.codes):
        told["not-found"] = "no code is over the threshold"
    about = f"{answer.model.name}, sha256 {answer.model.sha256}"
    return [
        {
            "severity": "information" if kind in ("informational", "not-found") else "warning",
            "code": kind,
            "diagnostics": f"{text} ({about})",
        }
        for kind, text in told.items()
        if text is not None
    ]


def _outcome(answer: Answer, issues: Sequence[Resource]) -> Resource:
    return {
        "resourceType": "OperationOutcome",
        "id": _id(answer, "outcome"),
        "issue": [*issues],
    }


def _id(answer: Answer, what: str) -> str:
    return str(uuid5(IDS, json.dumps([answer.model.sha256, answer.id, what])))
