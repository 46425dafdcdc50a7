"""MIMIC-III v1.4, the files as PhysioNet gives them, to `notes`, `codes` and `titles`.

Every discharge summary and addendum is kept, in the order of patient, admission and file; every
row of the two code tables is kept, the empty ones too. Nothing is cleaned here: both label
spaces of `cohorts` start from what the files hold.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data import icd
from isd_pipeline.data.delimited import find_csv, read_csv
from isd_pipeline.data.tables import (
    CODES,
    NOTES,
    TITLES,
    Extraction,
    RecordStream,
    SortedSpill,
    stream_table,
)

LOG = logging.getLogger(__name__)

SUMMARY = "Discharge summary"
CODES_AND_ROW = pa.schema([*CODES, ("row", pa.int64())])
ENOUGH_ROWS = 500  # 4 % of diagnoses and 7 % of procedures begin with 0: a table this long has some


def extract(folder: Path, *, scratch: Path | None = None) -> Extraction:
    """Read a folder of MIMIC-III tables.

    NOTEEVENTS is read once, in blocks; its summaries wait, sorted, in a nameless file in
    `scratch` (default: the system's folder for temporary files) until the stream is closed.
    Raises ValueError or FileNotFoundError with one line: file, row, column, what, remedy.
    """
    titles, counts = read_titles(folder)
    known = zip(titles["system"].to_pylist(), titles["code"].to_pylist(), strict=True)
    codes, counted = read_codes(folder, set(known))
    counts |= counted
    notes, counted = read_summaries(find_csv(folder, "NOTEEVENTS"), scratch)
    return Extraction(notes, stream_table(codes), stream_table(titles), counts | counted)


def read_summaries(path: Path, scratch: Path | None = None) -> tuple[RecordStream, dict[str, int]]:
    """The discharge summaries of NOTEEVENTS, addenda included, sorted by patient and admission."""
    keys = [("__patient", pa.int64()), ("__document", pa.int64())]
    spill = SortedSpill(pa.schema([*NOTES, *keys]), [name for name, _ in keys], scratch)
    columns = ["ROW_ID", "SUBJECT_ID", "HADM_ID", "CATEGORY", "DESCRIPTION", "TEXT"]
    records = addenda = 0
    seen = _Seen(path)
    for batch in read_csv(path, columns):
        records += batch.num_rows
        batch = batch.filter(pc.equal(batch["CATEGORY"], SUMMARY))
        patients, documents = _ids(batch, "SUBJECT_ID", path), _ids(batch, "HADM_ID", path)
        notes = _ids(batch, "ROW_ID", path)
        seen.add(documents, patients, notes, batch["row"])
        addenda += pc.sum(pc.equal(batch["DESCRIPTION"], "Addendum")).as_py() or 0
        texts = pc.fill_null(batch["TEXT"], "")
        ids = [pc.cast(column, pa.string()) for column in (documents, patients, notes)]
        spill.add(pa.record_batch([*ids, texts, patients, documents], schema=spill.schema))
    counts = {"note_records": records, "summaries": seen.rows, "addenda": addenda}
    counts["reports"] = seen.rows - addenda
    counts["admissions_with_summary"] = seen.refuse_two_patients()
    counts["repeated_note_ids"] = seen.repeated_notes()
    if records and not seen.rows:
        LOG.warning("%s: none of %d records has CATEGORY '%s'", path, records, SUMMARY)

    def batches() -> Iterator[pa.RecordBatch]:
        return (batch.select(NOTES.names) for batch in spill.read())

    return RecordStream(NOTES, batches), counts


def read_codes(
    folder: Path, known: set[tuple[str, str]] | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """All rows of DIAGNOSES_ICD, then all of PROCEDURES_ICD, codes undotted as in the file.

    `known` holds (system, dotted code) of the dictionaries; it helps to find lost zeros.
    """
    tables, counts = [], {}
    both = _Seen(Path(folder) / "PROCEDURES_ICD, compared with DIAGNOSES_ICD")
    for name, system in (("DIAGNOSES_ICD", icd.DIAGNOSIS), ("PROCEDURES_ICD", icd.PROCEDURE)):
        path = find_csv(folder, name)
        seen = _Seen(path)
        parts = [_code_rows(batch, path, system, seen) for batch in _batches(path)]
        table = pa.concat_tables(parts or [CODES_AND_ROW.empty_table()])
        _refuse_other_codes(table, path, system, known or set())
        counts[f"{system}_rows"] = table.num_rows
        counts[f"{system}_rows_without_code"] = table["code"].null_count
        tables.append(table.select(CODES.names))
        seen.refuse_two_patients()
        both.join(seen)
    counts["admissions_with_code_rows"] = both.refuse_two_patients()
    return pa.concat_tables(tables).combine_chunks(), counts


def read_titles(folder: Path) -> tuple[pa.Table, dict[str, int]]:
    """The long titles of D_ICD_DIAGNOSES and D_ICD_PROCEDURES by dotted code; the first wins."""
    titles: dict[tuple[str, str], str] = {}
    repeated = 0
    for name, system in (("D_ICD_DIAGNOSES", icd.DIAGNOSIS), ("D_ICD_PROCEDURES", icd.PROCEDURE)):
        path = find_csv(folder, name)
        parts = list(read_csv(path, ["ICD9_CODE", "SHORT_TITLE", "LONG_TITLE"]))
        codes = [_stripped(batch["ICD9_CODE"]) for batch in parts]
        rows = [batch["row"] for batch in parts]
        table = pa.table(
            {
                "code": pa.chunked_array(codes, pa.string()),
                "row": pa.chunked_array(rows, pa.int64()),
            }
        )
        _refuse_other_codes(table, path, system, set())
        longs = [pc.coalesce(batch["LONG_TITLE"], batch["SHORT_TITLE"]) for batch in parts]
        pairs = zip(
            table["code"].to_pylist(), pa.chunked_array(longs, pa.string()).to_pylist(), strict=True
        )
        for code, title in pairs:
            if code is None or title is None:
                continue
            key = (system, icd.dot(code, system))
            repeated += key in titles
            titles.setdefault(key, title.strip())
    rows_of = [{"code": code, "system": of, "title": title} for (of, code), title in titles.items()]
    counts = {"titles": len(titles), "repeated_titles": repeated}
    return pa.Table.from_pylist(rows_of, schema=TITLES), counts


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    return read_csv(path, ["SUBJECT_ID", "HADM_ID", "ICD9_CODE"])


def _code_rows(batch: pa.RecordBatch, path: Path, system: str, seen: _Seen) -> pa.Table:
    documents, patients = _ids(batch, "HADM_ID", path), _ids(batch, "SUBJECT_ID", path)
    seen.add(documents, patients, documents, batch["row"])
    ids = [pc.cast(column, pa.string()) for column in (documents, patients)]
    systems = pa.repeat(pa.scalar(system), batch.num_rows)
    columns = [*ids, systems, _stripped(batch["ICD9_CODE"]), batch["row"]]
    return pa.table(columns, schema=CODES_AND_ROW)


def _stripped(column: pa.Array) -> pa.Array:
    stripped = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(stripped, ""), pa.scalar(None, pa.string()), stripped)


def _ids(batch: pa.RecordBatch, column: str, path: Path) -> pa.Array:
    """A column of whole numbers, as int64; refused with its row where it holds anything else."""
    cells = pc.utf8_trim_whitespace(batch[column])
    good = pc.fill_null(pc.match_substring_regex(cells, r"^[0-9]{1,18}$"), False)
    bad = pc.indices_nonzero(pc.invert(good))
    if not len(bad):
        return pc.cast(cells, pa.int64())
    first = bad[0].as_py()
    row = batch["row"][first].as_py()
    if not cells[first].is_valid or not cells[first].as_py():
        what = "empty, so the row belongs to no one; remove the row or give it its number"
    else:
        what = "not a whole number; write it without a decimal point, as MIMIC does"
    raise ValueError(f"{path}, row {row}, column {column}: {what}")


def _refuse_other_codes(
    table: pa.Table, path: Path, system: icd.System, known: set[tuple[str, str]]
) -> None:
    """An ICD9_CODE column holds undotted ICD-9 codes with their zeros, or nothing."""
    codes = table["code"].combine_chunks().dictionary_encode()
    distinct = codes.dictionary.to_pylist()
    wrong = {code for code in distinct if not icd.is_undotted_icd9(code, system)}
    if wrong:
        bad = pc.is_in(table["code"], pa.array(sorted(wrong)))
        row = table["row"][pc.index(bad, True).as_py()].as_py()
        first = table["code"][pc.index(bad, True).as_py()].as_py()
        raise ValueError(
            f"{path}, row {row}, column ICD9_CODE: {_fault(first)} "
            f"({pc.sum(bad).as_py()} of {table.num_rows} rows)"
        )
    filled = table.num_rows - table["code"].null_count
    if _lost_zeros(distinct, filled, system, known):
        raise ValueError(
            f"{path}, column ICD9_CODE: none of {filled} codes begins with 0, so they were once "
            "read as numbers (0389 became 389); take the original file or read the column as text"
        )


def _fault(code: str) -> str:
    if code.replace(".", "").isdigit() and code.rstrip("0").endswith("."):
        return "a decimal number such as 66.0, where zeros are lost; read the column as text"
    if "." in code:
        return "a dotted code, where MIMIC writes 0389 for 038.9; remove the dots"
    if icd.is_undotted_icd9(code.upper(), "diagnosis"):
        return "a code that is not an ICD-9 code of this table; lower case, or another table's?"
    return "not an ICD-9 code; is it ICD-10, or a word for a missing code?"


def _lost_zeros(
    codes: list[str], filled: int, system: icd.System, known: set[tuple[str, str]]
) -> bool:
    """Whether the codes were numbers once. Nothing can tell of a table that has a leading zero."""
    if any(code.startswith("0") for code in codes):
        return False
    listed = {icd.undot(code) for of, code in known if of == system}
    padded = any(c not in listed and ({f"0{c}", f"00{c}"} & listed) for c in codes)
    return padded or filled >= ENOUGH_ROWS or any(icd.is_too_short(c, system) for c in codes)


class _Seen:
    """The admissions met in a pass over a file, to find one that has two patients."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._columns: list[list[np.ndarray]] = [[], [], [], []]

    def add(self, documents: pa.Array, patients: pa.Array, notes: pa.Array, rows: pa.Array) -> None:
        for column, values in zip(self._columns, (documents, patients, notes, rows), strict=True):
            column.append(values.to_numpy(zero_copy_only=False))

    def join(self, other: _Seen) -> None:
        for mine, theirs in zip(self._columns, other._columns, strict=True):
            mine.extend(theirs)

    @property
    def rows(self) -> int:
        return sum(len(part) for part in self._columns[0])

    def refuse_two_patients(self) -> int:
        """The number of admissions, each of one patient."""
        documents, patients, _, rows = (self._whole(n) for n in range(4))
        order = np.lexsort((rows, patients, documents))
        documents, patients, rows = documents[order], patients[order], rows[order]
        same = documents[1:] == documents[:-1]
        twice = np.flatnonzero(same & (patients[1:] != patients[:-1]))
        if len(twice):
            first = rows[twice + 1].min()
            raise ValueError(
                f"{self._path}, row {first}, column SUBJECT_ID: an admission has another patient "
                f"in another row (as have {len(twice)} admissions); correct the tables"
            )
        return int(len(documents) and 1 + np.count_nonzero(~same))

    def repeated_notes(self) -> int:
        notes = self._whole(2)
        repeated = len(notes) - len(np.unique(notes))
        if repeated:
            LOG.warning("%s: %d summaries repeat a ROW_ID; all are kept", self._path, repeated)
        return repeated

    def _whole(self, number: int) -> np.ndarray:
        return np.concatenate(self._columns[number] or [np.empty(0, np.int64)])
