"""One system against another, over the seeds of both: the difference of each metric, and its luck.

The interval is the paired bootstrap's, the p value approximate randomisation's, which is right for
every metric where the bootstrap's is too ready (`significance`). The areas under the ROC curve are
not compared: at MIMIC-III's size their test would take hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from isd_pipeline.evaluation.cells import Gold
from isd_pipeline.evaluation.resampling import Bootstrap, over_seeds
from isd_pipeline.evaluation.significance import (
    Difference,
    approximate_randomisation,
    paired_bootstrap,
)
from isd_pipeline.evaluation.weighted import Predictions
from isd_pipeline.shapes import Float


@dataclass(frozen=True)
class ComparedRun:
    """One run, ready to be set against another: its answers at 0.5 and tuned, and its draws."""

    at_half: Predictions
    at_tuned: Predictions
    resampled: Bootstrap

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
    """Every metric of their draws but AUCs, the n-th seed of one against the n-th of the other."""
    halves = ([one.at_half for one in side] for side in (a, b))
    tuned = ([one.at_tuned for one in side] for side in (a, b))
    p_values = {
        f"{name}{ending}": found.p
        for sides, ending in ((halves, ""), (tuned, "_tuned"))
        for name, found in approximate_randomisation(*sides, draws=draws, seed=seed).items()
    }
    paired = paired_bootstrap(*(over_seeds([one.resampled for one in side]) for side in (a, b)))
    return {
        name: found._replace(p=p_values[name]) for name, found in paired.items() if name in p_values
    }
