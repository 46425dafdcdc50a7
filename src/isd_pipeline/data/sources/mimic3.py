"""MIMIC-III v1.4, the files as PhysioNet gives them, to `notes`, `codes` and `titles`.

Every discharge summary and addendum is kept, in the order of patient, admission and file; every
row of the two code tables is kept, the empty ones too. Nothing is cleaned here: both label
spaces of `cohorts` start from what the files hold.
"""

import logging
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io import tables
from isd_pipeline.data.io.columns import Seen, Words, ids, refuse_other_codes
from isd_pipeline.data.io.damage import refuse_nul
from isd_pipeline.data.io.delimited import find_csv, read_csv
from isd_pipeline.data.io.missing import present, without_missing
from isd_pipeline.data.io.parts import LOOP, Engine
from isd_pipeline.data.sources.mimic3_notes import read_summaries

LOG = logging.getLogger(__name__)

_TITLED = pa.schema([("code", pa.string()), ("title", pa.string()), ("row", pa.int64())])
CODES_AND_ROW = pa.schema([*tables.CODES, ("row", pa.int64())])


def extract(
    folder: Path, *, scratch: Path | None = None, engine: Engine = LOOP
) -> tables.Extraction:
    """Read a folder of MIMIC-III tables.

    NOTEEVENTS is read once, in blocks; its summaries wait, sorted, in a nameless file in
    `scratch` (default: the system's folder for temporary files) until the stream is closed. Where
    it is a folder of parts the workers of an engine read them.
    Raises ValueError or FileNotFoundError with one line: file, row, column, what, remedy.
    """
    titles, counts = read_titles(folder)
    known = zip(titles["system"].to_pylist(), titles["code"].to_pylist(), strict=True)
    codes, counted = read_codes(folder, set(known))
    counts |= counted
    notes, counted = read_summaries(folder, scratch, engine)
    return tables.Extraction(
        notes, tables.stream_table(codes), tables.stream_table(titles), counts | counted
    )


def read_codes(
    folder: Path, known: set[tuple[str, str]] | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """All rows of DIAGNOSES_ICD, then all of PROCEDURES_ICD, codes undotted as in the file.

    `known` holds (system, dotted code) of the dictionaries; it helps to find lost zeros.
    """
    parts, counts = [], {}
    both = Seen(Path(folder) / "PROCEDURES_ICD, compared with DIAGNOSES_ICD")
    for name, system in (("DIAGNOSES_ICD", icd.DIAGNOSIS), ("PROCEDURES_ICD", icd.PROCEDURE)):
        path = find_csv(folder, name)
        seen, words = Seen(path), Words(path)
        batches = read_csv(path, ["SUBJECT_ID", "HADM_ID", "ICD9_CODE"])
        rows = (_code_rows(batch, path, system, seen, words) for batch in batches)
        table = pa.concat_tables([CODES_AND_ROW.empty_table(), *rows])
        words.tell()
        refuse_other_codes(table, path, "ICD9_CODE", system, known=known or set())
        counts[f"{system}_rows"] = table.num_rows
        counts[f"{system}_rows_without_code"] = table["code"].null_count
        parts.append(table.select(tables.CODES.names))
        seen.refuse_two_patients()
        both.join(seen)
    counts["admissions_with_code_rows"] = both.refuse_two_patients()
    return pa.concat_tables(parts).combine_chunks(), counts


def read_titles(folder: Path) -> tuple[pa.Table, dict[str, int]]:
    """The long titles of D_ICD_DIAGNOSES and D_ICD_PROCEDURES by dotted code; the first wins."""
    titles: dict[tuple[str, str], str] = {}
    repeated = 0
    for name, system in (("D_ICD_DIAGNOSES", icd.DIAGNOSIS), ("D_ICD_PROCEDURES", icd.PROCEDURE)):
        path = find_csv(folder, name)
        parts = [_TITLED.empty_table()]
        for batch in read_csv(path, ["ICD9_CODE", "SHORT_TITLE", "LONG_TITLE"]):
            titles_of = (without_missing(batch[name]) for name in ("LONG_TITLE", "SHORT_TITLE"))
            titled = pc.coalesce(*titles_of)
            columns = [present(batch["ICD9_CODE"]), titled, batch["row"]]
            parts.append(pa.table(columns, _TITLED))
        table = pa.concat_tables(parts)
        refuse_other_codes(table, path, "ICD9_CODE", system)
        for code, title in zip(table["code"].to_pylist(), table["title"].to_pylist(), strict=True):
            if code is None or title is None:
                continue
            key = (system, icd.dot(code, system))
            repeated += key in titles
            titles.setdefault(key, title.strip())
    rows = ((code, of, title) for (of, code), title in titles.items())
    return tables.table_of(rows, tables.TITLES), {
        "titles": len(titles),
        "repeated_titles": repeated,
    }


def carevue_patients(folder: Path) -> tuple[set[int], dict[str, int]]:
    """The patients whose stays were all charted in CareVue, in MIMIC-II's years; and the counts.

    ICUSTAYS says of each stay where it was charted: carevue, metavision, or both.
    """
    path = find_csv(folder, "ICUSTAYS")
    kinds: dict[int, set[str]] = {}
    for batch in read_csv(path, ["SUBJECT_ID", "DBSOURCE"]):
        refuse_nul(batch, ["DBSOURCE"], path)
        sources = pc.utf8_lower(pc.fill_null(present(batch["DBSOURCE"]), "")).to_pylist()
        patients = ids(batch, "SUBJECT_ID", path).to_pylist()
        for patient, source in zip(patients, sources, strict=True):
            kinds.setdefault(patient, set()).add(source)
    found = {patient for patient, sources in kinds.items() if sources == {"carevue"}}
    if not found:
        raise ValueError(f"{path}, column DBSOURCE: no patient is 'carevue'; is it MIMIC-III's?")
    LOG.warning("CareVue's %d of %d patients: a proxy of MIMIC-II", len(found), len(kinds))
    return found, {"carevue_patients": len(found), "other_patients": len(kinds) - len(found)}


def _code_rows(
    batch: pa.RecordBatch, path: Path, system: str, seen: Seen, words: Words
) -> pa.Table:
    documents, patients = ids(batch, "HADM_ID", path), ids(batch, "SUBJECT_ID", path)
    seen.add(documents, patients, documents, batch["row"])
    named = [pc.cast(column, pa.string()) for column in (documents, patients)]
    systems = pa.repeat(pa.scalar(system), batch.num_rows)
    columns = [*named, systems, words.present(batch, "ICD9_CODE"), batch["row"]]
    return pa.table(columns, schema=CODES_AND_ROW)
