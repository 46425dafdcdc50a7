"""Claim: every metric of MIMIC-III's test split takes seconds, and little beside the scores.

    python benchmarks/metrics.py              # 3,372 documents x 8,921 codes, as MIMIC-III full
    python benchmarks/metrics.py 1000 2000    # any other size

Against it stands the plain way: every metric by its definition, code after code, document after
document. Each runs in a process of its own, on one core; the metrics that both give must agree to
1e-9. Prints CPU seconds, peak memory and their ratio.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from measuring import peak_gb, run_apart
from scipy import sparse

SAME = ("auc_macro", "auc_micro", "f1_micro", "f1_macro_per_code", "precision_macro_caml", "p_at_8")


def cohort(documents: int, codes: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """About 15 codes a document, with a long tail; scores that know something of them."""
    random = np.random.default_rng(0)
    rates = 1 / np.arange(1, codes + 1) ** 1.1
    rates = np.minimum(rates / rates.sum() * 18, 0.5)
    prior = np.log(rates / (1 - rates)).astype(np.float32)
    scores = np.empty((documents, codes), dtype=np.float32)
    rows = []
    for document in range(documents):
        true = np.flatnonzero(random.random(codes) < rates)
        scores[document] = prior + random.standard_normal(codes, dtype=np.float32)
        scores[document, true] += 4
        rows.append(true)
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    cells = np.concatenate(rows)
    shape = (documents, codes)
    return sparse.csr_matrix((np.ones(len(cells), bool), cells, starts), shape=shape), scores


def ours(gold: sparse.csr_matrix, scores: np.ndarray) -> dict[str, float]:
    from isd_pipeline.evaluation.metrics import all_metrics

    return all_metrics(gold, scores)


def plain(gold: sparse.csr_matrix, scores: np.ndarray) -> dict[str, float]:
    """By definition, a code or a document at a time, on dense arrays: only the metrics in SAME."""
    true, predicted = gold.toarray(), scores > 0
    columns = range(true.shape[1])
    sets = np.array([of_sets(true[:, code], predicted[:, code]) for code in columns])
    areas = [area(true[:, code], scores[:, code]) for code in columns if two_kinds(true[:, code])]
    best = [np.argsort(-row, kind="stable")[:8] for row in scores]
    found = [row[codes].mean() for row, codes in zip(true, best, strict=True)]
    return {
        "auc_macro": float(np.mean(areas)),
        "auc_micro": area(true.ravel(), scores.ravel()),
        "f1_micro": of_sets(true, predicted)[1],
        "f1_macro_per_code": float(sets[:, 1].mean()),
        "precision_macro_caml": float(sets[:, 0].mean()),
        "p_at_8": float(np.mean(found)),
    }


def area(true: np.ndarray, scores: np.ndarray) -> float:
    """Area under the ROC curve from the ranks of the true cells (Mann-Whitney); ties halve."""
    from scipy.stats import rankdata

    positives, ranks = int(true.sum()), rankdata(scores)
    above = ranks[true].sum() - positives * (positives + 1) / 2
    return float(above / (positives * (true.size - positives)))


def of_sets(true: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Precision and F1 of some cells, 0 where there is nothing to divide by."""
    tp, n_true, n_predicted = (int(cells.sum()) for cells in (true & predicted, true, predicted))
    return tp / max(n_predicted, 1), 2 * tp / max(n_true + n_predicted, 1)


def two_kinds(true: np.ndarray) -> bool:
    return 0 < true.sum() < len(true)


def measure(way: str, documents: int, codes: int) -> None:
    gold, scores = cohort(documents, codes)
    before, start = peak_gb(), time.process_time()
    metrics = {"ours": ours, "plain": plain}[way](gold, scores)
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "before": before, "peak": peak_gb(), **metrics}))


def main(documents: int = 3372, codes: int = 8921) -> None:
    found = {way: run_apart(__file__, way, documents, codes) for way in ("ours", "plain")}
    for name in SAME:
        np.testing.assert_allclose(found["ours"][name], found["plain"][name], rtol=1e-9)
    print(f"{documents:,} documents x {codes:,} codes; {len(SAME)} metrics compared, all equal")
    for way, label in (("ours", "all_metrics"), ("plain", "by definition")):
        numbers = found[way]
        print(
            f"{label:>13}: {numbers['seconds']:7.2f} CPU s, peak {numbers['peak']:.2f} GB "
            f"({numbers['before']:.2f} GB before: the scores, the libraries)"
        )
    print(f"ratio: {found['plain']['seconds'] / found['ours']['seconds']:.1f} x the speed")


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
