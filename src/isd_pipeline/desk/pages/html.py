"""The pages: the list of notes, a note beside its codes, and the files that they need."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from isd_pipeline.coding.model_card import short_card
from isd_pipeline.desk import export, shown
from isd_pipeline.desk.decisions import Phase
from isd_pipeline.desk.pages.state import answer_of, bundle_of, codebook_of, desk_of
from isd_pipeline.desk.worklist import Filed
from isd_pipeline.service.refusals import FHIR, JSON, RefusedError

ON_A_PAGE = 200  # notes of the list
PHASES = ("new", "begun", "signed off")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {path.name: path for path in (Path(__file__).parents[1] / "static").iterdir()}
EXPORTS = {
    "decisions.csv": (export.as_csv, "text/csv; charset=utf-8"),
    "decisions.json": (export.as_json, JSON),
    "decisions.fhir.json": (export.as_fhir, FHIR),
}
routes = APIRouter()


@routes.get("/")
async def notes(
    request: Request, show: str = "", page: Annotated[int, Query(ge=1, le=1_000_000)] = 1
) -> Response:
    """The list of notes, each with its state."""
    desk = desk_of(request)
    phases = desk.log.phases()
    rows = [(filed, _phase(filed, phases)) for filed in desk.notes]
    chosen = [row for row in rows if row[1] == show] if show in PHASES else rows
    begin = (page - 1) * ON_A_PAGE
    return _page(
        "notes.html.jinja",
        rows=chosen[begin : begin + ON_A_PAGE],
        counts={phase: sum(of == phase for _, of in rows) for phase in PHASES},
        show=show if show in PHASES else "",
        page=page,
        pages=-(-len(chosen) // ON_A_PAGE),
        models=_models(request),
        exports=list(EXPORTS),
    )


@routes.get("/notes/{key}")
async def note(request: Request, key: str, bundle: str | None = None) -> Response:
    """A note beside its suggested codes."""
    desk, name = desk_of(request), bundle_of(request, bundle)
    try:
        filed = desk.notes[key]
    except KeyError:
        return _page("gone.html.jinja", 404, models=_models(request))
    answer, book = await answer_of(request, filed, name), codebook_of(request, name)
    before, after = desk.notes.beside(key)
    return _page(
        "note.html.jinja",
        filed=filed,
        answer=answer,
        texts=shown.texts(filed, answer),
        above=shown.chapters(answer, book, above=True),
        below=shown.chapters(answer, book, above=False),
        n_below=sum(not code.above_threshold for code in answer.codes),
        caution=shown.caution(answer),
        chapters=book.chapters,
        elsewhere=_elsewhere(request, filed),
        before=before,
        after=after,
        bundle=name,
        models=_models(request),
    )


@routes.get("/export/{name}")
def exported(request: Request, name: str) -> Response:
    """The record of decisions, to be kept as a file."""
    if name not in EXPORTS:
        raise RefusedError(404, f"there are {', '.join(EXPORTS)}")
    form, kind = EXPORTS[name]
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(form(desk_of(request).log.entries()), 200, headers, kind)


@routes.get("/static/{name}")
def static(name: str) -> Response:
    """A script or a style sheet."""
    if name not in FILES:
        raise RefusedError(404, "there is no such file")
    return Response(FILES[name].read_bytes(), media_type=KINDS[FILES[name].suffix])


def _page(name: str, status: int = 200, **shown: Any) -> Response:
    html = _templates.get_template(name).render({"bundle": None} | shown)
    return HTMLResponse(html, status, {"content-security-policy": POLICY})


def _phase(filed: Filed, phases: dict[tuple[str, str], Phase]) -> str:
    phase = phases.get((filed.note.id, filed.text_sha256))
    if phase is None:
        return "new"
    return "signed off" if phase.signed_off else "begun"


def _elsewhere(request: Request, filed: Filed) -> int:
    """How many decisions there are about another text of the same id."""
    entries = desk_of(request).log.entries(filed.note.id)
    return sum(entry.text_sha256 != filed.text_sha256 for entry in entries)


def _models(request: Request) -> list[dict[str, Any]]:
    """What the banner says of each bundle."""
    return [
        {
            "name": name,
            "sha256": coder.bundle.sha256,
            "systems": codebook_of(request, name).systems,
            "cohort": coder.bundle.cohort,
            "data": str(coder.bundle.fingerprints.get("data", "")),
            "codes": len(coder.bundle.codes),
            "has_evidence": coder.has_evidence,
            "toy": short_card(coder.bundle).toy,
        }
        for name, coder in request.app.state.coders.items()
    ]


_templates = Environment(
    loader=PackageLoader("isd_pipeline.desk"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
