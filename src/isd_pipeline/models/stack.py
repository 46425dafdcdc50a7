"""Several systems' scores and the names found in the note, weighed together: one score a code.

    z_dl = b + sum_f w_f x_dlf

with the same few weights w for all codes, fitted on the dev split by logistic regression (stacked
generalisation, Wolpert, 1992). Each system was trained on the training split alone, so that on
dev it is as sure of itself as it will be on a new note. Which codes a note has is still decided
code by code; only how far each source is to be believed is learned here.

Axes: D documents, L codes, F features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from isd_pipeline.models.parts import refuse_below
from isd_pipeline.models.simple import NEVER_SEEN
from isd_pipeline.models.title_match import Match
from isd_pipeline.shapes import Float

LEAST = -12.0  # a score below says no more than this one


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """`members` are experiments, with their runs of the same seed (a linear floor has one seed).

    `titles` adds what `TitleMatch` finds. `cost` is C, the inverse of the penalty. The dev split
    gets its own scores from `folds` fits, each without the documents it scores, so that a
    threshold can be tuned on them. At most about `pairs` pairs of note and code are fitted: all
    that are true, and a sample of the others, weighed up.
    """

    members: tuple[str, ...]
    titles: bool = True
    cost: float | int = 1.0
    folds: int = 5
    pairs: int = 4_000_000

    def __post_init__(self) -> None:
        refuse_below(self, folds=2, pairs=1)
        if not self.cost > 0:
            raise ValueError(f"StackConfig.cost={self.cost} must be above 0")
        if len(set(self.members)) < len(self.members) or not (self.members or self.titles):
            raise ValueError(f"members={list(self.members)}: one or more experiments, each once")


def features(
    scores: Sequence[Float[np.ndarray, "D L"]],
    match: Match | None,
    frequency: Float[np.ndarray, " L"],
) -> Float[np.ndarray, "D L F"]:
    """What is known of each pair of note and code, float32 [D, L, F].

    Of each system its score, and whether it has never seen the code (`NEVER_SEEN`); of the name
    the three measures, the first to the fourth power too, for a name that stands there in full;
    how often the code is in the training notes, and how that and the name go together.
    """
    often = np.log(frequency + 0.5).astype(np.float32)
    columns = [np.maximum(one, LEAST) for one in scores]
    columns += [(one <= NEVER_SEEN).astype(np.float32) for one in scores]
    if match is not None:
        columns += [*match, match.near**4, match.near * often]
    shape = columns[0].shape
    return np.stack([*columns, np.broadcast_to(often, shape)], axis=-1).astype(np.float32)


def stack(
    dev: Float[np.ndarray, "D L F"],
    gold: sparse.csr_matrix,
    test: Float[np.ndarray, "E L F"],
    config: StackConfig,
    seed: int,
) -> tuple[Float[np.ndarray, "D L"], Float[np.ndarray, "E L"]]:
    """Scores of dev, each by a fit that has not seen its document, and of test by all of dev."""
    if len(dev) < config.folds:
        raise ValueError(f"folds={config.folds}, but the dev split has {len(dev)} documents")
    truth = gold.toarray().astype(bool)
    fold = np.random.default_rng(seed).permutation(len(dev)) % config.folds
    crossed = np.empty(truth.shape, dtype=np.float32)
    for k in range(config.folds):
        fitted = _fit(dev[fold != k], truth[fold != k], config, seed)
        crossed[fold == k] = _score(fitted, dev[fold == k])
    return crossed, _score(_fit(dev, truth, config, seed), test)


def _fit(x: np.ndarray, truth: np.ndarray, config: StackConfig, seed: int) -> Any:
    """A logistic regression over pairs, on features of mean 0 and deviation 1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pairs, weights = _sample(truth.ravel(), config.pairs, seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=config.cost, max_iter=1000))
    return model.fit(
        x.reshape(-1, x.shape[-1])[pairs].astype(np.float64),
        truth.ravel()[pairs],
        logisticregression__sample_weight=weights,
    )


def _sample(truth: np.ndarray, at_most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the pairs to fit, and what each counts for."""
    true, false = np.flatnonzero(truth), np.flatnonzero(~truth)
    kept = min(len(false), max(1, at_most - len(true)))
    drawn = np.sort(np.random.default_rng(seed).choice(false, kept, replace=False))
    weights = np.concatenate([np.ones(len(true)), np.full(kept, len(false) / kept)])
    return np.concatenate([true, drawn]), weights


def _score(model: Any, x: np.ndarray) -> np.ndarray:
    """Document by document, so that nothing as large as all pairs is made in double."""
    rows = [model.decision_function(one.astype(np.float64)) for one in x]
    return np.stack(rows).astype(np.float32)
