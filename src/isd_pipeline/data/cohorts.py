"""A cohort: whose notes, with which labels, in which split; and the one fixed order of codes."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.labels import (
    LabelSpace,
    Sources,
    drop_rare_labels,
    keep_labels,
    label_documents,
)
from isd_pipeline.data.codes.titles import Title, nearest_title
from isd_pipeline.data.custom.tree import CustomTree
from isd_pipeline.data.io.files import write_json
from isd_pipeline.data.io.parts import LOOP, Engine
from isd_pipeline.data.io.tables import LENDER, SPLITS, TITLES, RecordStream
from isd_pipeline.data.splits import names_of

LOG = logging.getLogger(__name__)
OF_UNCODED = ("documents_without_code_rows", "documents_with_empty_codes")  # counted as left out

# As counted on the real data, most frequent first.
CAML_TOP_50 = tuple(
    """
    401.9 38.93 428.0 427.31 414.01 96.04 96.6 584.9 250.00 96.71 272.4 518.81 99.04 39.61 599.0
    530.81 96.72 272.0 285.9 88.56 244.9 486 38.91 285.1 36.15 276.2 496 99.15 995.92 V58.61 507.0
    038.9 88.72 585.9 403.90 311 305.1 37.22 412 33.24 39.95 287.5 410.71 276.1 V45.81 424.0 45.13
    V15.82 511.9 37.23
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class CodeIndex:
    """The codes of a cohort in their order everywhere: column n of every matrix is `codes[n]`.

    `custom` says what stands above those of a user's own system; the others are ICD's. `title_of`:
    of a code that has no title of its own, the code that lends it one.
    """

    codes: tuple[str, ...]
    systems: tuple[icd.System, ...]
    titles: tuple[str, ...]
    custom: CustomTree | None = None
    title_of: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if list(self.codes) != sorted(set(self.codes)):
            raise ValueError("a code index has each code once, sorted by code point")
        if not len(self.codes) == len(self.systems) == len(self.titles):
            raise ValueError("a code index has one system and one title for each code")

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {code: n for n, code in enumerate(self.codes)}

    def position(self, code: str) -> int:
        """The column of a code; KeyError for one that is not in the cohort."""
        return self._positions[code]

    @cached_property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that differ whenever a code, its place, title or parent does."""
        above = [self.custom.rows] if self.custom and self.custom.uppers else []
        content = [self.codes, self.systems, self.titles, *above]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]

    def save(self, path: Path) -> None:
        """Write as JSON, whole or not at all."""
        rows = [list(row) for row in zip(self.codes, self.systems, self.titles, strict=True)]
        custom = {} if self.custom is None else {"custom": [list(row) for row in self.custom.rows]}
        lent = {"title_of": dict(self.title_of)} if self.title_of else {}
        write_json(path, {"fingerprint": self.fingerprint, "codes": rows, **custom, **lent})

    @classmethod
    def open(cls, path: Path) -> "CodeIndex":
        """Read what `save` wrote; refused if a code was changed since."""
        content = json.loads(Path(path).read_text("utf-8"))
        codes, systems, titles = list(zip(*content["codes"], strict=True)) or [(), (), ()]
        tree = [(code, parent, title) for code, parent, title in content.get("custom", ())]
        custom = CustomTree(tuple(tree)) if "custom" in content else None
        index = cls(codes, systems, titles, custom, content.get("title_of", {}))
        if index.fingerprint != content["fingerprint"]:
            raise ValueError(f"{path}: the codes do not fit their fingerprint; make the file again")
        return index


@dataclass(frozen=True)
class Cohort:
    """`labels`: (document_id, labels), repeats kept; `splits`: (document_id, split).

    A document whose list of labels is empty counts in the vocabulary, as it does for CAML, and is
    left out of what a model reads.
    """

    labels: pa.Table
    splits: pa.Table
    codes: CodeIndex
    counts: dict[str, int]


def make_cohort(
    documents: pa.Table,
    codes: RecordStream,
    titles: pa.Table,
    splits: pa.Table,
    *,
    label_space: LabelSpace,
    revision: icd.Revision = "icd9",
    min_documents: int = 1,
    top: int | Sequence[str] | None = None,
    keep_uncoded: bool = False,
    engine: Engine = LOOP,
) -> Cohort:
    """Label the documents and keep those that the splits name.

    Args:
        documents: (document_id, patient_id), one row a document, in the order of `notes`.
        codes, titles: as extracted; the workers of an `engine` read the codes in parts.
        splits: (document_id, split); "unlabelled" needs no code.
        revision: of the codes, which says where a dot stands.
        min_documents: codes of fewer `documents` than this are dropped first, and then the
            documents that are left without a code.
        top: how many most frequent codes to keep, or the codes themselves. They are counted
            over all `documents`, repeats too, ties by first appearance; then documents
            without any of them are dropped.
        keep_uncoded: whether documents without a code stay after all, as those that have none.
    """
    if not documents.num_rows:
        raise ValueError("there are no notes to label: the table of notes has no row")
    labels, sources, counts = labels_of_cohort(
        documents,
        codes,
        label_space=label_space,
        revision=revision,
        min_documents=min_documents,
        splits=splits,
        engine=engine,
    )
    kept = None if top is None else top_codes(labels, top) if isinstance(top, int) else list(top)
    if kept is not None:
        labels = keep_labels(labels, kept)
    if keep_uncoded:
        labels, kept_counts = _with_uncoded(labels, splits)
        counts = {name: n for name, n in counts.items() if name not in OF_UNCODED} | kept_counts
    labels, splits = _in_splits(labels, splits)
    names = pc.list_flatten(labels["labels"]).unique().to_pylist() if kept is None else kept
    index, titled = index_codes(names, sources, titles)
    if not len(index):
        raise ValueError("no document of train, dev or test has a code; do notes and codes match?")
    return Cohort(labels, splits, index, counts | _sizes(labels, splits, index) | titled)


def labels_of_cohort(
    documents: pa.Table,
    codes: RecordStream,
    *,
    label_space: LabelSpace,
    revision: icd.Revision = "icd9",
    min_documents: int = 1,
    splits: pa.Table | None = None,
    engine: Engine = LOOP,
) -> tuple[pa.Table, Sources, dict[str, int]]:
    """The labels of all documents, what each stands for, and what was counted."""
    found = label_documents(codes, documents, label_space, revision, engine)
    placed = SPLITS.empty_table() if splits is None else splits
    counts = found.counts | _left_out(documents, found.table, placed)
    if min_documents == 1:
        return found.table, found.sources, counts
    labels, counted = drop_rare_labels(found.table, min_documents, found.sources)
    return labels, found.sources, counts | counted


def top_codes(labels: pa.Table, count: int) -> list[str]:
    """The most frequent labels, repeats counted, first come first where two are as frequent."""
    met = pc.list_flatten(labels["labels"]).value_counts()  # in the order of first appearance
    counted = Counter(dict(zip(*(part.to_pylist() for part in met.flatten()), strict=True)))
    return [label for label, _ in counted.most_common(count)]


def index_codes(
    labels: Iterable[str], sources: Sources, titles: pa.Table
) -> tuple[CodeIndex, dict[str, int]]:
    """Sort the codes and give each its title, or the nearest to one that the tables have."""
    by_system, lenders = _titles_by_system(titles)
    listed = {system: sorted(of) for system, of in by_system.items()}
    codes = tuple(sorted(set(labels)))
    found = [sources.get(code, (icd.DIAGNOSIS, code)) for code in codes]
    titled = [
        nearest_title(clean, by_system.get(of, {}), icd.parents(clean), listed.get(of, ()))
        or Title(clean, "")
        for of, clean in found
    ]
    whose = [lenders.get((of, t.of), t.of) for t, (of, _) in zip(titled, found, strict=True)]
    title_of = {
        code: lender
        for code, lender, (_, clean) in zip(codes, whose, found, strict=True)
        if lender not in ("", clean)
    }
    missing = whose.count("")
    if missing:
        told = "%d of %d codes have no title; the code stands for it"
        LOG.warning(told, missing, len(codes))
    counts = {"titles_borrowed": len(title_of), "titles_missing": missing}
    systems, names = tuple(of for of, _ in found), tuple(title.text for title in titled)
    return CodeIndex(codes, systems, names, _own_tree(codes, titles), title_of), counts


def _titles_by_system(
    titles: pa.Table,
) -> tuple[dict[str, dict[str, str]], dict[tuple[str, str], str]]:
    """Of each system code > title; of (system, code) the code that its title is of."""
    by_system: dict[str, dict[str, str]] = {}
    lenders: dict[tuple[str, str], str] = {}
    lent = LENDER.name in titles.column_names
    names = [*TITLES.names, LENDER.name if lent else "code"]
    for code, system, title, of in zip(*(titles[name].to_pylist() for name in names), strict=True):
        if title is not None:
            by_system.setdefault(system, {})[code] = title
            lenders[system, code] = of or code
    return by_system, lenders


def _own_tree(codes: Iterable[str], titles: pa.Table) -> CustomTree | None:
    """What a user's own table has above these codes; None where all are ICD's."""
    if "parent" not in titles.column_names:
        return None
    own = titles.filter(pc.is_valid(titles["parent"]))
    columns = (own[name].to_pylist() for name in ("code", "parent", "title"))
    rows = ((code, parent, title or "") for code, parent, title in zip(*columns, strict=True))
    return CustomTree.over(codes, rows)


def _left_out(documents: pa.Table, labels: pa.Table, splits: pa.Table) -> dict[str, int]:
    """Count, and say, who has notes and no code."""
    unlabelled = splits.filter(pc.equal(splits["split"], "unlabelled")).num_rows
    without_row = documents.num_rows - labels.num_rows - unlabelled
    empty = pc.sum(pc.equal(pc.list_value_length(labels["labels"]), 0)).as_py() or 0
    if without_row:
        LOG.warning("%d documents have notes and no row of codes: left out", without_row)
    if empty:
        LOG.warning("%d documents have only empty codes: in the vocabulary, not trained on", empty)
    return {
        "documents": documents.num_rows,
        "documents_without_code_rows": without_row,
        "documents_with_empty_codes": empty,
        "admissions_with_summary_and_code_rows": labels.num_rows,
    }


def _with_uncoded(labels: pa.Table, splits: pa.Table) -> tuple[pa.Table, dict[str, int]]:
    """The labels, and an empty list for every other document of train, dev and test."""
    placed = splits.filter(pc.not_equal(splits["split"], "unlabelled"))["document_id"]
    has = pc.list_value_length(labels["labels"]).to_numpy() > 0
    coded = labels.filter(pa.array(has))
    known = pc.is_in(placed, coded["document_id"].combine_chunks())
    others = placed.filter(pc.invert(known)).to_pylist()
    LOG.warning("%d documents have no code: kept as notes to which no code belongs", len(others))
    without = pa.table([others, [[] for _ in others]], schema=labels.schema)
    return pa.concat_tables([coded, without]), {"documents_kept_without_a_code": len(others)}


def _in_splits(labels: pa.Table, splits: pa.Table) -> tuple[pa.Table, pa.Table]:
    """The documents that have both; an unlabelled one needs no labels."""
    labels = labels.filter(pc.is_in(labels["document_id"], splits["document_id"].combine_chunks()))
    free = pc.equal(splits["split"], "unlabelled")
    has = pc.is_in(splits["document_id"], labels["document_id"].combine_chunks())
    return labels, splits.filter(pc.or_(free, has))


def _sizes(labels: pa.Table, splits: pa.Table, index: CodeIndex) -> dict[str, int]:
    lengths = pc.list_value_length(labels["labels"]).to_numpy()
    place = pc.index_in(labels["document_id"], splits["document_id"].combine_chunks())
    split_of = np.asarray(splits["split"].take(place).to_pylist(), dtype=object)
    counts = {}
    for name in ("train", "dev", "test"):
        member = np.isin(split_of, names_of(name))
        counts[f"{name}_documents"] = int(member.sum())
        counts[f"{name}_documents_with_code"] = int((member & (lengths > 0)).sum())
        if not counts[f"{name}_documents_with_code"]:
            raise ValueError(f"split {name} has no document with a code of the cohort")
    counts["labels"] = len(index)
    for system in (icd.DIAGNOSIS, icd.PROCEDURE):
        counts[f"{system}_labels"] = sum(s == system for s in index.systems)
    return counts
