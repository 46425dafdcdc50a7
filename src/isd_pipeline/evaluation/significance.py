"""Whether one system is better than another on these documents, or by their luck.

Axes: W draws, D documents.

Both tests are two-sided and take the documents for independent of each other; neither says
whether another training would do as well: give them several seeds, and the metric is the mean over
the seeds. Of several comparisons in a table, report the p values of `holm`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self, TypeVar

import numpy as np

from isd_pipeline.evaluation.cells import Gold
from isd_pipeline.evaluation.official import NAMES
from isd_pipeline.evaluation.resampling import (
    DIFFERENCE,
    Bootstrap,
    over_seeds,
    recentred_interval,
    refuse_other_samplings,
)
from isd_pipeline.evaluation.weighted import Predictions, ScoredDocuments
from isd_pipeline.shapes import Float, Int

Run = TypeVar("Run", Predictions, ScoredDocuments)
_SAME = 1e-12  # differences that are equal but for rounding


class Difference(NamedTuple):
    """The first system's metric less the second's, its interval, and the two-sided p value."""

    difference: float
    low: float
    high: float
    p: float


class Randomised(NamedTuple):
    """The first system's metric less the second's, and the two-sided p value."""

    value: float
    p: float


def paired_bootstrap(a: Bootstrap, b: Bootstrap) -> dict[str, Difference]:
    """The difference in every metric that both have, over the same draws of documents.

    Koehn (2004). The p value is the share of draws whose difference lies as far from the draws'
    mean as the observed one from 0 (Efron and Tibshirani, 1993, ch. 16; the mean and not the
    observed value, for the reason in `recentred_interval`). It assumes that draws differ as new
    documents would, and so is too ready where they lack rare codes: of two systems equally good it
    said p < 5 % in 18 of 100 trials for macro F1 over all codes, in 12 for codes present and for
    macro AUC, in 4 to 6 for the other metrics (`benchmarks/honesty.py`). Riezler and Maxwell (2005)
    found it too ready as well. Where it is, take its interval and the other test's p value.
    """
    refuse_other_samplings(a, b)
    return {
        name: _difference(
            a.observed[name] - b.observed[name], a.replicates[name] - b.replicates[name]
        )
        for name in a.observed
        if name in b.observed
    }


def _difference(value: float, draws: Float[np.ndarray, " W"]) -> Difference:
    around_mean = draws - np.nanmean(draws)
    bounds = recentred_interval(value, draws, DIFFERENCE)
    return Difference(value, *bounds, _p_value(value, around_mean))


def approximate_randomisation(
    a: Sequence[Run], b: Sequence[Run], *, draws: int = 1000, seed: int = 0
) -> dict[str, Randomised]:
    """The difference in every metric, against what it is when documents change sides by a coin.

    Yeh (2000). If the systems do not differ, either could have given either output: for each draw
    the outputs of about half of the documents are swapped, those of all seeds together, n-th seed
    against n-th seed. Assumes that and no more, and so suits every metric: it said p < 5 % of two
    systems equally good in 4 to 6 of 100 trials, whatever the metric. AUCs rank both systems'
    scores on one scale while they are mixed: where their scales differ, p is somewhat larger.
    """
    _refuse_unpaired(a, b)
    swapped = _swaps(len(a[0]), draws, seed)
    sides = np.concatenate([np.hstack([1 - swapped, swapped]), np.hstack([swapped, 1 - swapped])])
    mixed = [one.then(other).metrics(sides) for one, other in zip(a, b, strict=True)]
    tested = {}
    for name in mixed[0]:
        first, second = np.split(np.mean([metrics[name] for metrics in mixed], axis=0), 2)
        value, draws_of = float(first[0] - second[0]), (first - second)[1:]
        if not np.isnan(value):
            tested[name] = Randomised(value, _p_value(value, draws_of))
    return tested


@dataclass(frozen=True)
class ComparedRun:
    """One run, ready to be set against another: its answers at 0.5 and tuned, and its draws.

    official: its answers as an official task's scorer sees them, of a cohort that has one.
    """

    at_half: Predictions
    at_tuned: Predictions
    resampled: Bootstrap
    official: Predictions | None = None

    @classmethod
    def of(
        cls, gold: Gold, scores: Float[np.ndarray, "D L"], tuned: float, resampled: Bootstrap
    ) -> Self:
        """`tuned` is the run's own threshold, `resampled` what `bootstrap_run` gave for it."""
        return cls(
            Predictions.of(gold, scores), Predictions.of(gold, scores, threshold=tuned), resampled
        )


def compare(
    a: Sequence[ComparedRun], b: Sequence[ComparedRun], *, draws: int, seed: int = 0
) -> dict[str, Difference]:
    """Every metric of their draws but AUCs, the n-th seed of one against the n-th of the other.

    The interval is the paired bootstrap's, the p value approximate randomisation's. AUCs are not
    compared: at MIMIC-III's size their test would take hours.
    """
    halves = ([one.at_half for one in side] for side in (a, b))
    tuned = ([one.at_tuned for one in side] for side in (a, b))
    p_values = {
        f"{name}{ending}": found.p
        for sides, ending in ((halves, ""), (tuned, "_tuned"))
        for name, found in approximate_randomisation(*sides, draws=draws, seed=seed).items()
    }
    p_values |= _of_task(a, b, draws, seed)
    paired = paired_bootstrap(*(over_seeds([one.resampled for one in side]) for side in (a, b)))
    return {
        name: found._replace(p=p_values[name]) for name, found in paired.items() if name in p_values
    }


def _of_task(
    a: Sequence[ComparedRun], b: Sequence[ComparedRun], draws: int, seed: int
) -> dict[str, float]:
    """The p values of official figures; none unless every run has them."""
    sides = [[one.official for one in side if one.official] for side in (a, b)]
    if [len(side) for side in sides] != [len(a), len(b)]:
        return {}
    found = approximate_randomisation(*sides, draws=draws, seed=seed)
    return {called: found[name].p for called, name in NAMES.items()}


def _swaps(documents: int, draws: int, seed: int) -> Int[np.ndarray, "W D"]:
    """1 where a document's outputs change sides; nothing does in the first row, which is extra."""
    swapped = np.random.default_rng(seed).integers(2, size=(1 + draws, documents), dtype=np.int32)
    swapped[0] = 0
    return swapped


def _p_value(observed: float, under_null: Float[np.ndarray, " W"]) -> float:
    """The share of draws at least as far from 0 as the observed value, which itself counts as one.

    Without that one, p could be 0, which no finite number of draws can show (Phipson and Smyth,
    2010). Draws in which the metric does not exist are passed over.
    """
    exist = under_null[~np.isnan(under_null)]
    as_far = np.abs(exist) >= abs(observed) - _SAME
    return float((1 + as_far.sum()) / (1 + len(exist)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values of one table, adjusted, in the order given (Holm, 1979).

    Calling significant what stays below 5 % calls anything so by luck in at most 5 % of tables,
    however the comparisons depend on each other.
    """
    order = np.argsort(p_values, kind="stable")
    times = np.asarray(p_values, dtype=np.float64)[order] * np.arange(len(order), 0, -1)
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(times), 1.0)
    return adjusted.tolist()


def _refuse_unpaired(a: Sequence[Run], b: Sequence[Run]) -> None:
    if len(a) != len(b):
        raise ValueError(f"{len(a)} seeds against {len(b)}: to be swapped, they must be as many")
    first = a[0].gold
    for gold in (run.gold for run in (*a, *b)):
        rows_differ = not np.array_equal(gold.indptr, first.indptr)
        if rows_differ or not np.array_equal(gold.indices, first.indices):
            raise ValueError("runs of other documents: both systems must have read the same ones")
