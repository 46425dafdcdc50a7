"""Claim: 1,000 bootstrap replicates of all metrics of MIMIC-III's test split take seconds.

    python benchmarks/bootstrap.py              # 3,372 documents x 8,921 codes, 1,000 draws
    python benchmarks/bootstrap.py 1000 2000    # any other size

Against it stands the plain way: repeat the documents as drawn and compute the metrics again, for
a few replicates, scaled up. Each runs in a process of its own, on one core; the replicates that
both make must agree. Prints CPU seconds, peak memory and their ratio.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from measuring import peak_gb, run_apart
from metrics import cohort
from scipy import sparse

from isd_pipeline.evaluation.metrics import auc_metrics, ranking_metrics, threshold_metrics
from isd_pipeline.evaluation.resampling import Sampling, bootstrap, bootstrap_weights
from isd_pipeline.evaluation.weighted import Predictions, ScoredDocuments

DRAWS, PLAIN_DRAWS, SEED = 1000, 3, 0
WAYS = ("F1s and rankings", "AUCs", "F1s and rankings, plain", "AUCs, plain")

Draws = dict[str, list[float]]


def ours(areas: bool, gold: sparse.csr_matrix, scores: np.ndarray) -> Draws:
    run = ScoredDocuments.of(gold, scores) if areas else Predictions.of(gold, scores)
    sample = bootstrap(run, replicates=DRAWS, seed=SEED)
    sample.intervals()  # for the time they take
    return {name: draws[:PLAIN_DRAWS].tolist() for name, draws in sample.replicates.items()}


def plain(areas: bool, gold: sparse.csr_matrix, scores: np.ndarray) -> Draws:
    draws: Draws = {}
    for times in bootstrap_weights(Sampling(len(scores), PLAIN_DRAWS, SEED)):
        copies = np.repeat(np.arange(len(scores)), times)
        again = gold[copies], scores[copies]
        found = (
            auc_metrics(*again) if areas else threshold_metrics(*again) | ranking_metrics(*again)
        )
        for name, value in found.items():
            draws.setdefault(name, []).append(value)
    return draws


def measure(way: str, documents: int, codes: int) -> None:
    gold, scores = cohort(documents, codes)
    before, start = peak_gb(), time.process_time()
    draws = (plain if way.endswith("plain") else ours)(way.startswith("AUC"), gold, scores)
    seconds = time.process_time() - start
    numbers = {"seconds": seconds, "before": before, "peak": peak_gb()}
    print(json.dumps({**numbers, "draws": draws}))


def main(documents: int = 3372, codes: int = 8921) -> None:
    found = {way: run_apart(__file__, way, documents, codes) for way in WAYS}
    print(f"{documents:,} documents x {codes:,} codes, {DRAWS:,} draws; CPU seconds, one core")
    for way in WAYS[:2]:
        fast, slow = found[way], found[f"{way}, plain"]
        for name, draws in fast["draws"].items():
            np.testing.assert_allclose(draws, slow["draws"][name], rtol=1e-9, err_msg=name)
        scaled = slow["seconds"] * DRAWS / PLAIN_DRAWS
        print(
            f"{way}: {len(fast['draws'])} metrics, equal on {PLAIN_DRAWS} draws\n"
            f"{'bootstrap':>11}: {fast['seconds']:8.1f} s, peak {fast['peak']:.2f} GB "
            f"({fast['before']:.2f} GB before: the scores, the libraries)\n"
            f"{'plain loop':>11}: {scaled:8.1f} s, scaled up from {PLAIN_DRAWS} draws, "
            f"peak {slow['peak']:.2f} GB\n"
            f"ratio: {scaled / fast['seconds']:.0f} x the speed"
        )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
