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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.io.columns import distinct_codes
from isd_pipeline.data.io.tables import LABELS

LOG = logging.getLogger(__name__)

LabelSpace = Literal["clean", "caml", "edin", "dotted"]
Sources = dict[str, tuple[icd.System, str]]  # a label: the system and the clean code it stands for
SPACES = get_args(LabelSpace)
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
    codes: pa.Table, documents: pa.Array, space: LabelSpace, revision: icd.Revision = "icd9"
) -> Labels:
    """The labels of `documents`, in their order; within a document in the order of the rows."""
    if space not in SPACES:
        raise ValueError(f"label_space={space!r} is none of {', '.join(SPACES)}")
    place = pc.index_in(codes["document_id"], value_set=documents)
    rows = codes.filter(pc.is_valid(place))
    document = place.drop_null().to_numpy().astype(np.int64)
    names, number = distinct_codes(rows)
    by_name = [_label(system, code, space, revision) for system, code in names]
    labels = np.array(by_name, dtype=object)[number].tolist()
    if space == "caml":
        labels = reread_by_pandas(labels)
    kept = np.array([label is not None for label in labels], dtype=bool)
    if space != "caml":
        kept &= _first_of_its_kind(document, number, len(names))
    table = _lists(documents, document, labels, kept)
    counts = {
        "code_rows_of_documents": len(labels),
        "empty_or_repeated_code_rows": int(len(labels) - kept.sum()),
    }
    if space == "caml":
        every = {_label(*name, space, revision) for name in distinct_codes(codes)[0]}
        counts["caml_labels_before_filtering"] = len(every)
    return Labels(table, _sources(names, number, labels, space, revision), counts)


def drop_rare_labels(
    labels: pa.Table, min_documents: int, sources: Sources
) -> tuple[pa.Table, dict[str, int]]:
    """Only labels of at least `min_documents` documents, and only documents that have one."""
    held = Counter(label for row in labels["labels"].to_pylist() for label in set(row))
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
    wanted = set(kept)
    cut = [[x for x in row if x in wanted] for row in labels["labels"].to_pylist()]
    table = pa.table([labels["document_id"], pa.array(cut, LABELS.field(1).type)], schema=LABELS)
    return table.filter(pc.greater(pc.list_value_length(table["labels"]), 0))


def reread_by_pandas(labels: list[str | None]) -> list[str | None]:
    """The labels after a column of a CSV file was read by pandas without a type.

    A block whose cells all read as numbers becomes numbers: whole ones if no cell has a dot and
    none is empty, else decimal ones. One block with letters makes the column text, in which
    each block keeps its kind; without any, decimal wins over whole for all.
    """
    blocks = [labels[start : start + BLOCK] for start in range(0, len(labels), BLOCK)]
    kinds = [_kind(block) for block in blocks]
    if "text" not in kinds and "decimal" in kinds:
        kinds = ["decimal"] * len(kinds)
    rewrite: dict[str, Callable[[str], str]] = {
        "text": str,
        "whole": lambda label: str(int(label)),
        "decimal": lambda label: str(float(label)),
    }
    result: list[str | None] = []
    for block, kind in zip(blocks, kinds, strict=True):
        new = {label: None if label is None else rewrite[kind](label) for label in set(block)}
        result.extend(map(new.__getitem__, block))
    return result


def _kind(block: list[str | None]) -> str:
    distinct = set(block)
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


def _first_of_its_kind(document: np.ndarray, number: np.ndarray, kinds: int) -> np.ndarray:
    _, first = np.unique(document * max(kinds, 1) + number, return_index=True)
    result = np.zeros(len(document), dtype=bool)
    result[first] = True
    return result


def _lists(
    documents: pa.Array, document: np.ndarray, labels: list[str | None], kept: np.ndarray
) -> pa.Table:
    """One list for each document that has a row, even if no row of it is kept."""
    present = np.unique(document)
    order = np.argsort(document, kind="stable")
    order = order[kept[order]]
    lengths = np.bincount(document[order], minlength=len(documents))[present]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    values = pa.array(np.array(labels, dtype=object)[order], pa.string())
    lists = pa.ListArray.from_arrays(pa.array(offsets), values)
    return pa.table([documents.take(pa.array(present)), lists.cast(LABELS.field(1).type)], LABELS)


def _sources(
    names: list[tuple[icd.System, str | None]],
    number: np.ndarray,
    labels: list[str | None],
    space: LabelSpace,
    revision: icd.Revision,
) -> Sources:
    """For each label its most frequent code, the first met where two are as frequent."""
    best: Sources = {}
    for (label, n), _ in Counter(zip(labels, number.tolist(), strict=True)).most_common():
        system, code = names[n]
        if label and code is not None:
            clean = code if space == "dotted" else icd.dot(code, system, revision)
            best.setdefault(label, (system, clean))
    return best
