"""Answers as a page to be read by a coder: each code with its evidence, in place.

The page holds the notes themselves, so it belongs where they are kept. It needs no script and no
other file.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

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
    file.writelines(_template().generate(notes=map(_shown, coded)))


def _shown(coded: tuple[Note, Answer]) -> dict[str, Any]:
    note, answer = coded
    rows = [
        (code, [list(_snippet(note.text, run)) for run in _runs(code)]) for code in answer.codes
    ]
    chosen = [code for code in answer.codes if code.above_threshold]
    return {"answer": answer, "rows": rows, "marks": list(marks(note.text, chosen))}


def _runs(code: Suggestion) -> list[list[Span]]:
    """Stretches that stand so near each other that one snippet shows them."""
    runs: list[list[Span]] = []
    for span in code.evidence:
        if runs and span.begin - runs[-1][-1].end <= 2 * AROUND:
            runs[-1].append(span)
        else:
            runs.append([span])
    return runs


def _snippet(text: str, run: list[Span]) -> Iterator[Piece]:
    """The stretches and what stands around them, cut between words."""
    before = re.search(
        r"(?:(?<=\s)\S.*)?$", text[max(0, run[0].begin - AROUND) : run[0].begin], re.S
    )
    after = re.match(r"(?:.*\S(?=\s))?", text[run[-1].end :][:AROUND], re.S)
    assert before is not None
    assert after is not None
    yield "…" + before[0], None
    for span, following in pairwise([*run, None]):
        assert span is not None
        yield text[span.begin : span.end], span
        if following is not None:
            yield text[span.end : following.begin], None
    yield after[0] + "…", None


def marks(text: str, codes: Iterable[Suggestion]) -> Iterator[Mark]:
    """The whole note in parts, each with the codes whose evidence it is: all joined give `text`."""
    spans = [(span, code.code) for code in codes for span in code.evidence]
    borders = sorted({0, len(text), *(b for span, _ in spans for b in (span.begin, span.end))})
    for begin, end in pairwise(borders):
        here = [(code, span) for span, code in spans if span.begin <= begin and end <= span.end]
        weight = max((span.weight for _, span in here), default=0.0)
        yield Mark(text[begin:end], tuple(code for code, _ in here), weight)


def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("isd_pipeline", "coding"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.jinja")
