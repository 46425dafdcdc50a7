"""The record of decisions in forms that others read: JSON, CSV and FHIR.

JSON and CSV hold every row; the JSON also the hash of the last, by which a later look tells whether
the record still holds what it held (`isd decisions --known`). FHIR holds what stands: of each text
of a note its codes, by their latest decision.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from isd_pipeline.coding.answers import FORMULA
from isd_pipeline.coding.systems import uri_of
from isd_pipeline.data.codes.coding_systems import kind_of
from isd_pipeline.data.codes.icd import PROCEDURE
from isd_pipeline.desk.entries import FIRST, Entry, Place, state_of

COLUMNS = (
    *("number", "time", "who", "bundle", "bundle_sha256", "note", "text_sha256", "decision"),
    *("code", "system", "score", "threshold", "evidence", "marked", "hash"),
)
OURS = "urn:isd-pipeline:"
VERIFIED = {
    "accepted": "confirmed",
    "added": "confirmed",
    "rejected": "refuted",
    "unsure": "unconfirmed",
}
DONE = {"accepted": "completed", "added": "completed", "unsure": "unknown"}  # of a procedure
STATUS = "http://terminology.hl7.org/CodeSystem/condition-ver-status"


def form_of(path: Path) -> Callable[[Sequence[Entry]], str]:
    """What gives the record in the form that a file's ending asks for."""
    forms = {".fhir.json": as_fhir, ".json": as_json, ".csv": as_csv}
    for ending, form in forms.items():
        if path.name.lower().endswith(ending):
            return form
    raise ValueError(f"{path}: name a file that ends in .json, .csv or .fhir.json")


def as_json(entries: Sequence[Entry]) -> str:
    """All rows, and the hash that stands for them."""
    rows = [vars(entry) | {"evidence": [p._asdict() for p in entry.evidence]} for entry in entries]
    head = entries[-1].hash if entries else FIRST
    return json.dumps({"hash": head, "decisions": rows}, ensure_ascii=False, indent=1) + "\n"


def as_csv(entries: Sequence[Entry]) -> str:
    """A row each; no cell is one that a spreadsheet would compute."""
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for entry in entries:
        told = vars(entry) | {
            "evidence": " ".join(map(_told, entry.evidence)),
            "marked": str(entry.marked).lower(),
        }
        cells = (told[name] for name in COLUMNS)
        table.writerow(f"'{cell}" if str(cell).startswith(FORMULA) else cell for cell in cells)
    return file.getvalue()


def as_fhir(entries: Sequence[Entry]) -> str:
    """A collection of Conditions, and of Procedures where the code is one; FHIR R4.

    A rejected procedure is left out: that a suggestion was wrong does not say that it was not done.
    """
    resources = [
        resource
        for _, of_text in groupby(sorted(entries, key=_by_text), key=_of_text)
        for entry in state_of(list(of_text)).codes.values()
        if (resource := _resource(entry)) is not None
    ]
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection"}
    if resources:  # FHIR has no empty lists
        bundle["entry"] = [{"resource": resource} for resource in resources]
    return json.dumps(bundle, ensure_ascii=False, indent=1) + "\n"


def _by_text(entry: Entry) -> tuple[str, str, int]:
    return *_of_text(entry), entry.number


def _of_text(entry: Entry) -> tuple[str, str]:
    return entry.note, entry.text_sha256


def _resource(entry: Entry) -> dict[str, Any] | None:
    """What stands of a code; what was recorded with it is in extensions, offsets and no text."""
    coding = {"system": uri_of(entry.system, str(entry.system)), "code": entry.code}
    shared = {
        "extension": [*_extensions(entry)],
        "code": {"coding": [coding]},
        "subject": {"identifier": {"value": entry.note}},
        "recorder": {"display": entry.who},
    }
    if kind_of(entry.system or "") == PROCEDURE:
        if entry.decision not in DONE:
            return None
        return {"resourceType": "Procedure", "status": DONE[entry.decision]} | shared
    verified = {"coding": [{"system": STATUS, "code": VERIFIED[entry.decision]}]}
    told = {"verificationStatus": verified, "recordedDate": entry.time}
    return {"resourceType": "Condition"} | told | shared


def _extensions(entry: Entry) -> Iterator[dict[str, Any]]:
    """The score, the evidence, and whose suggestion it was."""
    if entry.score is not None:
        yield {"url": f"{OURS}score", "valueDecimal": entry.score}
    for place in entry.evidence:
        parts: list[dict[str, Any]] = [
            {"url": "begin", "valueUnsignedInt": place.begin},
            {"url": "end", "valueUnsignedInt": place.end},
        ]
        view = [{"url": "language", "valueCode": place.view}] if place.view else []
        yield {"url": f"{OURS}evidence", "extension": parts + view}
    yield {"url": f"{OURS}bundle-sha256", "valueString": entry.bundle_sha256}
    yield {"url": f"{OURS}decision", "valueCode": entry.decision}


def _told(place: Place) -> str:
    begin_end = f"{place.begin}-{place.end}"
    return f"{place.view}:{begin_end}" if place.view else begin_end
