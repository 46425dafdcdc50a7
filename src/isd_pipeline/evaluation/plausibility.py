"""Whether a model finds its evidence where a person marked it (plausibility).

Axes: K codes, N words of a document, S spans.

Agreement is of words, as in ERASER (DeYoung et al., ACL 2020): a word counts as marked if it
shares a character with a marked span of the code. A note that says the same again, unmarked,
counts against every source alike.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.io.tables import RecordStream
from isd_pipeline.predictors.attention import windows_around
from isd_pipeline.shapes import Bool, Float, Int
from isd_pipeline.text.documents import Documents

TOP = 5
RANDOM = "random"


@dataclass(frozen=True)
class Rationales:
    """The words of one document that a person marked, for its gold codes that have any.

    document: its row among the documents.  tokens: [N].  note_starts: each note's first word.
    codes: [K], columns of the code index.  marked: [K, N], a marked word or more in each row.
    """

    document: int
    tokens: Int[np.ndarray, " N"]
    note_starts: tuple[int, ...]
    codes: Int[np.ndarray, " K"]
    marked: Bool[np.ndarray, "K N"]


Evidence = Callable[[Rationales], Float[np.ndarray, "K N"]]


def marked_words(
    mentions: pa.Table, tokenized_notes: RecordStream, documents: Documents, codes: CodeIndex
) -> Iterator[Rationales]:
    """The marks of every document that has any, in the order of `tokenized_notes`.

    `mentions` is a table `MENTIONS` of the same extraction; what it holds of other documents and
    of codes that are not the document's is passed over, and so is a span without a word. Its
    codes are clean ones: of the label space `caml`, the procedures find no marks.
    """
    spans = spans_of(mentions, pa.array(documents.ids.tolist(), pa.string()))
    place = {document: n for n, document in enumerate(documents.ids.tolist())}
    columns = ["document_id", "begins", "ends", "note_ids", "note_starts"]
    for batch in tokenized_notes.select(columns):
        known = pc.is_in(batch["document_id"], pa.array(list(spans), pa.string()))
        for row in batch.filter(known).to_pylist():
            document, n = row["document_id"], place[row["document_id"]]
            marked = spans[document]
            gold = [code for code in documents.labels_of(n) if codes.codes[code] in marked]
            marks = rationales_of(row, marked, n, documents, codes, gold)
            if len(marks.codes):
                yield marks


MarkedSpans = dict[str, list[tuple[str, int, int]]]  # code: note, begin, end


def spans_of(mentions: pa.Table, documents: pa.Array) -> dict[str, MarkedSpans]:
    """What is marked in some documents, by document, then by code."""
    rows = mentions.filter(pc.is_in(mentions["document_id"], documents))
    names = ("document_id", "code", "note_id", "begin", "end")
    found: dict[str, MarkedSpans] = defaultdict(lambda: defaultdict(list))
    for document, code, *span in zip(*(rows[name].to_pylist() for name in names), strict=True):
        found[document][code].append(tuple(span))
    return found


def rationales_of(
    row: Mapping[str, Any],
    spans: MarkedSpans,
    document: int,
    documents: Documents,
    codes: CodeIndex,
    wanted: Sequence[int],
) -> Rationales:
    """The marked words of a row of `tokenized_notes`, for those of the `wanted` codes with any."""
    words = windows_around(row["begins"], row["ends"], 0, row["note_starts"])
    number = {note: n for n, note in enumerate(row["note_ids"])}
    marked = np.zeros((len(wanted), len(row["begins"])), dtype=bool)
    for mine, code in zip(marked, wanted, strict=True):
        mine |= words.touch(*numbered(spans[codes.codes[code]], number))
    some = marked.any(axis=1)
    return Rationales(
        document,
        documents.tokens_of(document),
        tuple(row["note_starts"]),
        np.array(wanted, dtype=np.int64)[some],
        marked[some],
    )


def numbered(spans: list[tuple[str, int, int]], number: Mapping[str, int]) -> np.ndarray:
    """Note, begin and end of each span, int [3, S], its note as a number within the document."""
    for note, _, _ in spans:
        if note not in number:
            raise ValueError(
                f"evidence of note {note}, which its document does not have; "
                "make both tables from one extraction"
            )
    return np.array([(number[note], begin, end) for note, begin, end in spans]).T


def agreement(
    evidence: Float[np.ndarray, " N"], marked: Bool[np.ndarray, " N"], top: int = TOP
) -> dict[str, float]:
    """How well the words of highest evidence agree with the marked ones; one is marked at least.

    first: whether the highest is marked.  precision, recall, iou: of the `top` highest.
    r_precision: of as many as are marked, where precision, recall and F1 are one number.
    average_precision: precision at each marked word's rank, the area under the precision-recall
    curve.  Of equals the earlier word comes first.
    """
    hits = marked[np.argsort(-evidence, kind="stable")]
    n_marked, taken = int(hits.sum()), min(top, len(hits))
    found = hits[:taken].sum()
    ranks = np.flatnonzero(hits) + 1
    return {
        "first": float(hits[0]),
        f"precision_at_{top}": float(found / taken),
        f"recall_at_{top}": float(found / n_marked),
        f"iou_at_{top}": float(found / (taken + n_marked - found)),
        "r_precision": float(hits[:n_marked].mean()),
        "average_precision": float((np.arange(1, n_marked + 1) / ranks).mean()),
    }


def agreement_by_chance(n_words: int, n_marked: int, top: int = TOP) -> dict[str, float]:
    """What `agreement` is on average over all orders of the words, exactly.

    A word at rank r is marked with probability n / N, and then each of the r - 1 before it is
    with probability (n - 1) / (N - 1); hits among the first follow the hypergeometric law.
    """
    from scipy.stats import hypergeom

    taken, share = min(top, n_words), n_marked / n_words
    hits = np.arange(taken + 1)
    chances = hypergeom.pmf(hits, n_words, n_marked, taken)
    ranks = np.arange(1, n_words + 1)
    others = (n_marked - 1) / max(n_words - 1, 1)
    return {
        "first": share,
        f"precision_at_{top}": share,
        f"recall_at_{top}": taken / n_words,
        f"iou_at_{top}": float((chances * hits / (taken + n_marked - hits)).sum()),
        "r_precision": share,
        "average_precision": float(((1 + (ranks - 1) * others) / ranks).mean()),
    }


def compare_evidence(marks: Iterable[Rationales], sources: Mapping[str, Evidence]) -> pd.DataFrame:
    """How well each source of evidence agrees with the marks, and how well chance does.

    One row per document, code and source (`random` is the last): document, code, source, words,
    marked, then what `agreement` gives.
    """
    rows: list[dict[str, Any]] = []
    for mark in marks:
        found = {name: source(mark) for name, source in sources.items()}
        for n, (code, marked) in enumerate(zip(mark.codes, mark.marked, strict=True)):
            scored = {name: agreement(evidence[n], marked) for name, evidence in found.items()}
            scored[RANDOM] = agreement_by_chance(len(marked), int(marked.sum()))
            pair = {"document": mark.document, "code": int(code)}
            sizes = {"words": len(marked), "marked": int(marked.sum())}
            rows += [{**pair, "source": name, **sizes, **m} for name, m in scored.items()]
    if not rows:
        raise ValueError("no gold code of these documents has a marked word to compare with")
    return pd.DataFrame(rows)


def mean_agreement(rows: pd.DataFrame) -> pd.DataFrame:
    """The means over all pairs of a document and a code, one row a source; `pairs` counts them."""
    sources = rows.drop(columns=["document", "code"]).groupby("source", sort=False)
    means = sources.mean()
    means.insert(0, "pairs", sources.size())
    return means
