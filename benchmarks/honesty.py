"""Claim: an interval holds, and a test errs, about as often as the docstrings say.

    python benchmarks/honesty.py              # 400 trials of 300 documents x 600 codes
    python benchmarks/honesty.py 100          # fewer trials

Each trial makes new documents with a long tail of codes, and two systems that are equally good and
mostly agree. Counted is how often a 95 % interval of the first holds the mean over all trials,
recentred and as plain percentiles, and how often each test says p < 5 % of the two. With 400
trials a true 5 % shows as 3 to 7.
"""

from __future__ import annotations

import sys

import measuring  # noqa: F401  (puts the library on the path)
import numpy as np
from scipy import sparse

from isd_pipeline.evaluation.resampling import Bootstrap, bootstrap
from isd_pipeline.evaluation.significance import approximate_randomisation, paired_bootstrap
from isd_pipeline.evaluation.weighted import Predictions, ScoredDocuments

DOCUMENTS, CODES, DRAWS = 300, 600, 300
NAMES = (
    "f1_micro",
    "f1_macro_caml",
    "f1_macro_per_code",
    "f1_macro_caml_present",
    "f1_macro_per_code_present",
    "p_at_8",
    "map",
    "auc_micro",
    "auc_macro",
)


def two_systems(trial: int) -> tuple[sparse.csr_matrix, list[np.ndarray]]:
    random = np.random.default_rng(trial)
    rates = 1 / np.arange(1, CODES + 1) ** 1.1
    rates = np.minimum(rates / rates.sum() * 18, 0.5)
    gold = random.random((DOCUMENTS, CODES)) < rates
    same = np.log(rates / (1 - rates)) + 4 * gold + 0.8 * random.normal(size=gold.shape)
    own = [0.6 * random.normal(size=gold.shape) for _ in "ab"]
    return sparse.csr_matrix(gold), [(same + noise).astype(np.float32) for noise in own]


def trial(number: int) -> tuple[dict[str, tuple], dict[str, tuple[float, float]]]:
    """Of each metric the value with both intervals, and the p values of both tests."""
    gold, systems = two_systems(number)
    values, p_values = {}, {}
    for make in (Predictions.of, ScoredDocuments.of):
        a, b = (make(gold, scores) for scores in systems)
        of_a, of_b = (bootstrap(run, replicates=DRAWS, seed=number) for run in (a, b))
        values |= _intervals(of_a)
        paired = paired_bootstrap(of_a, of_b)
        randomised = approximate_randomisation([a], [b], draws=DRAWS, seed=number)
        p_values |= {name: (paired[name].p, randomised[name].p) for name in paired}
    return values, p_values


def _intervals(sample: Bootstrap) -> dict[str, tuple]:
    recentred = sample.intervals()
    return {
        name: (sample.observed[name], recentred[name], np.nanquantile(draws, [0.025, 0.975]))
        for name, draws in sample.replicates.items()
    }


def _holds(interval: tuple[float, float], value: float) -> bool:
    return interval[0] <= value <= interval[1]


def main(trials: int = 400) -> None:
    values, p_values = zip(*map(trial, range(trials)), strict=True)
    print(f"{trials} trials of {DOCUMENTS} documents x {CODES} codes, in %")
    print(f"{'':27}{'held the mean (95)':>25}{'p < 5 % (5)':>25}")
    print(f"{'':27}{'recentred':>13}{'percentile':>12}{'bootstrap':>12}{'randomised':>13}")
    for name in NAMES:
        truth = np.mean([row[name][0] for row in values])
        held = [np.mean([_holds(row[name][n], truth) for row in values]) for n in (1, 2)]
        found = [np.mean([row[name][n] < 0.05 for row in p_values]) for n in (0, 1)]
        print(f"{name:27}{held[0]:13.0%}{held[1]:12.0%}{found[0]:12.0%}{found[1]:13.0%}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
