"""What the scripts of the pages ask and send, as JSON."""

import json
import sqlite3
from typing import Annotated, Any, TypeVar

from anyio import to_thread
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isd_pipeline.coding.coder import Note
from isd_pipeline.desk import shown
from isd_pipeline.desk.decisions import StaleError
from isd_pipeline.desk.entries import text_sha256
from isd_pipeline.desk.pages.state import answer_of, bundle_of, codebook_of, desk_of, filed_of
from isd_pipeline.desk.review import Asked, Marked, NotAllowedError, decision_of
from isd_pipeline.service.body import Text, parse
from isd_pipeline.service.refusals import JSON, RefusedError, first_fault

Sent = TypeVar("Sent", bound=BaseModel)
routes = APIRouter()


class Pasted(BaseModel):
    """A note from the clipboard."""

    model_config = ConfigDict(extra="forbid", strict=True)

    id: Annotated[str, Field(max_length=200)] = ""
    text: Text


class Searched(BaseModel):
    """What is looked for in the code book: words, or what stands below a chapter or a category."""

    model_config = ConfigDict(extra="forbid", strict=True)

    words: Annotated[str, Field(max_length=200)] = ""
    chapter: Annotated[str, Field(max_length=100)] | None = None
    category: Annotated[str, Field(max_length=40)] | None = None


KEYS = {name for form in (Pasted, Searched, Asked, Marked) for name in form.model_fields}


@routes.post("/notes")
async def paste(request: Request) -> Response:
    """Put a note from the clipboard on the desk; it stays in memory alone."""
    pasted = await _sent(request, Pasted)
    if not pasted.text.strip():
        raise RefusedError(422, "text: empty")
    most = request.app.state.limits.characters
    if len(pasted.text) > most:
        raise RefusedError(413, f"longer than {most:,} characters; cut it into notes")
    identifier = " ".join(pasted.id.split())
    identifier = identifier or f"pasted {text_sha256(Note('', pasted.text))[:8]}"
    return _json({"key": desk_of(request).notes.add(Note(identifier, pasted.text))})


@routes.get("/notes/{key}/data")
async def data(request: Request, key: str, bundle: str | None = None) -> Response:
    """The note itself, where its evidence is, and what was decided."""
    filed, name = filed_of(request, key), bundle_of(request, bundle)
    answer = await answer_of(request, filed, name)
    state = desk_of(request).log.state(filed.note.id, filed.text_sha256)
    return _json(
        {
            "texts": shown.texts(filed, answer),
            "evidence": shown.evidence(answer),
            "state": shown.standing(state, answer, codebook_of(request, name)),
        }
    )


@routes.get("/notes/{key}/state")
async def state(request: Request, key: str, bundle: str | None = None) -> Response:
    """What was decided about a note."""
    return await _state(request, key, bundle_of(request, bundle))


@routes.post("/notes/{key}/decisions")
async def decide(request: Request, key: str, bundle: str | None = None) -> Response:
    """Put a decision into the record; 409 where another was made that its coder has not seen."""
    asked, filed = await _sent(request, Asked), filed_of(request, key)
    log, name = desk_of(request).log, bundle_of(request, bundle)
    answer = await answer_of(request, filed, name)
    standing = log.state(filed.note.id, filed.text_sha256)
    try:
        if standing.last > asked.seen:
            raise StaleError
        decision = decision_of(asked, filed, answer, standing, codebook_of(request, name))
        await to_thread.run_sync(lambda: log.append(decision, seen=asked.seen))
    except StaleError:
        return await _state(request, key, name, status=409)
    except NotAllowedError as error:
        raise RefusedError(422, str(error)) from None
    except sqlite3.OperationalError:  # the disk is full, or another process holds the file
        raise RefusedError(503, "the record cannot be written now: nothing was recorded") from None
    return await _state(request, key, name)


@routes.post("/codebook")
async def codebook(request: Request, bundle: str | None = None) -> Response:
    """Codes by words, or the categories of a chapter, or the codes of a category."""
    asked = await _sent(request, Searched)
    book = codebook_of(request, bundle_of(request, bundle))
    try:
        if asked.chapter is None:
            return _json({"codes": [vars(one) for one in book.search(asked.words)]})
        if asked.category is None:
            return _json({"categories": book.categories(asked.chapter)})
        return _json({"codes": [vars(one) for one in book.codes(asked.chapter, asked.category)]})
    except KeyError:
        raise RefusedError(422, "the bundle has no such chapter or category") from None


async def _state(request: Request, key: str, bundle: str, status: int = 200) -> Response:
    filed = filed_of(request, key)
    answer = await answer_of(request, filed, bundle)
    standing = desk_of(request).log.state(filed.note.id, filed.text_sha256)
    return _json(shown.standing(standing, answer, codebook_of(request, bundle)), status)


async def _sent(request: Request, form: type[Sent]) -> Sent:
    """What a script has posted, refused without a word of it."""
    value = parse(await request.body(), request.app.state.limits)
    try:
        return form.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_input=False)
        raise RefusedError(422, first_fault(faults, KEYS)) from None


def _json(value: Any, status: int = 200) -> Response:
    """In ASCII: half a surrogate pair, which a note may have, is in no UTF-8."""
    return Response(json.dumps(value), status, media_type=JSON)
