"""From rows of codes to the labels of a document, in one of four label spaces.

- `clean`: a code as it should be, `03.31`; unique within a document and code system.
- `caml`: what CAML's programs make of MIMIC-III, faults included, since the paper's 8,921 codes
  are counted there. Procedures are read as integers (`0331` becomes `33.1`); the list of all
  codes is written and read again in blocks, and in a block without letters labels become
  decimal numbers (`66.` becomes `66.0`, `99.60` becomes `99.6`). Repeats are kept.
- `edin`: what Edin et al. (SIGIR 2023) make of MIMIC-IV: `clean`, but for an ICD-10 diagnosis of
  three characters, which keeps a dot with nothing behind it: `I10.`.
- `dotted`: the code as its table writes it, for corpora whose codes have their dots.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.code_rows import CodeRows, read_code_rows
from isd_pipeline.data.io.parts import LOOP, Engine, ranges
from isd_pipeline.data.io.tables import LABELS, RecordStream

LOG = logging.getLogger(__name__)

LabelSpace = Literal["clean", "caml", "edin", "dotted"]
Sources = dict[str, tuple[icd.System, str]]  # a label: the system and the clean code it stands for
SPACES = get_args(LabelSpace)
DOCUMENTS = 65_536  # whose labels are made, or looked at, at a time
BLOCK = 131_072  # rows: the largest power of two within 2**20 cells of 5 columns, pandas' own rule
_NUMBER = re.compile(r"[0-9]+\.?[0-9]*")


@dataclass(frozen=True)
class Labels:
    """`table` has a row (document_id, labels) for each document that has a row of codes.

    Its list is empty where all the rows were empty. `sources` gives, for each label, the code
    system and the clean code it stands for most often: the one whose title it should have.
    """

    table: pa.Table
    sources: Sources
    counts: dict[str, int]


def label_documents(
    codes: RecordStream,
    documents: pa.Table,
    space: LabelSpace,
    revision: icd.Revision = "icd9",
    engine: Engine = LOOP,
) -> Labels:
    """The labels of `documents`, in their order; within a document in the order of the rows.

    Args:
        codes: as extracted; read a part at a time, by the workers of an engine where one is named.
        documents: (document_id, patient_id), a row a document.

    Raises ValueError where a row of codes gives a document another patient.
    """
    if space not in SPACES:
        raise ValueError(f"label_space={space!r} is none of {', '.join(SPACES)}")
    rows = read_code_rows(codes, documents, engine)
    by_name = [_label(*name, space, revision) for name in rows.names]
    texts, label, stands_for = _numbered(rows.number, by_name, reread=space == "caml")
    ids = documents["document_id"].combine_chunks()
    table = _lists(ids, rows, texts, label, repeats=space == "caml")
    kept = pc.sum(pc.list_value_length(table["labels"])).as_py() or 0
    counts = {
        "code_rows_of_documents": len(label),
        "empty_or_repeated_code_rows": len(label) - kept,
    }
    if space == "caml":
        counts["caml_labels_before_filtering"] = len(set(by_name))
    return Labels(table, _sources(stands_for, rows.names, space, revision), counts)


def drop_rare_labels(
    labels: pa.Table, min_documents: int, sources: Sources
) -> tuple[pa.Table, dict[str, int]]:
    """Only labels of at least `min_documents` documents, and only documents that have one."""
    held = Counter(label for lists in _in_batches(labels) for row in lists for label in set(row))
    rare = [label for label, documents in held.items() if documents < min_documents]
    kept = keep_labels(labels, held.keys() - rare)
    counts = {
        f"rare_{system}_labels": sum(sources[label][0] == system for label in rare)
        for system in (icd.DIAGNOSIS, icd.PROCEDURE)
    }
    counts["documents_without_frequent_code"] = labels.num_rows - kept.num_rows
    LOG.info("%d of %d codes are of under %d documents", len(rare), len(held), min_documents)
    return kept, counts


def keep_labels(labels: pa.Table, kept: Iterable[str]) -> pa.Table:
    """Only some labels, and only the documents that have one of them."""
    wanted, kind = set(kept), LABELS.field(1).type
    cut = [
        pa.array([[x for x in row if x in wanted] for row in lists], kind)
        for lists in _in_batches(labels)
    ]
    lists = pa.chunked_array(cut, kind).combine_chunks()
    table = pa.table([labels["document_id"], lists], schema=LABELS)
    return table.filter(pc.greater(pc.list_value_length(table["labels"]), 0))


def _in_batches(labels: pa.Table) -> Iterator[list[list[str]]]:
    """The lists of some documents at a time: as Python's they take eight times the memory."""
    for batch in labels.select(["labels"]).to_batches(max_chunksize=DOCUMENTS):
        yield batch["labels"].to_pylist()


def _numbered(
    number: np.ndarray, by_name: list[str | None], *, reread: bool
) -> tuple[list[str], np.ndarray, Counter[tuple[str | None, int]]]:
    """The distinct labels, the one of each row [R] of codes, and how often a label is which code.

    number [R]: which of the codes `by_name` a row holds. A label is a place in the list, int32,
    -1 for none. Counted in the order in which they are met.
    """
    places: dict[str | None, int] = {None: -1}
    label, stands_for = np.empty(len(number), np.int32), Counter[tuple[str | None, int]]()
    blocks = [slice(*ends) for ends in ranges(len(number), BLOCK)]
    of_blocks: Iterable[list[str | None]] = repeat(by_name, len(blocks))
    if reread:
        of_blocks = reread_by_pandas([number[block] for block in blocks], by_name)
    of_code = np.empty(len(by_name), np.int32)
    for block, labels in zip(blocks, of_blocks, strict=True):
        met, first, size = np.unique(number[block], return_index=True, return_counts=True)
        for at in np.argsort(first).tolist():
            name = int(met[at])
            of_code[name] = places.setdefault(labels[name], len(places) - 1)
            stands_for[labels[name], name] += int(size[at])
        label[block] = of_code[number[block]]
    return [text for text in places if text is not None], label, stands_for


def reread_by_pandas(
    blocks: list[np.ndarray], labels: list[str | None]
) -> Iterator[list[str | None]]:
    """The labels, for each block of rows, after their column of a CSV file was read by pandas.

    `blocks` say which label a row has. Without a type pandas reads a block whose cells all look
    like numbers as numbers: whole ones if no cell has a dot and none is empty, else decimal ones.
    One block with letters makes the column text, in which each block keeps its kind; without any,
    decimal wins over whole for all. So a block depends on all others. A label that a block does
    not have is None in its list.
    """
    has = [np.unique(block).tolist() for block in blocks]
    kinds = [_kind({labels[n] for n in names}) for names in has]
    if "text" not in kinds and "decimal" in kinds:
        kinds = ["decimal"] * len(kinds)
    rewrite: dict[str, Callable[[str], str]] = {
        "text": str,
        "whole": lambda label: str(int(label)),
        "decimal": lambda label: str(float(label)),
    }
    for names, kind in zip(has, kinds, strict=True):
        new: list[str | None] = [None] * len(labels)
        for n in names:
            label = labels[n]
            new[n] = None if label is None else rewrite[kind](label)
        yield new


def _kind(distinct: set[str | None]) -> str:
    filled = [label for label in distinct if label is not None]
    if not all(_NUMBER.fullmatch(label) for label in filled):
        return "text"
    whole = all(label.isdigit() for label in filled) and None not in distinct
    return "whole" if whole else "decimal"


def _label(
    system: icd.System, code: str | None, space: LabelSpace, revision: icd.Revision
) -> str | None:
    if code is None or space == "dotted":
        return code
    if space == "edin":
        return icd.edin_label(code, system, revision)
    if space == "caml" and system == icd.PROCEDURE:
        return icd.caml_procedure(code)
    return icd.dot(code, system, revision)


def _lists(
    documents: pa.Array, rows: CodeRows, texts: list[str], label: np.ndarray, *, repeats: bool
) -> pa.Table:
    """One list for each document that has a row, even if no row of it is kept.

    Some documents at a time, in their order; without `repeats` a code of a document counts once.
    """
    known, kind = pa.array(texts, pa.string()), LABELS.field(1).type
    ends = np.cumsum(np.bincount(rows.document, minlength=len(documents)))
    order = np.argsort(rows.document, kind="stable")
    made = [LABELS.empty_table()]
    for begin, end in ranges(len(documents), DOCUMENTS):
        some = order[ends[begin - 1] if begin else 0 : ends[end - 1]]
        document = rows.document[some].astype(np.int64)
        kept = label[some] >= 0
        if not repeats:
            kept &= _first_of_its_kind(document * len(rows.names) + rows.number[some])
        present = np.unique(document)
        lengths = np.bincount(document[kept] - begin, minlength=end - begin)[present - begin]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        values = known.take(pa.array(label[some][kept]))
        lists = pa.ListArray.from_arrays(pa.array(offsets), values).cast(kind)
        made.append(pa.table([documents.take(pa.array(present)), lists], LABELS))
    return pa.concat_tables(made).combine_chunks()


def _first_of_its_kind(keys: np.ndarray) -> np.ndarray:
    _, first = np.unique(keys, return_index=True)
    result = np.zeros(len(keys), dtype=bool)
    result[first] = True
    return result


def _sources(
    stands_for: Counter[tuple[str | None, int]],
    names: list[tuple[icd.System, str | None]],
    space: LabelSpace,
    revision: icd.Revision,
) -> Sources:
    """For each label its most frequent code, the first met where two are as frequent."""
    best: Sources = {}
    for (label, n), _ in stands_for.most_common():
        system, code = names[n]
        if label and code is not None:
            clean = code if space == "dotted" else icd.dot(code, system, revision)
            best.setdefault(label, (system, clean))
    return best
