"""The metrics of ICD coding, each under a name that says which definition it is.

Axes: D documents, L codes. `gold` is a boolean sparse matrix [D, L]; `scores` are log-odds [D, L],
so probability 0.5 is score 0. Everything is exact (no binning, no sampling) and works block by
block, so that 3,372 x 8,921 (MIMIC-III, full) needs little more memory than the scores.

Two macro F1 are in use, and papers seldom say which: CAML's, the harmonic mean of macro precision
and macro recall (the one of the tables of Zhou et al., 2021), and the mean of the codes' own F1.
Either over all codes, or over the codes *present*: those with a positive among these documents.

What is divided by zero is 0, never NaN: a code never predicted has precision 0, a code absent from
the split recall 0, and micro F1 is 0 where nothing is predicted (CAML's own script gives NaN).
A metric that does not exist (the AUC of documents that all have the code) is left out of the dict.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from isd_pipeline.evaluation.cells import BLOCK, Gold, blocks, cells_up_to, checked, rows_of
from isd_pipeline.shapes import Float, Int


class CodeCounts(NamedTuple):
    """Documents per code [L]: rightly predicted, predicted, and truly having the code."""

    tp: Int[np.ndarray, " L"]
    predicted: Int[np.ndarray, " L"]
    true: Int[np.ndarray, " L"]

    def only(self, codes: np.ndarray) -> "CodeCounts":
        """The counts of some codes (a mask or indices)."""
        return CodeCounts(self.tp[codes], self.predicted[codes], self.true[codes])

    @property
    def present(self) -> "CodeCounts":
        """The counts of the codes that at least one document truly has."""
        return self.only(self.true > 0)


def all_metrics(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    *,
    threshold: float = 0.0,
    ks: Sequence[int] = (5, 8, 15),
) -> dict[str, float]:
    """Every metric of these documents, at one threshold; see the functions below for each.

    A code is predicted where score > threshold: probability 0.5 exactly is not. Raises ValueError
    if the shapes differ, there is no document or code, or a score is NaN.
    """
    return {
        **threshold_metrics(gold, scores, threshold=threshold),
        **ranking_metrics(gold, scores, ks=ks),
        **auc_metrics(gold, scores),
    }


def threshold_metrics(
    gold: Gold, scores: Float[np.ndarray, "D L"], *, threshold: float = 0.0
) -> dict[str, float]:
    """The metrics of sets of codes: all that changes with the threshold.

    - f1_micro, precision_micro, recall_micro: cells pooled over all codes;
      f1_micro_present: false positives on codes absent from the split are not counted.
    - f1_macro_caml = 2PR / (P + R) of the means P, R over codes (precision_macro_caml,
      recall_macro_caml); f1_macro_per_code = mean of the codes' F1. Both also `_present`
      (Edin et al., 2023, report f1_macro_per_code_present and f1_micro_present).
    - f1_macro_caml_ceiling = codes_present / L: what a perfect prediction gets.
    - jaccard_macro: mean over codes of tp / union (CAML's "macro accuracy").
    - jaccard_example: the same per document; exact_match: share of documents wholly right.
      A document without a code of which none is predicted counts 1 in both.
    - predicted_per_document, gold_per_document: to see a collapse at a glance.
    """
    per_row, counts = _count(checked(gold, scores), scores, threshold)
    return {**of_counts(counts), **_means(_sets(*per_row))}


def document_metrics(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    *,
    threshold: float = 0.0,
    ks: Sequence[int] = (5, 8, 15),
) -> dict[str, Float[np.ndarray, " D"]]:
    """Those of `all_metrics` that are means over documents, before the mean is taken."""
    gold = checked(gold, scores)
    return {**_sets(*_count(gold, scores, threshold)[0]), **_rankings(gold, scores, ks)}


def per_code(gold: Gold, scores: Float[np.ndarray, "D L"], threshold: float = 0.0) -> CodeCounts:
    """Documents per code: rightly predicted, predicted, true; each int64 [L]."""
    return _count(checked(gold, scores), scores, threshold)[1]


def ranking_metrics(
    gold: Gold, scores: Float[np.ndarray, "D L"], *, ks: Sequence[int] = (5, 8, 15)
) -> dict[str, float]:
    """The metrics of each document's ranked list of codes, best first, ties by the lower index.

    - p_at_k: share of the first min(k, L) codes that are true; r_at_k: share of the true codes
      among them. Means over documents.
    - map: mean average precision. r_precision: precision at as many codes as are true.

    A document without a code counts 0 in each. Edin et al. leave such documents out: to compare,
    leave them out of `gold` and `scores`.
    """
    return _means(_rankings(checked(gold, scores), scores, ks))


def _rankings(gold: Gold, scores: np.ndarray, ks: Sequence[int]) -> dict[str, np.ndarray]:
    found, document = gold_ranks(gold, scores), rows_of(gold)
    n_documents, n_codes = gold.shape
    true = np.diff(gold.indptr)
    at_least_one = np.maximum(true, 1)
    metrics = {}
    for k in ks:
        in_top = np.bincount(document[found <= k], minlength=n_documents)
        metrics[f"p_at_{k}"] = in_top / min(k, n_codes)
        metrics[f"r_at_{k}"] = in_top / at_least_one
    nth_true = np.arange(len(found)) - gold.indptr[document] + 1
    precisions = np.bincount(document, weights=nth_true / found, minlength=n_documents)
    at_true = np.bincount(document[found <= true[document]], minlength=n_documents)
    return {**metrics, "map": precisions / at_least_one, "r_precision": at_true / at_least_one}


def gold_ranks(gold: Gold, scores: Float[np.ndarray, "D L"]) -> Int[np.ndarray, " G"]:
    """The ranks (1 is best) of each document's true codes, ascending within the document.

    Documents one after the other, as in `gold.indptr`. Ties go to the lower index.
    """
    gold = checked(gold, scores)
    ranks = np.empty(gold.nnz, dtype=np.int64)
    for rows in blocks(scores):
        ordered = np.sort(scores[rows], axis=1)
        for row in range(rows.start, rows.stop):
            mine = slice(gold.indptr[row], gold.indptr[row + 1])
            ranks[mine] = _ranks(scores[row], ordered[row - rows.start], gold.indices[mine])
    return ranks


def _ranks(row: np.ndarray, ordered: np.ndarray, codes: np.ndarray) -> np.ndarray:
    mine = row[codes]
    up_to = np.searchsorted(ordered, mine, side="right")
    ranks = len(row) - up_to + 1
    tied = np.flatnonzero(up_to - np.searchsorted(ordered, mine, side="left") > 1)
    for position in tied:
        ranks[position] += np.count_nonzero(row[: codes[position]] == mine[position])
    return np.sort(ranks)


def auc_metrics(gold: Gold, scores: Float[np.ndarray, "D L"]) -> dict[str, float]:
    """Areas under the ROC curve, exact, a tie between a positive and a negative counting a half.

    - auc_macro: mean over the codes that have a positive and a negative document (as CAML's);
      auc_codes says how many. Left out if there is none.
    - auc_micro: over all D x L cells. Left out if they are all of one kind.
    """
    gold = checked(gold, scores)
    areas = per_code_auc(gold, scores)
    defined = areas[~np.isnan(areas)]
    metrics = {"auc_codes": float(len(defined))}
    if len(defined):
        metrics["auc_macro"] = float(defined.mean())
    if 0 < gold.nnz < scores.size:
        positives = np.sort(scores[rows_of(gold), gold.indices])
        below, up_to = cells_up_to(scores, positives)
        metrics["auc_micro"] = _area(int(below.sum() + up_to.sum()), len(positives), scores.size)
    return metrics


def per_code_auc(gold: Gold, scores: Float[np.ndarray, "D L"]) -> Float[np.ndarray, " L"]:
    """The AUC of each code; NaN where no document or every document has it."""
    by_code = checked(gold, scores).tocsc()
    n_documents, n_codes = by_code.shape
    true = np.diff(by_code.indptr)
    defined = np.flatnonzero((true > 0) & (true < n_documents))
    areas = np.full(n_codes, np.nan)
    for codes in np.array_split(defined, max(1, len(defined) * n_documents // BLOCK + 1)):
        columns = np.ascontiguousarray(scores[:, codes].T)
        ordered = np.sort(columns, axis=1)
        for column, ascending, code in zip(columns, ordered, codes, strict=True):
            positives = column[by_code.indices[by_code.indptr[code] : by_code.indptr[code + 1]]]
            below = np.searchsorted(ascending, positives, side="left")
            up_to = np.searchsorted(ascending, positives, side="right")
            areas[code] = _area(int(below.sum() + up_to.sum()), len(positives), n_documents)
    return areas


def _area(below_plus_up_to: int, positives: int, cells: int) -> float:
    """Mann-Whitney's U from midranks; a midrank is (cells below + cells up to + 1) / 2."""
    twice_u = below_plus_up_to - positives * positives
    return twice_u / (2 * positives * (cells - positives))


def micro(counts: CodeCounts) -> tuple[float, float, float]:
    """Precision, recall and F1 of the cells of all these codes, pooled."""
    tp, predicted, true = (int(count.sum()) for count in counts)
    return tp / max(predicted, 1), tp / max(true, 1), 2 * tp / max(predicted + true, 1)


def macro_caml(counts: CodeCounts) -> tuple[float, float, float]:
    """Mean precision P, mean recall R over these codes, and CAML's macro F1, 2PR / (P + R)."""
    if not len(counts.tp):
        return 0.0, 0.0, 0.0
    precision = float((counts.tp / np.maximum(counts.predicted, 1)).mean())
    recall = float((counts.tp / np.maximum(counts.true, 1)).mean())
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def f1_per_code(counts: CodeCounts) -> Float[np.ndarray, " L"]:
    """Each code's own F1; 0 for a code neither true nor predicted (as scikit-learn's default)."""
    return 2 * counts.tp / np.maximum(counts.predicted + counts.true, 1)


def of_counts(counts: CodeCounts) -> dict[str, float]:
    """Those of `threshold_metrics` that pool documents: F1s, precisions, recalls, Jaccard."""
    present = counts.present
    precision, recall, f1 = micro(counts)
    macro_precision, macro_recall, macro_f1 = macro_caml(counts)
    union = counts.predicted + counts.true - counts.tp
    return {
        "precision_micro": precision,
        "recall_micro": recall,
        "f1_micro": f1,
        "f1_micro_present": micro(present)[2],
        "precision_macro_caml": macro_precision,
        "recall_macro_caml": macro_recall,
        "f1_macro_caml": macro_f1,
        "f1_macro_caml_present": macro_caml(present)[2],
        "f1_macro_per_code": float(f1_per_code(counts).mean()),
        "f1_macro_per_code_present": float(f1_per_code(present).mean()) if len(present.tp) else 0.0,
        "jaccard_macro": float((counts.tp / np.maximum(union, 1)).mean()),
        "codes_present": float(len(present.tp)),
        "f1_macro_caml_ceiling": len(present.tp) / len(counts.tp),
    }


def _sets(tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    union = predicted + true - tp
    return {
        "jaccard_example": np.where(union == 0, 1.0, tp / np.maximum(union, 1)),
        "exact_match": union == tp,
        "predicted_per_document": predicted,
        "gold_per_document": true,
    }


def _means(of_documents: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in of_documents.items()}


def _count(
    gold: Gold, scores: np.ndarray, threshold: float
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], CodeCounts]:
    """Rightly predicted, predicted, true: per document [D] and per code [L]."""
    n_documents, n_codes = gold.shape
    hit = scores[rows_of(gold), gold.indices] > threshold
    in_row = np.empty(n_documents, dtype=np.int64)
    in_column = np.zeros(n_codes, dtype=np.int64)
    for rows in blocks(scores):
        predicted = scores[rows] > threshold
        in_row[rows] = np.count_nonzero(predicted, axis=1)
        in_column += np.count_nonzero(predicted, axis=0)
    per_row = np.bincount(rows_of(gold)[hit], minlength=n_documents), in_row, np.diff(gold.indptr)
    right = np.bincount(gold.indices[hit], minlength=n_codes)
    return per_row, CodeCounts(right, in_column, np.bincount(gold.indices, minlength=n_codes))
