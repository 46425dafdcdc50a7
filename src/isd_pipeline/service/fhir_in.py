"""A FHIR R4 DocumentReference with its text inside, as the notes of a request.

Read is what coding needs: the text/plain attachments, and to whom the document belongs, which the
answer repeats as references. Nothing is fetched: an attachment that is only a `url` is none.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isd_pipeline.coding.notes import NOT_UTF8
from isd_pipeline.service.refusals import RefusedError

Reference = dict[str, Any]
UNKNOWN: Reference = {  # R4 wants a subject of each Condition; nobody said whose the note is
    "extension": [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
            "valueCode": "unknown",
        }
    ]
}
NOTE = "urn:isd-pipeline:note"


@dataclass(frozen=True)
class Document:
    """The document that a note is of: how it, its patient and its encounter are referred to."""

    reference: Reference
    subject: Reference
    encounter: Reference | None = None


def of_note(identifier: str) -> Document:
    """The document of a note that came as JSON, known by its id alone."""
    return Document(_logical(NOTE, identifier), UNKNOWN)


def read_document(resource: Mapping[str, Any]) -> tuple[Document, list[dict[str, Any]]]:
    """The document, and its texts as the `notes` of a JSON request.

    Raises:
        RefusedError: it is no DocumentReference, or has no text of text/plain in UTF-8.
    """
    if resource.get("resourceType") != "DocumentReference":
        raise RefusedError(422, "resourceType: a DocumentReference is wanted")
    identifier, reference = _named(resource)
    encounters = _list(_object(resource.get("context")).get("encounter"))
    encounter = _referred(encounters[0]) if encounters else None
    document = Document(reference, _referred(resource.get("subject")) or UNKNOWN, encounter)
    texts = [
        {"id": identifier, "text": _text(attachment, place), "language": _language(attachment)}
        for place, attachment in _attachments(resource)
    ]
    if not texts:
        raise RefusedError(
            422, "content: no attachment of contentType text/plain that has its text in `data`"
        )
    languages = [text["language"] for text in texts]
    if len(texts) > 1 and (None in languages or len(set(languages)) < len(texts)):
        raise RefusedError(422, "content: several texts, of which each needs its own language")
    return document, texts


def _named(resource: Mapping[str, Any]) -> tuple[str, Reference]:
    """The id of the note, and the reference: the resource's id, or a business identifier."""
    if name := _string(resource.get("id")):
        return name, {"reference": f"DocumentReference/{name}"}
    for given in (resource.get("masterIdentifier"), *_list(resource.get("identifier"))):
        if value := _string(_object(given).get("value")):
            system = _string(_object(given).get("system"))
            return value, _logical(system, value)
    return "document", _logical(NOTE, "document")


def _logical(system: str, value: str) -> Reference:
    identifier = {"system": system, "value": value} if system else {"value": value}
    return {"type": "DocumentReference", "identifier": identifier}


def _referred(given: object) -> Reference | None:
    """A reference, or a logical one; without a display, which may be a patient's name."""
    if reference := _string(_object(given).get("reference")):
        return {"reference": reference}
    identifier = _object(_object(given).get("identifier"))
    kept = {key: _string(identifier.get(key)) for key in ("system", "value")}
    kept = {key: value for key, value in kept.items() if value}
    return {"identifier": kept} if "value" in kept else None


def _attachments(resource: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The texts that are there, each with its place; other forms of it are passed over."""
    found = []
    for number, content in enumerate(_list(resource.get("content"))):
        attachment = _object(_object(content).get("attachment"))
        kind = _string(attachment.get("contentType")).lower().replace(" ", "")
        if kind.partition(";")[0] == "text/plain" and "data" in attachment:
            place = f"content.{number}.attachment"
            if kind not in ("text/plain", "text/plain;charset=utf-8"):
                raise RefusedError(422, f"{place}.contentType: {NOT_UTF8}")
            found.append((place, attachment))
    return found


def _text(attachment: Mapping[str, Any], place: str) -> str:
    try:
        data = "".join(str(attachment["data"]).split())
        return base64.b64decode(data, validate=True).decode("utf-8")
    except UnicodeDecodeError:
        raise RefusedError(422, f"{place}.data: {NOT_UTF8}") from None
    except (ValueError, binascii.Error):
        raise RefusedError(422, f"{place}.data: not base64") from None


def _language(attachment: Mapping[str, Any]) -> str | None:
    """`es` of `es-ES`."""
    return _string(attachment.get("language")).partition("-")[0].lower() or None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
