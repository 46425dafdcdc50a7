"""Decisions for tests, made without what a model needs."""

from __future__ import annotations

import hashlib
from pathlib import Path

from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.entries import Decision

TEXT = hashlib.sha256(b"Fever.").hexdigest()


def decided(decision: str = "accepted", code: str | None = "780.60", **other: object) -> Decision:
    given: dict[str, object] = {
        "who": "AB",
        "bundle": "tiny-isd-3",
        "bundle_sha256": "b" * 64,
        "note": "n1",
        "text_sha256": TEXT,
        "decision": decision,
        "code": code,
        "system": "icd9cm" if code else None,
    }
    return Decision(**given | other)  # type: ignore[arg-type]


def add_some(path: Path, who: str) -> None:
    log = DecisionLog(path)
    for _ in range(20):
        log.append(decided(who=who))
