"""Rows of codes as numbers: whose each is, and which code, in eight bytes a row.

As text a row takes some ten times as much: a part of the rows is text at a time, here or in a
worker. To look for documents costs a preparation of them all in each part, so a part has half a
million rows, or a quarter as many as there are documents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io.columns import distinct_codes
from isd_pipeline.data.io.parts import LOOP, Engine, map_parts
from isd_pipeline.data.io.row_parts import Rows, row_parts
from isd_pipeline.data.io.tables import CODES, RecordStream, rebatch

AT_ONCE = 2**19


@dataclass(frozen=True)
class CodeRows:
    """The R rows of codes that belong to some documents, in their order.

    document, number: int32 [R], the place of the document, and that of (system, code) in `names`,
    which are those of all rows. `strangers`: how many rows give a document another patient.
    """

    names: list[tuple[icd.System, str | None]]
    document: np.ndarray
    number: np.ndarray
    strangers: int


def read_code_rows(codes: RecordStream, documents: pa.Table, engine: Engine = LOOP) -> CodeRows:
    """The rows of codes of `documents` (document_id, patient_id), part by part.

    Raises ValueError where a row gives a document another patient than it has.
    """
    names: dict[tuple[icd.System, str | None], int] = {}
    document, number, strangers = [np.empty(0, np.int32)], [np.empty(0, np.int32)], 0
    for part in _parts(codes, documents, engine):
        known = np.array([names.setdefault(name, len(names)) for name in part.names], np.int32)
        document.append(part.document)
        number.append(known[part.number])
        strangers += part.strangers
    if strangers:
        raise ValueError(
            f"{strangers} code rows give an admission another patient than its notes do "
            "(SUBJECT_ID of the code tables and of NOTEEVENTS differ); take all tables from one "
            "release"
        )
    return CodeRows(list(names), np.concatenate(document), np.concatenate(number), 0)


def _parts(codes: RecordStream, documents: pa.Table, engine: Engine) -> Iterator[CodeRows]:
    rows = max(AT_ONCE, documents.num_rows // 4)
    parts = row_parts(codes, replace(engine, rows=rows))
    if not parts:
        for table in rebatch(codes, rows):
            yield _placed(table, documents)
    yield from map_parts(_read_part, parts, engine, common=[documents], what="rows of codes")


def _read_part(part: Rows, documents: pa.Table) -> CodeRows:
    return _placed(pa.Table.from_batches(part.read(CODES.names), CODES), documents)


def _placed(table: pa.Table, documents: pa.Table) -> CodeRows:
    names, number = distinct_codes(table)
    place = pc.index_in(table["document_id"], documents["document_id"].combine_chunks())
    place = place.combine_chunks()
    is_known = pc.is_valid(place).to_numpy(zero_copy_only=False)
    document = place.drop_null()
    owner = documents["patient_id"].take(document)
    others = pc.not_equal(table["patient_id"].filter(pc.is_valid(place)), owner)
    strangers = pc.sum(others).as_py() or 0
    return CodeRows(names, document.to_numpy(), number[is_known].astype(np.int32), strangers)
