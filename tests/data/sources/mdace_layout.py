"""Releases of MDACE made by hand, and notes of MIMIC-III's layout laid under its annotations.

No text of MIMIC-III is at hand. Each note is filled with words that mean nothing, and where an
annotation stands, with a word that is made from its code, at the very characters it names.
"""

from __future__ import annotations

import json
import random
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from isd_pipeline.data.codes import icd
from isd_pipeline.data.sources.mdace import SYSTEMS, Annotation
from tests.data.sources.test_mimic3 import (
    CODE_HEADER,
    NOTE_HEADER,
    TITLE_HEADER,
    note,
    write,
)

ZIP = Path(__file__).parents[4] / "shared" / "data" / "mdace" / "mdace.zip"
needs_release = pytest.mark.skipif(not ZIP.exists(), reason="MDACE is not here")
FILLER = ("the", "was", "seen", "by", "today", "home", "with", "plan", "none", "left", "given")
SUMMARY = "Discharge summary"


def chart(admission: int, notes: Mapping[int, Sequence[tuple]], category: str = SUMMARY) -> dict:
    """A chart; of each note its annotations (begin, end, code, code system)."""
    names = ("begin", "end", "code", "code_system")
    rows = {n: [dict(zip(names, mark, strict=True)) for mark in some] for n, some in notes.items()}
    found = [{"note_id": n, "category": category, "annotations": some} for n, some in rows.items()]
    return {"hadm_id": admission, "comment": "", "notes": found}


def write_release(path: Path, charts: Iterable[dict], splits: Mapping[str, Sequence[int]]) -> Path:
    """A release of inpatient charts as a zip."""
    with zipfile.ZipFile(path, "w") as archive:
        for one in charts:
            name = f"data/Inpatient/ICD-9/1.0/{one['hadm_id']}-ICD-9.json"
            archive.writestr(name, json.dumps(one))
        for split, ids in splits.items():
            text = "".join(f"{one}\n" for one in ids)
            archive.writestr(f"splits/Inpatient/MDace-ev-{split}.csv", text)
    return path


def word_of(code: str) -> str:
    """A word for a code: its digits as letters."""
    return "z" + "".join(
        "abcdefghij"[int(c)] if c.isdigit() else c.lower() for c in icd.undot(code)
    )


def laid_text(marks: Sequence[Annotation], seed: int) -> str:
    """Words that mean nothing, and the marks' own where they stand; of two at a place the first."""
    draw, size = random.Random(seed), max(mark.end for mark in marks) + 40
    letters: list[str] = []
    while len(letters) < size:
        letters += f"{draw.choice(FILLER)} "
    taken = [False] * len(letters)
    for mark in marks:
        word = f"{word_of(mark.code)} " * (mark.end - mark.begin)
        for at in range(mark.begin, mark.end):
            if not taken[at]:
                is_edge = at in (mark.begin, mark.end - 1)
                letter = word[at - mark.begin]
                letters[at], taken[at] = ("x" if is_edge and letter == " " else letter), True
    for at in [edge for mark in marks for edge in (mark.begin - 1, mark.end)]:
        if at >= 0 and not taken[at]:
            letters[at] = " "
    return "".join(letters)


def lay_hospital(folder: Path, annotations: Iterable[Annotation]) -> dict[str, str]:
    """MIMIC-III's tables for these annotations, an admission a patient; the text of each note."""
    by_note: dict[tuple[str, str, str], list[Annotation]] = defaultdict(list)
    for mark in annotations:
        by_note[mark.note, mark.admission, mark.category].append(mark)
    texts = {key[0]: laid_text(marks, int(key[0])) for key, marks in by_note.items()}
    rows = [note(int(n), int(a), int(a), kind, "Report", texts[n]) for n, a, kind in by_note]
    folder.mkdir(parents=True, exist_ok=True)
    write(folder, "NOTEEVENTS", NOTE_HEADER, rows)
    everything = [mark for marks in by_note.values() for mark in marks]
    for table, system in (("DIAGNOSES", "ICD-9-CM"), ("PROCEDURES", "ICD-9-PCS")):
        _write_codes(folder, table, [mark for mark in everything if mark.code_system == system])
    return texts


def _write_codes(folder: Path, table: str, marks: Iterable[Annotation]) -> None:
    pairs = dict.fromkeys((mark.admission, mark.code) for mark in marks)
    rows: list[Any] = [(n, a, a, 1, icd.undot(code)) for n, (a, code) in enumerate(pairs)]
    write(folder, f"{table}_ICD", CODE_HEADER, rows)
    codes = dict.fromkeys(code for _, code in pairs)
    titles: list[Any] = [(n, icd.undot(c), "", word_of(c)) for n, c in enumerate(codes)]
    write(folder, f"D_ICD_{table}", TITLE_HEADER, titles)


def coded(marks: Iterable[Annotation]) -> list[Annotation]:
    """Those of the systems that MIMIC-III has."""
    return [mark for mark in marks if mark.code_system in SYSTEMS]
