"""One system against another, over the seeds of both: the difference of each metric, and its luck.

The interval is the paired bootstrap's, the p value approximate randomisation's, which is right for
every metric where the bootstrap's is too ready (`significance`). The areas under the ROC curve are
not compared: at MIMIC-III's size their test would take hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from isd_pipeline.evaluation.cells import Gold
from isd_pipeline.evaluation.resampling import Bootstrap, over_seeds
from isd_pipeline.evaluation.significance import approximate_randomisation, paired_bootstrap
from isd_pipeline.evaluation.weighted import Judged
from isd_pipeline.shapes import Float


@dataclass(frozen=True)
class Contestant:
    """One run, ready to be set against another: its answers at 0.5 and tuned, and its draws."""

    at_half: Judged
    at_tuned: Judged
    drawn: Bootstrap

    @classmethod
    def of(
        cls, gold: Gold, scores: Float[np.ndarray, "D L"], tuned: float, drawn: Bootstrap
    ) -> Contestant:
        """`tuned` is the run's own threshold, `drawn` what `bootstrap_run` gave for it."""
        return cls(Judged.of(gold, scores), Judged.of(gold, scores, threshold=tuned), drawn)


class Comparison(NamedTuple):
    """The first system's metric less the second's, its 95 % interval, the two-sided p value."""

    difference: float
    low: float
    high: float
    p: float


def compare(
    a: Sequence[Contestant], b: Sequence[Contestant], *, draws: int, seed: int = 0
) -> dict[str, Comparison]:
    """Every metric of their draws but AUCs, the n-th seed of one against the n-th of the other."""
    p_values = {
        **_p_values([one.at_half for one in a], [one.at_half for one in b], "", draws, seed),
        **_p_values(
            [one.at_tuned for one in a], [one.at_tuned for one in b], "_tuned", draws, seed
        ),
    }
    paired = paired_bootstrap(
        over_seeds([one.drawn for one in a]), over_seeds([one.drawn for one in b])
    )
    return {
        name: Comparison(found.value, found.low, found.high, p_values[name])
        for name, found in paired.items()
        if name in p_values
    }


def _p_values(
    a: Sequence[Judged], b: Sequence[Judged], ending: str, draws: int, seed: int
) -> dict[str, float]:
    randomised = approximate_randomisation(a, b, draws=draws, seed=seed)
    return {f"{name}{ending}": found.p for name, found in randomised.items()}
