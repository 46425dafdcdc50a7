"""What the API says of itself: the shapes of /openapi.json, with examples that were made up."""

from typing import Any

from pydantic import TypeAdapter

from isd_pipeline.coding.coder import Answer
from isd_pipeline.service.body import CodeRequest
from isd_pipeline.service.refusals import FHIR, JSON

MARKDOWN = "text/markdown"
REF = "#/components/schemas/{model}"
ABOUT = (
    "Codes for clinical notes, with the evidence of each. They are suggestions: they need a "
    "qualified coder's review. Offsets are Unicode code points."
)
REQUEST: dict[str, Any] = {
    "notes": [{"id": "7", "text": "Admitted with fever and a productive cough."}],
    "top": 5,
    "threshold": "tuned",
    "evidence": True,
}
DOCUMENT: dict[str, Any] = {
    "resourceType": "DocumentReference",
    "id": "d7",
    "status": "current",
    "subject": {"reference": "Patient/p1"},
    "content": [{"attachment": {"contentType": "text/plain", "data": "RmV2ZXIgYW5kIGNvdWdoLg=="}}],
}
ANSWERS: dict[str, Any] = {
    "answers": [
        {
            "id": "7",
            "codes": [
                {
                    "code": "R50.9",
                    "title": "Fever, unspecified",
                    "system": "diagnosis",
                    "score": 0.81,
                    "above_threshold": True,
                    "evidence": [{"begin": 14, "end": 19, "weight": 0.7}],
                    "sources": None,
                }
            ],
            "threshold": 0.34,
            "truncated_at": None,
            "problem": None,
            "model": {"name": "synthetic-isd_aligned-1", "sha256": "…"},
        }
    ]
}
ANSWERS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["answers"],
    "properties": {"answers": {"type": "array", "items": {"$ref": REF.format(model="Answer")}}},
}
FHIR_BUNDLE: dict[str, Any] = {
    "type": "object",
    "description": "A FHIR R4 Bundle: Condition, Procedure, Provenance, OperationOutcome.",
    "required": ["resourceType", "type"],
    "properties": {"resourceType": {"const": "Bundle"}, "type": {"const": "collection"}},
}
REFUSALS = {
    401: "The token is wanted.",
    403: "A page of another origin sent this.",
    404: "There is no bundle of this name.",
    408: "The body came too slowly.",
    413: "The body, or a note, is too large.",
    415: "The body is neither JSON nor FHIR, or compressed.",
    421: "This Host is not served.",
    422: "What was asked for is not understood; one line says what and where.",
    429: "Too much is waiting; try again later.",
    503: "The service is ending, or the answer took too long.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals that a path may answer with, as OpenAPI has them."""
    detail = {
        "type": "object",
        "required": ["detail"],
        "properties": {"detail": {"type": "string"}},
    }
    outcome = {"type": "object", "required": ["resourceType", "issue"]}
    content = {JSON: {"schema": detail}, FHIR: {"schema": outcome}}
    return {one: {"description": REFUSALS[one], "content": content} for one in statuses}


def code_body() -> dict[str, Any]:
    """The body of /v1/code, of either kind."""
    return {
        "required": True,
        "content": {
            JSON: {"schema": {"$ref": REF.format(model="CodeRequest")}, "example": REQUEST},
            FHIR: {"schema": {"$ref": REF.format(model="DocumentReference")}, "example": DOCUMENT},
        },
    }


def schemas() -> dict[str, Any]:
    """The shapes that no route's signature names."""
    request = CodeRequest.model_json_schema(ref_template=REF)
    answer = TypeAdapter(Answer).json_schema(ref_template=REF)
    found = {**request.pop("$defs", {}), **answer.pop("$defs", {})}
    return {**found, "CodeRequest": request, "Answer": answer, "DocumentReference": _document()}


def _document() -> dict[str, Any]:
    attachment = {
        "type": "object",
        "required": ["contentType", "data"],
        "properties": {
            "contentType": {"const": "text/plain"},
            "data": {"type": "string", "format": "byte", "description": "UTF-8 text in base64"},
            "language": {"type": "string"},
        },
    }
    content = {
        "type": "object",
        "required": ["attachment"],
        "properties": {"attachment": attachment},
    }
    return {
        "type": "object",
        "required": ["resourceType", "content"],
        "properties": {
            "resourceType": {"const": "DocumentReference"},
            "id": {"type": "string", "pattern": r"^[A-Za-z0-9\-\.]{1,64}$"},
            "content": {"type": "array", "minItems": 1, "maxItems": 2, "items": content},
        },
    }
