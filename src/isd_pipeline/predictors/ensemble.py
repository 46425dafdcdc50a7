"""Several systems' scores and the names found in the note, weighed together: one score a code.

    z_dl = b + sum_f w_f x_dlf

with the same few weights w for all codes, fitted on the dev split by logistic regression (stacked
generalisation, Wolpert, 1992). Each system was trained on the training split alone, so that on
dev it is as sure of itself as it will be on a new note. Which codes a note has is still decided
code by code; only how far each source is to be believed is learned here.

Axes: D documents, L codes, F features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.models.layers.parts import refuse_below
from isd_pipeline.predictors.description_match import Match, TitleMatch
from isd_pipeline.predictors.linear_fit import NEVER_SEEN
from isd_pipeline.shapes import Float, Int

LEAST = -12.0  # a score below says no more than this one
NAMES, FREQUENCY = "names", "frequency"  # sources beside the members


@dataclass(frozen=True, kw_only=True)
class StackConfig:
    """`members` are experiments, with their runs of the same seed (a linear floor has one seed).

    With `every_seed` a member's scores are the means over all its runs (only seeds that every
    network among them has), so that the stack has one run where they have several.
    `titles` adds what `TitleMatch` finds. `cost` is C, the inverse of the penalty. The dev split
    gets its own scores from `folds` fits, each without the documents it scores, so that a
    threshold can be tuned on them. At most about `pairs` pairs of note and code are fitted: all
    that are true, and a sample of the others, weighed up.
    """

    members: tuple[str, ...]
    titles: bool = True
    every_seed: bool = False
    cost: float | int = 1.0
    folds: int = 5
    pairs: int = 4_000_000

    def __post_init__(self) -> None:
        refuse_below(self, folds=2, pairs=1)
        if not self.cost > 0:
            raise ValueError(f"StackConfig.cost={self.cost} must be above 0")
        if len(set(self.members)) < len(self.members) or not (self.members or self.titles):
            raise ValueError(f"members={list(self.members)}: one or more experiments, each once")


class Weights(NamedTuple):
    """z = bias + weights x; means: of the features of the pairs that were fitted. float64 [F]."""

    weights: np.ndarray
    means: np.ndarray
    bias: float

    def score(self, x: Float[np.ndarray, "D L F"]) -> Float[np.ndarray, "D L"]:
        """Document by document, so that nothing as large as all pairs is made in double."""
        rows = [one.astype(np.float64) @ self.weights + self.bias for one in x]
        return np.stack(rows).astype(np.float32)


@dataclass(frozen=True)
class Stack:
    """A fitted stack: what it weighs, and how. frequency: training notes with each code, [L]."""

    members: tuple[str, ...]
    weights: Weights
    frequency: Float[np.ndarray, " L"] = field(repr=False)
    match: TitleMatch | None = field(repr=False)

    def features(
        self, scores: Mapping[str, Float[np.ndarray, "D L"]], words: Sequence[Sequence[str]]
    ) -> Float[np.ndarray, "D L F"]:
        """Of documents: each member's scores, and the words of each."""
        match = None if self.match is None else self.match(words)
        return features([scores[name] for name in self.members], match, self.frequency)

    def sources(
        self, x: Float[np.ndarray, "L F"], codes: Int[np.ndarray, " K"]
    ) -> dict[str, Float[np.ndarray, " K"]]:
        """What each source adds to the scores of some codes of a note, in log-odds.

        It is counted from a pair whose features are the means of those fitted: what is above 0
        speaks for the code. The sum is a score less the same number for all.
        """
        parts = (x[codes].astype(np.float64) - self.weights.means) * self.weights.weights
        names = _sources(self.members, titles=self.match is not None)
        return {
            name: parts[:, [n for n, of in enumerate(names) if of == name]].sum(axis=1)
            for name in dict.fromkeys(names)
        }

    def arrays(self) -> dict[str, np.ndarray]:
        """All but words and names of members, to be kept."""
        names = {} if self.match is None else self.match.arrays()
        return {
            "weights": self.weights.weights,
            "means": self.weights.means,
            "bias": np.array([self.weights.bias]),
            "frequency": self.frequency,
            **{f"{NAMES}.{part}": values for part, values in names.items()},
        }

    @classmethod
    def of_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        members: Sequence[str],
        stems: Sequence[str] | None,
        stem: Callable[[str], str],
    ) -> Stack:
        """The opposite of `arrays`; `stems` are None where names are not weighed."""
        weights = Weights(arrays["weights"], arrays["means"], float(arrays["bias"][0]))
        if len(weights.weights) != len(_sources(members, titles=stems is not None)):
            raise ValueError(f"{len(weights.weights)} weights do not fit {len(members)} members")
        head = f"{NAMES}."
        names = {n.removeprefix(head): v for n, v in arrays.items() if n.startswith(head)}
        match = None if stems is None else TitleMatch.of_arrays(names, stems, stem)
        return cls(tuple(members), weights, arrays["frequency"], match)


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


def _sources(members: Sequence[str], *, titles: bool) -> list[str]:
    """Whose each of the `features` is."""
    return [*members, *members, *([NAMES] * 5 if titles else []), FREQUENCY]


def stack(
    dev: Float[np.ndarray, "D L F"], gold: sparse.csr_matrix, config: StackConfig, seed: int
) -> tuple[Float[np.ndarray, "D L"], Weights]:
    """Scores of dev, each by a fit that has not seen its document; the weights by all of dev."""
    if len(dev) < config.folds:
        raise ValueError(f"folds={config.folds}, but the dev split has {len(dev)} documents")
    truth = gold.toarray().astype(bool)
    fold = np.random.default_rng(seed).permutation(len(dev)) % config.folds
    crossed = np.empty(truth.shape, dtype=np.float32)
    for k in range(config.folds):
        fitted = _fit(dev[fold != k], truth[fold != k], config, seed)
        crossed[fold == k] = fitted.score(dev[fold == k])
    return crossed, _fit(dev, truth, config, seed)


def _fit(x: np.ndarray, truth: np.ndarray, config: StackConfig, seed: int) -> Weights:
    """A logistic regression over pairs, on features of mean 0 and deviation 1."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    pairs, times = _sample(truth.ravel(), config.pairs, seed)
    scaler, model = StandardScaler(), LogisticRegression(C=config.cost, max_iter=1000)
    known = scaler.fit_transform(x.reshape(-1, x.shape[-1])[pairs].astype(np.float64))
    model.fit(known, truth.ravel()[pairs], sample_weight=times)
    weights = model.coef_[0] / scaler.scale_
    return Weights(weights, scaler.mean_, float(model.intercept_[0] - weights @ scaler.mean_))


def _sample(truth: np.ndarray, at_most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the pairs to fit, and what each counts for."""
    true, false = np.flatnonzero(truth), np.flatnonzero(~truth)
    kept = min(len(false), max(1, at_most - len(true)))
    drawn = np.sort(np.random.default_rng(seed).choice(false, kept, replace=False))
    weights = np.concatenate([np.ones(len(true)), np.full(kept, len(false) / kept)])
    return np.concatenate([true, drawn]), weights
