"""A service with the coder's screen, whose model says what a test wants it to say."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.coder import Answer, Model, Note, Suggestion
from isd_pipeline.coding.evidence import Span
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.desk.decisions import DecisionLog
from isd_pipeline.desk.pages import Desk, router
from isd_pipeline.desk.worklist import WorkList
from isd_pipeline.service.app import create_app
from tests.coding.tiny import bundle_of

TITLES = {
    "038.9": "Unspecified septicemia",
    "250.00": "Diabetes mellitus <script>document.title = 'taken'</script>",
    "401.9": 'Hypertension "><img src=x onerror="document.title = \'taken\'">',
    "486": "Pneumonia, organism unspecified",
    "780.60": "Fever, unspecified",
    "786.2": "Cough",
    "786.50": "Chest pain, unspecified",
    "99.15": "=Parenteral nutrition",
}
CODES = CodeIndex(
    codes=tuple(TITLES),
    systems=(*["diagnosis"] * 7, "procedure"),  # type: ignore[arg-type]
    titles=tuple(TITLES.values()),
)
# Of each code its score, and the words that are evidence for it with their weights.
SAYS: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "780.60": (0.9, {"fever": 0.6, "febrile": 0.2}),
    "786.2": (0.8, {"cough": 0.4, "productive cough": 0.5}),
    "486": (0.6, {"pneumonia": 0.3}),
    "786.50": (0.2, {"chest pain": 0.3}),
    "250.00": (0.1, {}),
}
THRESHOLD = 0.5


def bundle() -> Bundle:
    made = bundle_of()
    counts = (9, 41, 120, 7, 30, 12, 11, 1)
    return replace(made, codes=CODES, training_counts=counts, sha256="ab" * 32)


@dataclass(frozen=True)
class Ruled(Suggestion):
    """A suggestion of which the context of its evidence and the code book say something."""

    evidence_only: tuple[str, ...] = ()
    rules: tuple[dict[str, Any], ...] | None = None


@dataclass(frozen=True)
class Sign:
    """A cue of context."""

    kind: str
    begin: int
    end: int


@dataclass(frozen=True)
class Meant(Span):
    """A stretch of evidence whose context is known."""

    context: tuple[Sign, ...] = ()
    section: str | None = None


RULES: Mapping[str, tuple[dict[str, Any], ...]] = {
    "786.2": (
        {"kind": "excludes1", "with": "486", "source": "786", "note": "cough with pneumonia"},
        {"kind": "excludes1", "with": "486", "source": "786.5", "note": "cough with pneumonia"},
        {"kind": "code_first", "source": "786", "note": "the cause", "suggested": ["486"]},
    ),
    "486": (
        {"kind": "not_billable", "leaves": [{"code": "486.1", "title": "x"}], "leaf_count": 3},
        {"kind": "unknown", "book": "ICD-9-CM 2015", "nearest": None},
    ),
}


class Canned:
    """Stands for a Coder: a code is suggested with the places of its words."""

    languages: tuple[str, ...] = ()
    has_evidence = True

    def __init__(self, unread: str | None = None) -> None:
        self.bundle = bundle()
        self.unread = unread  # words from which on a note is not read

    def code(self, notes: Sequence[Note], **asked: Any) -> list[Answer]:
        return [self._answer(note) for note in notes]

    def _answer(self, note: Note) -> Answer:
        found = [] if not note.text.strip() else SAYS.items()
        codes = tuple(
            Ruled(
                code=code,
                title=TITLES[code],
                system="diagnosis",
                score=score,
                above_threshold=score > THRESHOLD,
                evidence=tuple(places(note.text, words)),
                evidence_only=("denied",) if code == "786.50" else (),
                rules=RULES.get(code),
            )
            for code, (score, words) in found
        )
        place = note.text.find(self.unread) if self.unread else -1
        problem = None if codes else "the note is empty"
        model = Model(self.bundle.name, self.bundle.sha256)
        return Answer(note.id, codes, THRESHOLD, None if place < 0 else place, problem, model)


def places(text: str, words: Mapping[str, float]) -> Iterator[Span]:
    found = ((hit, weight) for word, weight in words.items() for hit in re.finditer(word, text))
    for hit, weight in sorted(found, key=lambda one: one[0].start()):
        begin = hit.start()
        denied = text.rfind("No ", max(0, begin - 4), begin)
        cues = (Sign("denied", denied, denied + 2),) if denied >= 0 else ()
        yield Meant(begin, hit.end(), weight, context=cues, section="plan" if cues else None)


def app_of(log: Path, *notes: Note, coders: Mapping[str, Any] | None = None) -> FastAPI:
    app = create_app(coders or {"tiny": Canned()})
    app.state.desk = Desk(WorkList(notes), DecisionLog(log))
    app.include_router(router)
    return app


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of a service that runs meanwhile."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, http="h11", ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
