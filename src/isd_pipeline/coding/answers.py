"""Answers as JSON Lines, as CSV, or as a page."""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from isd_pipeline.coding.coder import Answer, Note
from isd_pipeline.coding.evidence import Span
from isd_pipeline.coding.model_card import ShortCard
from isd_pipeline.coding.page import write_page
from isd_pipeline.coding.rules import in_a_line
from isd_pipeline.text.scopes import Cue

COLUMNS = (
    *("id", "code", "title", "system", "score", "above_threshold", "evidence"),
    *("truncated_at", "problem", "model", "context", "section", "evidence_only"),
)
OF_VIEWS = ("views", "remark")  # columns of a bundle of two views
LAST = ("rules", "caution", "words", "unknown_words", "title_of")
Coded = Iterable[tuple[Note, Answer]]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # an apostrophe keeps a spreadsheet from computing it


def form_of(path: Path, card: ShortCard | None = None) -> Callable[[Coded, TextIO], None]:
    """What writes notes' answers in the form that a file's ending asks for.

    `card`: what a page says of the bundle.
    """
    forms: dict[str, Callable[[Coded, TextIO], None]] = {
        ".jsonl": write_jsonl,
        ".csv": write_csv,
        ".html": partial(write_page, card=card),
    }
    if path.suffix.lower() not in forms:
        raise ValueError(f"{path}: name a file that ends in .jsonl, .csv or .html")
    return forms[path.suffix.lower()]


def write_jsonl(coded: Coded, file: TextIO) -> None:
    """One object a note."""
    for _, answer in coded:
        file.write(json.dumps(record(answer), ensure_ascii=False) + "\n")


def record(answer: Answer) -> dict[str, Any]:
    """What an answer says; of views only where the bundle has any, of lent titles where one is."""
    record = asdict(answer)
    for code in record["codes"]:
        if code["title_of"] is None:
            del code["title_of"]
    if answer.views is None:
        del record["views"], record["remark"]
        for code in record["codes"]:
            for span in code["evidence"]:
                del span["view"]
    return record


def write_csv(coded: Coded, file: TextIO) -> None:
    """One row a code, its evidence as `begin-end` pairs; of a note without codes its problem.

    Of each pair `context` has its cues, as in `denied:12-14`, and `section` its section; `none`
    where there is none.

    Of a bundle of two views a pair has its text's language before it, and two columns more say
    which texts were read and what has to be known of them. What the code book says follows, and
    last the code whose title it is, where a code has none of its own.
    """
    table, answers = csv.writer(file, lineterminator="\n"), (answer for _, answer in coded)
    first = next(answers, None)
    of_views = first is not None and first.views is not None
    table.writerow(COLUMNS + (OF_VIEWS if of_views else ()) + LAST)
    for answer in answers if first is None else chain([first], answers):
        for row in _rows(answer):
            table.writerow(f"'{cell}" if str(cell).startswith(FORMULA) else cell for cell in row)


def _rows(answer: Answer) -> list[tuple[object, ...]]:
    whole = (answer.truncated_at, answer.problem, answer.model.sha256)
    views = () if answer.views is None else (" ".join(answer.views), answer.remark)
    kinds = " ".join(str(one["kind"]) for one in answer.caution or ())
    of_note = (kinds, answer.words, answer.unknown_words)
    if answer.problem is not None:
        return [(answer.id, *[None] * 6, *whole, *[None] * 3, *views, None, *of_note, None)]
    return [
        (
            *(answer.id, code.code, code.title, code.system, code.score),
            str(code.above_threshold).lower(),
            " ".join(map(_place, code.evidence)),
            *whole,
            " ".join(",".join(map(_cue, span.context)) or "none" for span in code.evidence),
            " ".join(span.section or "none" for span in code.evidence),
            " ".join(code.evidence_only),
            *views,
            in_a_line(code.rules or ()),
            *of_note,
            code.title_of,
        )
        for code in answer.codes
    ]


def _cue(cue: Cue) -> str:
    return f"{cue.kind}:{cue.begin}-{cue.end}"


def _place(span: Span) -> str:
    return f"{span.view}:{span.begin}-{span.end}" if span.view else f"{span.begin}-{span.end}"
