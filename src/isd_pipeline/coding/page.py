"""Answers as a page to be read by a coder: each code with its evidence, in place.

The page holds the notes themselves, so it belongs where they are kept. It needs no script and no
other file.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined

from isd_pipeline.coding.caution import sentence
from isd_pipeline.coding.coder import Answer, Note, Suggestion
from isd_pipeline.coding.evidence import Span

AROUND = 40  # characters shown before and after a stretch of evidence, to the next blank
Piece = tuple[str, Span | None]  # a text, and whose evidence it is


@dataclass(frozen=True)
class Mark:
    """A part of the whole note: which codes it is evidence for, and how much of one's evidence."""

    text: str
    codes: tuple[str, ...]
    weight: float


def write_page(coded: Iterable[tuple[Note, Answer]], file: TextIO) -> None:
    """Write one HTML page, note after note: memory holds one of them."""
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.loader = PackageLoader("isd_pipeline", "coding")
    file.writelines(pages.get_template("page.html.jinja").generate(notes=map(_shown, coded)))


def _shown(coded: tuple[Note, Answer]) -> dict[str, Any]:
    note, answer = coded
    texts = texts_of(note, answer)
    rows = [
        (code, [_seen(texts[run[0].view], run) for run in _runs(code)]) for code in answer.codes
    ]
    chosen = [code for code in answer.codes if code.above_threshold]
    views = [(view, list(marks(text, chosen, view))) for view, text in texts.items()]
    cautions = [sentence(one) for one in answer.caution or ()]
    return {"answer": answer, "rows": rows, "views": views, "cautions": cautions}


def _seen(text: str, run: list[Span]) -> tuple[str | None, list[Piece], list[str]]:
    """The view, the snippet, and what is known of its stretches: sections, kinds by their cues."""
    sections = [span.section.replace("_", " ") for span in run if span.section]
    cues = [f"{cue.kind}: “{text[cue.begin : cue.end]}”" for span in run for cue in span.context]
    return run[0].view, list(_snippet(text, run)), [*dict.fromkeys([*sections, *cues])]


def texts_of(note: Note, answer: Answer) -> dict[str | None, str]:
    """The texts that were read, by the view that the evidence names."""
    if not answer.views:
        return {None: note.text}
    given = {one.language: one.text for one in (note, *note.others)}
    return {view: given.get(view, note.text) for view in answer.views}


def _runs(code: Suggestion) -> list[list[Span]]:
    """Stretches that stand so near each other in one text that one snippet shows them."""
    runs: list[list[Span]] = []
    for span in code.evidence:
        last = runs[-1][-1] if runs else None
        if last and last.view == span.view and span.begin - last.end <= 2 * AROUND:
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


def _snippet(text: str, run: list[Span]) -> Iterator[Piece]:
    """The stretches and what stands around them, cut between words."""
    begin, end = run[0].begin, run[-1].end
    before = re.findall(r"(?:(?<=\s)\S.*)?$", text[max(0, begin - AROUND) : begin], re.S)[0]
    after = re.findall(r"^(?:.*\S(?=\s))?", text[end:][:AROUND], re.S)[0]
    yield "…" + before, None
    for last, span in zip([None, *run], run, strict=False):
        if last is not None:
            yield text[last.end : span.begin], None
        yield text[span.begin : span.end], span
    yield after + "…", None


def marks(text: str, codes: Iterable[Suggestion], view: str | None = None) -> Iterator[Mark]:
    """A whole text in parts, each with the codes whose evidence it is: all joined give `text`."""
    found = ((span, code.code) for code in codes for span in code.evidence)
    spans = [(span, code) for span, code in found if span.view == view]
    borders = sorted({0, len(text), *(b for span, _ in spans for b in (span.begin, span.end))})
    for begin, end in pairwise(borders):
        here = [(code, span) for span, code in spans if span.begin <= begin and end <= span.end]
        weight = max((span.weight for _, span in here), default=0.0)
        yield Mark(text[begin:end], tuple(code for code, _ in here), weight)
