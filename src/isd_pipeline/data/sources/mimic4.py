"""MIMIC-IV, hosp 2.2 and note 2.2 or later, to `notes`, `codes` and `titles` of one ICD revision.

As Edin et al. (SIGIR 2023) read it: a discharge summary is a document, and those of one admission
are not joined. An admission is coded in ICD-9 or ICD-10, which its rows say one by one; a cohort
takes the rows of one of them. Codes are text without the blanks that early releases padded them
with.
"""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.labels import LabelSpace
from isd_pipeline.data.io import tables
from isd_pipeline.data.io.columns import Seen, Words, ids, refuse_other_codes
from isd_pipeline.data.io.delimited import find_csv, find_one, read_csv
from isd_pipeline.data.io.missing import present, without_missing

LOG = logging.getLogger(__name__)

REVISIONS: dict[icd.Revision, int] = {"icd9": 9, "icd10": 10}
TABLES: tuple[tuple[str, icd.System], ...] = (
    ("diagnoses", icd.DIAGNOSIS),
    ("procedures", icd.PROCEDURE),
)
_CODE_COLUMNS = ("subject_id", "hadm_id", "seq_num", "icd_code", "icd_version")
_NUMBERS = ("document", "patient", "place", "version", "row")
_CODE_ROWS = pa.schema([*((name, pa.int64()) for name in _NUMBERS), ("code", pa.string())])


def extract(
    folder: Path,
    *,
    revision: icd.Revision,
    label_space: LabelSpace = "clean",
    scratch: Path | None = None,
) -> tables.Extraction:
    """Read `note/` and `hosp/` of a folder, or the files that lie in it themselves.

    In the space `edin` a code that an admission has in both revisions counts for the one whose
    row comes first, as with Edin et al., who drop repeated codes before they part the revisions.
    Raises ValueError or FileNotFoundError with one line: file, row, column, what, remedy.
    """
    folder = Path(folder)
    titles, counts = read_titles(folder, revision)
    codes, counted = read_codes(folder, revision, once=label_space == "edin")
    counts |= counted
    notes, several, counted = read_summaries(find_table(folder, "note", "discharge"), scratch)
    codes = _for_every_note(codes, several)
    return tables.Extraction(
        notes, tables.stream_table(codes), tables.stream_table(titles), counts | counted
    )


def find_table(folder: Path, module: str, name: str) -> Path:
    """A table in the module's folder, as PhysioNet has it, or else in `folder` itself."""
    inside = folder / module
    if not inside.is_dir():
        return find_csv(folder, name)
    beside = find_one(folder, [f"{name}.csv", f"{name}.csv.gz"])
    if beside is not None:
        what = "one may be a part of the other; keep the whole one and move the rest away"
        raise ValueError(f"{folder}: holds {beside.name} and has {module}/ for it; {what}")
    return find_csv(inside, name)


def read_summaries(
    path: Path, scratch: Path | None = None
) -> tuple[tables.RecordStream, dict[int, int], dict[str, int]]:
    """The discharge summaries by patient, admission and note_seq, each text once an admission.

    A document is named by its admission; a second, different summary of it gets -2 behind that,
    a third -3. The dict has the admissions with more than one, and how many.
    """
    keys = [(name, pa.int64()) for name in ("__patient", "__document", "__place")]
    spill = tables.SortedSpill(
        pa.schema([*tables.NOTES, *keys]), [name for name, _ in keys], scratch
    )
    seen, distinct, kept = Seen(path, "subject_id"), set[tuple[int, bytes]](), 0
    counts: Counter[str] = Counter(note_records=0, notes_without_text=0, notes_without_admission=0)
    words = Words(path)
    for batch in read_csv(path, ["note_id", "subject_id", "hadm_id", "note_seq", "text"]):
        counts["note_records"] += batch.num_rows
        batch = _with_admission_and_text(batch, counts, words)
        patients, documents = ids(batch, "subject_id", path), ids(batch, "hadm_id", path)
        places = ids(batch, "note_seq", path)
        seen.add(documents, patients, places, batch["row"])
        digests = map(_digest, batch["text"].to_pylist())
        distinct.update(zip(documents.to_pylist(), digests, strict=True))
        kept += batch.num_rows
        named = [pc.cast(column, pa.string()) for column in (documents, patients)]
        columns = [*named, batch["note_id"], batch["text"], patients, documents, places]
        spill.add(pa.record_batch(columns, schema=spill.schema))
    words.tell()
    several = {d: n for d, n in Counter(document for document, _ in distinct).items() if n > 1}
    counts["admissions_with_summary"] = seen.refuse_two_patients()
    counts["repeated_notes"] = kept - len(distinct)
    counts["admissions_with_several_notes"] = len(several)
    if several:
        LOG.warning("%s: %d admissions have several different summaries", path, len(several))
    return (
        tables.RecordStream(tables.NOTES, lambda: _documents(spill.read())),
        several,
        dict(counts),
    )


def read_codes(
    folder: Path, revision: icd.Revision, *, once: bool = False
) -> tuple[pa.Table, dict[str, int]]:
    """The rows of one revision, diagnoses first, each table by admission and seq_num.

    `once` drops a code that the admission has in the other revision in an earlier row.
    """
    filed, counts = list[pa.Table](), dict[str, int]()
    both = Seen(Path(folder) / "procedures_icd, compared with diagnoses_icd", "subject_id")
    for name, system in TABLES:
        path = find_table(Path(folder), "hosp", f"{name}_icd")
        seen, words = Seen(path, "subject_id"), Words(path)
        rows = (_code_rows(batch, path, seen, words) for batch in read_csv(path, _CODE_COLUMNS))
        table = pa.concat_tables([_CODE_ROWS.empty_table(), *rows])
        words.tell()
        for each, version in REVISIONS.items():
            rows = table.filter(pc.equal(table["version"], version))
            refuse_other_codes(rows, path, "icd_code", system, revision=each)
            counts[f"{system}_rows_{each}"] = rows.num_rows
        counts[f"{system}_rows"] = table.num_rows
        counts[f"{system}_rows_without_code"] = table["code"].null_count
        twice = _in_both(table, system)
        counts[f"{system}_codes_of_both_revisions"] = len(twice)
        wanted = table.filter(pc.equal(table["version"], REVISIONS[revision]))
        if once:
            wanted = wanted.filter(pc.invert(pc.is_in(wanted["row"], pa.array(twice, pa.int64()))))
        filed.append(_filed(wanted, system))
        seen.refuse_two_patients()
        both.join(seen)
    counts["admissions_with_code_rows"] = both.refuse_two_patients()
    return pa.concat_tables(filed).combine_chunks(), counts


def read_titles(folder: Path, revision: icd.Revision) -> tuple[pa.Table, dict[str, int]]:
    """The long titles of one revision by dotted code; of two, the first in the alphabet."""
    titles: dict[tuple[str, str], str] = {}
    repeated = 0
    for name, system in TABLES:
        path = find_table(Path(folder), "hosp", f"d_icd_{name}")
        for batch in read_csv(path, ["icd_code", "icd_version", "long_title"]):
            version = _versions(batch, path).to_pylist()
            codes = present(batch["icd_code"]).to_pylist()
            named = without_missing(batch["long_title"]).to_pylist()
            for code, of, title in zip(codes, version, named, strict=True):
                if code is None or title is None or of != REVISIONS[revision]:
                    continue
                key = (system, icd.dot(code, system, revision))
                repeated += key in titles
                titles[key] = min(title.strip(), titles.get(key, title.strip()))
    rows = ((code, of, title) for (of, code), title in sorted(titles.items()))
    return tables.table_of(rows, tables.TITLES), {
        "titles": len(titles),
        "repeated_titles": repeated,
    }


def _with_admission_and_text(
    batch: pa.RecordBatch, counts: Counter[str], words: Words
) -> pa.RecordBatch:
    has_admission = pc.is_valid(words.present(batch, "hadm_id"))
    counts["notes_without_admission"] += pc.sum(pc.invert(has_admission)).as_py() or 0
    batch = batch.filter(has_admission)
    has_text = pc.is_valid(words.text(batch, "text"))
    counts["notes_without_text"] += pc.sum(pc.invert(has_text)).as_py() or 0
    return batch.filter(has_text)


def _documents(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Sorted notes with each text once in its admission, and every document its own name."""
    admission, texts = None, set[bytes]()
    for batch in batches:
        names, rows = [], []
        columns = (batch["document_id"].to_pylist(), batch["text"].to_pylist())
        for row, (document, text) in enumerate(zip(*columns, strict=True)):
            if document != admission:
                admission, texts = document, set()
            if (digest := _digest(text)) not in texts:
                texts.add(digest)
                names.append(document if len(texts) == 1 else f"{document}-{len(texts)}")
                rows.append(row)
        found = batch.take(pa.array(rows, pa.int64()))
        rest = [found[name] for name in tables.NOTES.names[1:]]
        yield pa.record_batch([pa.array(names, pa.string()), *rest], schema=tables.NOTES)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()[:16]


def _for_every_note(codes: pa.Table, several: dict[int, int]) -> pa.Table:
    """The codes once more for the second and later documents of an admission."""
    parts = [codes]
    for number in range(2, max(several.values(), default=1) + 1):
        admissions = pa.array([str(d) for d, n in several.items() if n >= number], pa.string())
        rows = codes.filter(pc.is_in(codes["document_id"], admissions))
        named = pc.binary_join_element_wise(rows["document_id"], str(number), "-")
        parts.append(rows.set_column(0, "document_id", named))
    return pa.concat_tables(parts)


def _code_rows(batch: pa.RecordBatch, path: Path, seen: Seen, words: Words) -> pa.Table:
    documents, patients = ids(batch, "hadm_id", path), ids(batch, "subject_id", path)
    places, versions = ids(batch, "seq_num", path), _versions(batch, path)
    seen.add(documents, patients, places, batch["row"])
    codes = words.present(batch, "icd_code")
    columns = [documents, patients, places, versions, batch["row"], codes]
    return pa.table(columns, schema=_CODE_ROWS)


def _versions(batch: pa.RecordBatch, path: Path) -> pa.Array:
    versions = ids(batch, "icd_version", path)
    other = pc.index(pc.is_in(versions, pa.array(REVISIONS.values(), pa.int64())), False).as_py()
    if other >= 0:
        row = batch["row"][other].as_py()
        raise ValueError(f"{path}, row {row}, column icd_version: neither 9 nor 10; correct it")
    return versions


def _in_both(table: pa.Table, system: icd.System) -> list[int]:
    """The rows whose dotted code the admission has in the other revision in an earlier row."""
    pairs = table.group_by("document", use_threads=False).aggregate([("version", "count_distinct")])
    mixed = pairs.filter(pc.greater(pairs["version_count_distinct"], 1))["document"]
    rows = table.filter(pc.is_in(table["document"], mixed.combine_chunks())).to_pylist()
    first: dict[tuple[int, str], int] = {}
    later = []
    for row in sorted(rows, key=lambda row: (row["document"], row["place"], row["version"])):
        if row["code"] is not None:
            of: icd.Revision = "icd9" if row["version"] == REVISIONS["icd9"] else "icd10"
            label = icd.edin_label(row["code"], system, of)
            if first.setdefault((row["document"], label), row["version"]) != row["version"]:
                later.append(row["row"])
    return later


def _filed(table: pa.Table, system: icd.System) -> pa.Table:
    """Rows of `CODES`, in an order that the file's own does not change."""
    table = table.sort_by([(name, "ascending") for name in ("document", "place", "code")])
    columns = [pc.cast(table[name], pa.string()) for name in ("document", "patient")]
    systems = pa.repeat(pa.scalar(str(system)), table.num_rows)
    return pa.table([*columns, systems, table["code"]], schema=tables.CODES)
