"""Answers as a page to be read by a coder: the likeliest codes, each with its evidence in the note.

As many codes of a note are shown at first as its bundle expects; the others are folded below, and
none is left out. The page holds the notes themselves, so it belongs where they are kept. It needs
no other file; its one script marks the evidence of a code that is pointed at, and all can be read
without it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, TextIO

from jinja2 import Environment, PackageLoader, StrictUndefined

from isd_pipeline.coding.caution import sentence
from isd_pipeline.coding.coder import Answer, Note, Suggestion
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.model_card import ShortCard
from isd_pipeline.data.codes.titles import called
from isd_pipeline.one_file_page import script_of

UNSAID = 10  # codes shown at first, where the bundle does not say how many are usual
AROUND = 40  # characters shown before and after a stretch of evidence, to the next blank
Piece = tuple[str, Span | None]  # a text, and whose evidence it is


@dataclass(frozen=True)
class Mark:
    """A part of the whole note: which codes it is evidence for, and how much of each one's."""

    text: str
    codes: tuple[str, ...]
    weights: tuple[float, ...]

    def weight(self, chosen: Collection[str]) -> float:
        """How much of one's evidence it is at most, of some codes; 0 where it is none's."""
        pairs = zip(self.codes, self.weights, strict=True)
        return max((weight for code, weight in pairs if code in chosen), default=0.0)


def write_page(
    coded: Iterable[tuple[Note, Answer]], file: TextIO, card: ShortCard | None = None
) -> None:
    """Write one HTML page, note after note: memory holds one of them.

    `card` is that of the bundle; without it the page says that it is not known.
    """
    pages = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.loader = PackageLoader("isd_pipeline", "coding")
    pages.globals["called"] = called
    most = card.usual if card and card.usual else UNSAID
    shown = map(partial(_shown, most=most), coded)
    script = script_of("isd_pipeline.coding", "page.js")
    page = pages.get_template("page.html.jinja")
    file.writelines(page.generate(notes=shown, card=card, most=most, script=script))


def _shown(coded: tuple[Note, Answer], most: int) -> dict[str, Any]:
    note, answer = coded
    texts = texts_of(note, answer)
    rows = [
        (number, code, [_seen(texts[run[0].view], run) for run in _runs(code)])
        for number, code in enumerate(answer.codes)
    ]
    first = first_codes(answer.codes, most)
    views = [(view, list(marks(text, answer.codes, view))) for view, text in texts.items()]
    return {
        "answer": answer,
        "first": [row for row in rows if row[0] in first],
        "rest": [row for row in rows if row[0] not in first],
        "chosen": {answer.codes[number].code for number in first},
        "numbers": {code.code: number for number, code in enumerate(answer.codes)},
        "views": views,
        "cautions": [sentence(one) for one in answer.caution or ()],
        "unread": _unread(texts, answer),
    }


def first_codes(codes: Sequence[Suggestion], most: int) -> list[int]:
    """The places of those shown at first: above the threshold, the first `most` of them."""
    return [number for number, code in enumerate(codes) if code.above_threshold][:most]


def _unread(texts: dict[str | None, str], answer: Answer) -> str:
    """How much of a note was not read, in words; "" where all was."""
    if answer.truncated_at is None or len(texts) != 1:
        return ""
    whole = len(next(iter(texts.values())))
    return f"{100 * (whole - answer.truncated_at) / max(whole, 1):.0f} % of it"


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
        codes_here, weights = tuple(code for code, _ in here), tuple(s.weight for _, s in here)
        yield Mark(text[begin:end], codes_here, weights)
