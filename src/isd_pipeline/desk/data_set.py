"""Reviewed notes as a custom data set (docs/custom_data.md): notes, codes, mentions, titles."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from isd_pipeline.coding.systems import SYSTEMS
from isd_pipeline.data.codes.coding_systems import write_code
from isd_pipeline.data.codes.icd import DIAGNOSIS, PROCEDURE
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.files import write_text
from isd_pipeline.desk.learning import Reviewed

OWN = "own"  # a system of codes that no official table writes so
Rows = Mapping[str, list[dict[str, Any]]]  # by the name of the file


def rows_of(notes: Iterable[Reviewed]) -> dict[str, list[dict[str, Any]]]:
    """The rows of each file, codes without their system."""
    rows: dict[str, list[dict[str, Any]]] = {"notes": [], "codes": [], "mentions": []}
    for one in notes:
        name, note = one.note.id, "1"
        told = {"id": name, "note": note, "patient": one.patient, "split": one.part}
        rows["notes"].append(told | {"text": one.note.text})
        rows["codes"] += [{"id": name, "code": code} for code in one.codes]
        rows["mentions"] += [{"id": name, "note": note, **vars(mark)} for mark in one.marks]
    return rows


def write_data_set(rows: Rows, codes: CodeIndex, revision: str, folder: Path) -> dict[str, Any]:
    """Write the files; give the section `custom` by which they are read.

    `codes` are those of the bundle that was reviewed: their titles go along, for a new training to
    have the same. The files hold the notes.
    """
    used = [row["code"] for row in (*rows["codes"], *rows["mentions"])]
    systems = _systems(used, codes, revision)
    main = next(iter(systems.values()), OWN) if OWN in systems.values() else None
    system = main or SYSTEMS[revision, DIAGNOSIS]
    for name, of_file in rows.items():
        if of_file or name != "mentions":
            write_text(folder / f"{name}.jsonl", "".join(_lines(name, of_file, systems)))
    write_text(folder / "titles.csv", _titles(codes, systems, used, system))
    return {"system": system, "table": "titles.csv"}


def _systems(used: Sequence[str], codes: CodeIndex, revision: str) -> dict[str, str]:
    """The system of each code: ICD's where all of them are written as it writes them."""
    kinds = dict(zip(codes.codes, codes.systems, strict=True))
    of_code = {}
    for code in sorted({*used, *codes.codes}):
        kind = kinds.get(code)
        names = [SYSTEMS[revision, one] for one in ([kind] if kind else [DIAGNOSIS, PROCEDURE])]
        of_code[code] = next((name for name in names if write_code(code, name) == code), OWN)
    if OWN in of_code.values():
        return dict.fromkeys(of_code, OWN)
    return of_code


def _lines(
    name: str, rows: Sequence[Mapping[str, Any]], systems: Mapping[str, str]
) -> Iterator[str]:
    for row in rows:
        system = {} if name == "notes" else {"system": systems[row["code"]]}
        yield json.dumps({**row, **system}, ensure_ascii=False) + "\n"


def _titles(codes: CodeIndex, systems: Mapping[str, str], used: Iterable[str], system: str) -> str:
    """The titles of the system that the table is of; a code without one stands for itself."""
    titles = dict(zip(codes.codes, codes.titles, strict=True))
    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(("code", "title"))
    wanted = {*titles, *used} if system == OWN else titles
    table.writerows((c, titles.get(c, c)) for c in sorted(wanted) if systems[c] == system)
    return file.getvalue()
