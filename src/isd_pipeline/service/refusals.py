"""What a client is told that asked for something it cannot have: one line, never a word of a note.

Paths of faults name our keys and positions only: a key that a client made up may hold anything.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

FHIR = "application/fhir+json"
JSON = "application/json"


class RefusedError(Exception):
    """A request ends with this status and this line."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def wants_fhir(headers: Mapping[str, str]) -> bool:
    """Whether the answer is FHIR: it is accepted, or was sent and plain JSON is not accepted."""
    accept = headers.get("accept", "").lower()
    return FHIR in accept or (sends_fhir(headers) and JSON not in accept)


def sends_fhir(headers: Mapping[str, str]) -> bool:
    """Whether the body is FHIR."""
    return FHIR in headers.get("content-type", "").lower()


def body_of(status: int, detail: str, fhir: bool) -> tuple[str, bytes]:
    """Media type and body of a refusal: an OperationOutcome for who wants FHIR, else JSON."""
    if not fhir:
        return JSON, json.dumps({"detail": detail}).encode()
    issue = {
        "severity": "error",
        "code": "invalid" if status < 429 else "transient",
        "diagnostics": detail,
    }
    return FHIR, json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


def first_fault(errors: Sequence[Mapping[str, Any]], known: Iterable[str]) -> str:
    """One of pydantic's faults as a line: where, what, and for an unknown key what is near.

    `known` are our keys. What else stands in a path came from the client and is left out.
    """
    names = sorted(set(known))
    # A misspelt key comes before the right one, which is missed.
    fault = min(errors, key=lambda one: one["type"] != "extra_forbidden")
    path = [part for part in fault["loc"] if isinstance(part, int) or part in names]
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if fault["type"] != "extra_forbidden":
        return f"{_dotted(path)}{_lower(fault['msg'])}{more}"
    near = get_close_matches(str(fault["loc"][-1])[:40], names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(names)}"
    return f"{_dotted(path)}an unknown key; {hint}{more}"


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path)) + (": " if path else "")


def _lower(message: str) -> str:
    return message[:1].lower() + message[1:]
