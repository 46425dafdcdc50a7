"""The application: bundles made ready behind paths, each of which does one thing.

Pages for people are routers of their own: `app.include_router`. They find in `request.app.state`

    queue     ModelQueue: `await queue.code(bundle, notes, top=…)` gives a list of Answer
    coders    the bundles by their names, the first of which is the default
    codebooks the codes of each bundle, and those of its code books
    limits    what a request may ask for

All that the guard holds (Host, token, Origin, JSON bodies, sizes, no-store) holds for them, too.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from isd_pipeline import __version__
from isd_pipeline.coding.codebook import Codebook
from isd_pipeline.coding.coder import Answer, Coder, Note
from isd_pipeline.coding.model_card import card_markdown
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.service import body, described
from isd_pipeline.service.answers import as_json
from isd_pipeline.service.fhir_in import of_note, read_document
from isd_pipeline.service.fhir_out import as_fhir
from isd_pipeline.service.guard import Guard
from isd_pipeline.service.limits import LIMITS, Limits
from isd_pipeline.service.metrics import Metrics
from isd_pipeline.service.model_queue import BusyError, Coders, ModelQueue, StoppedError
from isd_pipeline.service.models import FoundCode, FoundCodes, ServedBundles, revision_of, served
from isd_pipeline.service.refusals import (
    FHIR,
    JSON,
    RefusedError,
    first_fault,
    sends_fhir,
    wants_fhir,
)

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
T = TypeVar("T")
routes = APIRouter()


def create_app(
    coders: Coders,
    *,
    token: str | None = None,
    hosts: Collection[str] = LOOPBACK,
    limits: Limits = LIMITS,
) -> FastAPI:
    """An application that codes notes with some bundles, by their names; the first is the default.

    With a `token` every path but /healthz and /readyz wants it. `hosts` are the names under which
    the service may be called.
    """
    if not coders:
        raise ValueError("no bundle to serve")
    app = FastAPI(
        title="isd serve",
        version=__version__,
        description=described.ABOUT,
        docs_url=None,  # its page would load scripts of another host
        redoc_url=None,
        lifespan=_line,
    )
    metrics = Metrics(lambda: queue.waiting)
    queue = ModelQueue(coders, limits, observe=metrics.read)
    app.state.queue, app.state.coders = queue, coders
    # Made now, not while somebody waits: of a code book in about a second.
    app.state.codebooks = {name: Codebook(coder.bundle) for name, coder in coders.items()}
    app.state.limits, app.state.metrics = limits, metrics
    app.include_router(routes)
    app.add_middleware(Guard, token=token, hosts=hosts, limits=limits, metrics=metrics)
    app.add_exception_handler(RequestValidationError, _refuse_parameters)
    _describe(app)
    return app


@asynccontextmanager
async def _line(app: FastAPI) -> AsyncIterator[None]:
    """Open the line to the models; before the end, finish what stands in it."""
    if not app.state.queue.is_ready:
        app.state.queue.open()
    yield
    await asyncio.to_thread(app.state.queue.close)


@routes.post(
    "/v1/code",
    summary="Code notes",
    openapi_extra={"requestBody": described.code_body()},
    responses={
        200: {
            "description": "An answer for each note, in their order, as `isd code` writes it.",
            "content": {
                JSON: {"schema": described.ANSWERS_SCHEMA, "example": described.ANSWERS},
                FHIR: {"schema": described.FHIR_BUNDLE},
            },
        },
        **described.refusals(401, 403, 404, 408, 413, 415, 421, 422, 429, 503),
    },
)
async def code(request: Request, options: Annotated[body.Options, Query()]) -> Response:
    """Notes as JSON, or a DocumentReference, as which they are answered for.

    Options stand in the body of JSON. Those in the query are for what a body leaves out.
    """
    limits = request.app.state.limits
    parsed, document = body.parse(await request.body(), limits), None
    if sends_fhir(request.headers):
        document, texts = read_document(parsed)
        parsed = {"notes": texts}
    asked = body.read_request(parsed, options.model_dump(exclude_unset=True))
    coder = coder_of(request, asked.bundle)
    notes = body.notes_of(asked, coder.languages, limits)
    answers = await _coded(request, asked, notes)
    if not wants_fhir(request.headers):
        return Response(as_json(answers), media_type=JSON)
    documents = [document or of_note(note.id) for note in notes]
    revision, cohort = revision_of(coder), coder.bundle.cohort
    bundle = as_fhir(answers, documents, revision, cohort, datetime.now(UTC))
    return Response(bundle, media_type=FHIR)


async def _coded(request: Request, asked: body.CodeRequest, notes: Sequence[Note]) -> list[Answer]:
    """What the models say, or why they say nothing."""
    try:
        queue: ModelQueue = request.app.state.queue
        return await _while_there(request, queue.code(asked.bundle, notes, **asked.asked))
    except BusyError:
        raise RefusedError(
            429, "too many notes are waiting; try again later", {"retry-after": "5"}
        ) from None
    except StoppedError as error:
        raise RefusedError(503, str(error), {"retry-after": "30"}) from None


async def _while_there(request: Request, coding: Coroutine[Any, Any, T]) -> T:
    """The outcome, unless the client goes away before it is there: then nothing more is read."""
    found, gone = asyncio.ensure_future(coding), asyncio.ensure_future(request.receive())
    try:
        await asyncio.wait({found, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not found.done():
            raise RefusedError(499, "the client went away")
        return found.result()
    finally:
        found.cancel()
        gone.cancel()


def coder_of(request: Request, name: str | None) -> Coder | ViewCoder:
    """The bundle of this name, or the default; RefusedError where there is none."""
    coders: Coders = request.app.state.coders
    if name is None:
        return next(iter(coders.values()))
    if name not in coders:
        raise RefusedError(404, f"bundle: none of this name; there are {', '.join(coders)}")
    return coders[name]


@routes.get(
    "/v1/codes",
    summary="Search the codes of a bundle",
    responses=described.refusals(401, 404, 421, 422),
)
async def codes(
    request: Request,
    q: Annotated[str, Query(min_length=1, max_length=200, description="A code, or words.")],
    bundle: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 20,
) -> FoundCodes:
    """By the beginning of a code, by words of its title, or by terms of the code book."""
    coder_of(request, bundle)
    book = request.app.state.codebooks[bundle or request.app.state.queue.default]
    found = book.search(q, limit)
    return FoundCodes([FoundCode(**vars(one), above=book.above(one.code)) for one in found])


@routes.get(
    "/v1/model", summary="The bundles that are served", responses=described.refusals(401, 421)
)
async def model(request: Request) -> ServedBundles:
    """Each with its hash, its codes, threshold and the metrics of its test split."""
    coders: Coders = request.app.state.coders
    told = [served(name, coder) for name, coder in coders.items()]
    return ServedBundles(request.app.state.queue.default, told)


@routes.get(
    "/v1/card",
    summary="The model card of a bundle, to be read",
    response_class=Response,
    responses={
        200: {"content": {described.MARKDOWN: {"schema": {"type": "string"}}}},
        **described.refusals(401, 404, 421, 422),
    },
)
async def card(request: Request, bundle: str | None = None) -> Response:
    """What it was trained on, how well it did on test, what it is not for; the default bundle's."""
    found = card_markdown(coder_of(request, bundle).bundle)
    return Response(found, media_type=f"{described.MARKDOWN}; charset=utf-8")


@routes.get("/healthz", summary="Whether the process answers", responses=described.refusals(421))
async def healthz() -> dict[str, str]:
    """Always, while it runs."""
    return {"status": "ok"}


@routes.get("/readyz", summary="Whether notes are taken", responses=described.refusals(421, 503))
async def readyz(request: Request) -> dict[str, str]:
    """503 while the service is ending."""
    if not request.app.state.queue.is_ready:
        raise RefusedError(503, "the service is ending")
    return {"status": "ready"}


@routes.get(
    "/metrics",
    summary="Counts and durations for Prometheus",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **described.refusals(401, 421),
    },
)
async def metrics(request: Request) -> Response:
    """Never a word of a note, nor an id."""
    kind = "text/plain; version=0.0.4; charset=utf-8"
    return Response(request.app.state.metrics.text(), media_type=kind)


async def _refuse_parameters(request: Request, error: Exception) -> Response:
    """FastAPI's own answer would repeat what it was given."""
    assert isinstance(error, RequestValidationError)
    known = {"q", "limit", *body.KEYS}
    raise RefusedError(422, first_fault(error.errors(), known)) from None


def _describe(app: FastAPI) -> None:
    """Add to /openapi.json the shapes that no signature names."""
    plain = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = plain()
            made.setdefault("components", {}).setdefault("schemas", {}).update(described.schemas())
        return app.openapi_schema or {}

    app.openapi = complete  # type: ignore[method-assign]
