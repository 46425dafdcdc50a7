"""Answers as JSON Lines, as CSV, or as a page."""

import csv
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from isd_pipeline.coding.coder import Answer, Note
from isd_pipeline.coding.page import write_page

COLUMNS = (
    *("id", "code", "title", "system", "score", "above_threshold", "evidence"),
    *("truncated_at", "problem", "model"),
)
Coded = Iterable[tuple[Note, Answer]]
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # an apostrophe keeps a spreadsheet from computing it


def form_of(path: Path) -> Callable[[Coded, TextIO], None]:
    """What writes notes' answers in the form that a file's ending asks for."""
    forms = {".jsonl": write_jsonl, ".csv": write_csv, ".html": write_page}
    if path.suffix.lower() not in forms:
        raise ValueError(f"{path}: name a file that ends in .jsonl, .csv or .html")
    return forms[path.suffix.lower()]


def write_jsonl(coded: Coded, file: TextIO) -> None:
    """One object a note."""
    for _, answer in coded:
        file.write(json.dumps(asdict(answer), ensure_ascii=False) + "\n")


def write_csv(coded: Coded, file: TextIO) -> None:
    """One row a code, its evidence as `begin-end` pairs; of a note without codes its problem."""
    table = csv.writer(file, lineterminator="\n")
    table.writerow(COLUMNS)
    for _, answer in coded:
        for row in _rows(answer):
            table.writerow(f"'{cell}" if str(cell).startswith(FORMULA) else cell for cell in row)


def _rows(answer: Answer) -> list[tuple[object, ...]]:
    last = (answer.truncated_at, answer.problem, answer.model.sha256)
    if answer.problem is not None:
        return [(answer.id, *[None] * 6, *last)]
    return [
        (
            *(answer.id, code.code, code.title, code.system, code.score),
            str(code.above_threshold).lower(),
            " ".join(f"{span.begin}-{span.end}" for span in code.evidence),
            *last,
        )
        for code in answer.codes
    ]
