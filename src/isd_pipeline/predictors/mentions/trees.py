"""Gradient-boosted trees (Friedman, 2001) that are kept as plain arrays.

    z(x) = z_0 + sum over trees of the value of the leaf that x falls into

Axes: X rows, F features, T trees, M nodes of all trees.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from isd_pipeline.shapes import Float, Int

LEAF = -1  # in place of a child


@dataclass(frozen=True)
class BoostedTrees:
    """Nodes of all trees, one tree behind the other.

    A row goes left where its feature is at most the threshold. starts: each tree's root, [T].
    left, right: the number of the child, or `LEAF`, [M].  feature, threshold, value: [M].
    """

    starts: Int[np.ndarray, " T"]
    left: Int[np.ndarray, " M"]
    right: Int[np.ndarray, " M"]
    feature: Int[np.ndarray, " M"]
    threshold: Float[np.ndarray, " M"]
    value: Float[np.ndarray, " M"]
    start: float

    def __call__(self, x: Float[np.ndarray, "X F"]) -> Float[np.ndarray, " X"]:
        """The log-odds of each row, float64."""
        x, rows = x.astype(np.float32), np.arange(len(x))  # as they were fitted
        z = np.full(len(x), self.start)
        for root in self.starts:
            node = np.full(len(x), root)
            while (inner := self.left[node] != LEAF).any():
                goes_left = x[rows, self.feature[node]] <= self.threshold[node]
                child = np.where(goes_left, self.left[node], self.right[node])
                node = np.where(inner, child, node)
            z += self.value[node]
        return z

    def arrays(self) -> dict[str, np.ndarray]:
        """To be kept."""
        return {**vars(self), "start": np.array([self.start])}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> "BoostedTrees":
        """The opposite of `arrays`."""
        nodes = {name: values for name, values in arrays.items() if name != "start"}
        return cls(**nodes, start=float(arrays["start"][0]))


def fit_trees(
    x: Float[np.ndarray, "X F"], truth: np.ndarray, *, trees: int, depth: int, rate: float
) -> BoostedTrees:
    """Boost trees on rows and whether each is true; half of the rows are drawn for each tree.

    Raises a ValueError where all rows are true, or none is.
    """
    from sklearn.ensemble import GradientBoostingClassifier

    if truth.all() or not truth.any():
        raise ValueError(f"{len(truth)} pairs of note and code, all alike: nothing to learn from")
    model = GradientBoostingClassifier(
        n_estimators=trees,
        learning_rate=rate,
        max_depth=depth,
        min_samples_leaf=min(20, max(1, len(x) // 20)),
        subsample=0.5,
        random_state=0,
    ).fit(x, truth)
    nodes = [one.tree_ for one in model.estimators_[:, 0]]
    starts = np.cumsum([0, *(one.node_count for one in nodes)])
    prior = truth.mean()
    return BoostedTrees(
        starts=starts[:-1],
        left=_moved([one.children_left for one in nodes], starts),
        right=_moved([one.children_right for one in nodes], starts),
        feature=np.concatenate([one.feature for one in nodes]).astype(np.int64),
        threshold=np.concatenate([one.threshold for one in nodes]),
        value=rate * np.concatenate([one.value[:, 0, 0] for one in nodes]),
        start=float(np.log(prior / (1 - prior))),
    )


def _moved(children: list[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """Children counted over all trees."""
    moved = [np.where(c < 0, LEAF, c + s) for c, s in zip(children, starts, strict=False)]
    return np.concatenate(moved).astype(np.int64)
