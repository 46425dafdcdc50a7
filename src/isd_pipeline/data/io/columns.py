"""Columns that every hospital's tables have: ids, and codes; what is read, and what is refused."""

import logging
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io.missing import count_words, missing, present, without_missing

LOG = logging.getLogger(__name__)


def stripped(column: pa.Array) -> pa.Array:
    """Cells without the blanks around them; null where nothing is left.

    For what may be called by a word for nothing, as a kind of note or a code; else `present`.
    """
    bare = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(bare, ""), pa.scalar(None, pa.string()), bare)


class Words:
    """Counts the cells of a file that hold a word for nothing, to tell of them once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = Counter[str]()

    def present(self, batch: pa.RecordBatch, column: str) -> pa.Array:
        """`missing.present` of a column, counted."""
        return present(batch[column], self._gone(batch, column))

    def text(self, batch: pa.RecordBatch, column: str) -> pa.Array:
        """A column of texts as they are, null where one is a word for nothing."""
        return without_missing(batch[column], self._gone(batch, column))

    def _gone(self, batch: pa.RecordBatch, column: str) -> pa.Array:
        gone = missing(batch[column])
        self._found[column] += count_words(batch[column], gone)
        return gone

    def tell(self) -> None:
        """Say how many there were, by column."""
        for column, count in self._found.items():
            if count:
                told = "%s, column %s: %d cells hold a word for a missing value: read as empty"
                LOG.warning(told, self._path, column, count)


def changes(group: np.ndarray, value: np.ndarray, *order: np.ndarray) -> np.ndarray:
    """Where, in this order, one of a group follows one with another value; -1 is none."""
    has = np.flatnonzero((group >= 0) & (value >= 0))
    rows = has[np.lexsort((*(key[has] for key in reversed(order)), group[has]))]
    same = group[rows][1:] == group[rows][:-1]
    return rows[1:][same & (value[rows][1:] != value[rows][:-1])]


def distinct_codes(rows: pa.Table) -> tuple[list[tuple[Any, str | None]], np.ndarray]:
    """The distinct (system, code), either may be null, and for each row which of them it holds."""
    parts = [pc.fill_null(rows[name], "") for name in ("system", "code")]
    keys = pc.binary_join_element_wise(*parts, "\x1f").combine_chunks().dictionary_encode()
    pairs = (key.partition("\x1f") for key in keys.dictionary.to_pylist())
    names = [(system or None, code or None) for system, _, code in pairs]
    return names, keys.indices.to_numpy().astype(np.int64)


def ids(batch: pa.RecordBatch, column: str, path: Path) -> pa.Array:
    """A column of whole numbers, as int64; refused with its row where it holds anything else."""
    cells = present(batch[column])
    is_short = pc.less_equal(pc.binary_length(cells), 18)
    good = pc.fill_null(pc.and_(pc.ascii_is_decimal(cells), is_short), False)
    bad = pc.indices_nonzero(pc.invert(good))
    if not len(bad):
        return pc.cast(cells, pa.int64())
    first = bad[0].as_py()
    row = batch["row"][first].as_py()
    if not cells[first].is_valid:
        what = "empty, so the row belongs to no one; remove the row or give it its number"
    else:
        what = "not a whole number; write it without a decimal point, as MIMIC does"
    raise ValueError(f"{path}, row {row}, column {column}: {what}")


def refuse_other_codes(
    table: pa.Table,
    path: Path,
    column: str,
    system: icd.System,
    *,
    revision: icd.Revision = "icd9",
    known: Collection[tuple[str, str]] = (),
) -> None:
    """Whether `table` (code, row) holds undotted codes with their zeros, or nothing.

    `known` has (system, dotted code) of the dictionaries; it helps to find lost zeros. Raises
    ValueError with the first row that is wrong, and how many are.
    """
    codes = table["code"].combine_chunks().dictionary_encode()
    distinct = codes.dictionary.to_pylist()
    wrong = {code for code in distinct if not icd.is_undotted(code, system, revision)}
    if wrong:
        bad = pc.is_in(table["code"], pa.array(sorted(wrong)))
        first = pc.index(bad, True).as_py()
        raise ValueError(
            f"{path}, row {table['row'][first].as_py()}, column {column}: "
            f"{_fault(table['code'][first].as_py(), system, revision)} "
            f"({pc.sum(bad).as_py()} of {table.num_rows} rows)"
        )
    filled = table.num_rows - table["code"].null_count
    if revision == "icd9" and _lost_zeros(distinct, filled, system, known):
        raise ValueError(
            f"{path}, column {column}: none of {filled} codes begins with 0, so they were once "
            "read as numbers (0389 became 389); take the original file or read the column as text"
        )


def _fault(code: str, system: icd.System, revision: icd.Revision) -> str:
    if code.replace(".", "").isdigit() and code.rstrip("0").endswith("."):
        return "a decimal number such as 66.0, where zeros are lost; read the column as text"
    if "." in code:
        return "a dotted code, where MIMIC writes 0389 for 038.9; remove the dots"
    if revision == "icd10":
        if system == icd.PROCEDURE and len(code) < 7 and icd.is_undotted(f"{code:0>7}", *_PCS):
            return "shorter than the 7 characters of ICD-10-PCS; were zeros before it lost?"
        return "not an ICD-10 code of this table; is its icd_version right, or is it lower case?"
    if icd.is_undotted(code.upper(), icd.DIAGNOSIS):
        return "a code that is not an ICD-9 code of this table; lower case, or another table's?"
    return "not an ICD-9 code; is it ICD-10?"


_PCS: tuple[icd.System, icd.Revision] = (icd.PROCEDURE, "icd10")


def _lost_zeros(
    codes: list[str], filled: int, system: icd.System, known: Collection[tuple[str, str]]
) -> bool:
    """Whether the codes were numbers once. Nothing can tell of a table that has a leading zero."""
    listed = {icd.undot(code) for of, code in known if of == system}
    too_short = any(icd.is_too_short(code, system) for code in codes)
    has_zero = any(code.startswith("0") for code in codes)
    return icd.lost_zeros(codes, filled, listed) or (too_short and not has_zero)


class Seen:
    """The admissions met in a pass over a file, to find one that has two patients."""

    def __init__(self, path: Path, column: str = "SUBJECT_ID") -> None:
        self._path = path
        self._column = column
        self._parts = [np.empty((4, 0), dtype=np.int64)]

    def add(self, *columns: pa.Array) -> None:
        """Some more rows: int64 columns of documents, patients, notes and rows of the file."""
        self._parts.append(np.stack([column.to_numpy(zero_copy_only=False) for column in columns]))

    def join(self, other: Self) -> None:
        """The rows of another file too."""
        self._parts += other._parts

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return sum(part.shape[1] for part in self._parts)

    def refuse_two_patients(self) -> int:
        """The number of admissions, each of one patient."""
        documents, patients, _, rows = np.concatenate(self._parts, axis=1)
        twice = changes(documents, patients, patients, rows)
        if len(twice):
            first = rows[twice].min()
            raise ValueError(
                f"{self._path}, row {first}, column {self._column}: an admission has another "
                f"patient in another row (as have {len(twice)} admissions); correct the tables"
            )
        return len(np.unique(documents))

    def repeated_notes(self) -> int:
        """How many rows repeat the id of a note."""
        notes = np.concatenate(self._parts, axis=1)[2]
        repeated = len(notes) - len(np.unique(notes))
        if repeated:
            LOG.warning("%s: %d summaries repeat a ROW_ID; all are kept", self._path, repeated)
        return repeated
