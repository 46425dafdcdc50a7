"""Trees kept as arrays say what the trees that were fitted say."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.ensemble

from isd_pipeline.predictors.mentions.trees import BoostedTrees, fit_trees
from isd_pipeline.predictors.sparse_arrays import to_numpy, to_tensors

SIZE = {"trees": 30, "depth": 4, "rate": 0.07}


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of which many are equal, as counts are, and a truth that hangs on two of them."""
    draw = np.random.default_rng(seed)
    x = np.column_stack([draw.normal(size=(n, 3)), draw.integers(-1, 3, size=(n, 2))])
    return x, x[:, 0] + x[:, 4] + draw.normal(0, 0.5, n) > 0.5


def test_the_log_odds_are_those_of_the_library_that_fitted_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = []

    class Kept(sklearn.ensemble.GradientBoostingClassifier):
        def fit(self, *args: object) -> object:
            models.append(self)
            return super().fit(*args)

    monkeypatch.setattr(sklearn.ensemble, "GradientBoostingClassifier", Kept)
    trees = fit_trees(*rows(300, 0), **SIZE)
    other = rows(500, 1)[0]
    edges = np.repeat(trees.threshold[trees.left >= 0][:200, None], 5, axis=1)
    for x in (other, edges, np.nextafter(edges, np.inf), other[:1]):
        np.testing.assert_allclose(trees(x), models[0].decision_function(x), rtol=0, atol=1e-9)
    assert np.ptp(trees(other)) > 1


def test_one_tree_by_hand() -> None:
    """Feature 1 at most 0.5: -1. Else feature 0 at most 2: 1, or 3."""
    trees = BoostedTrees(
        starts=np.array([0]),
        left=np.array([1, -1, 3, -1, -1]),
        right=np.array([2, -1, 4, -1, -1]),
        feature=np.array([1, -2, 0, -2, -2]),
        threshold=np.array([0.5, -2, 2, -2, -2]),
        value=np.array([9, -1, 9, 1, 3.0]),
        start=0.25,
    )
    x = np.array([[0, 0.5], [2, 1], [2.5, 1], [9, 0]])
    assert trees(x).tolist() == [-0.75, 1.25, 3.25, -0.75]
    assert trees(x[:0]).shape == (0,)


def test_arrays_come_back_from_tensors_to_the_bit_and_rows_are_drawn_alike_each_time() -> None:
    trees, again = (fit_trees(*rows(200, 0), **SIZE) for _ in range(2))
    kept = BoostedTrees.of_arrays(to_numpy(to_tensors(trees.arrays())))
    x = rows(100, 1)[0]
    assert trees(x).tobytes() == again(x).tobytes() == kept(x).tobytes()
    assert len(trees.starts) == SIZE["trees"]


@pytest.mark.parametrize(("n", "truth"), [(5, True), (5, False), (0, True)])
def test_rows_that_are_all_alike_are_refused_in_one_line(n: int, truth: bool) -> None:
    told = rf"^{n} pairs of note and code, all alike: nothing to learn from$"
    with pytest.raises(ValueError, match=told):
        fit_trees(np.zeros((n, 5)), np.full(n, truth), **SIZE)


def test_the_smallest_table_that_has_both_is_learned() -> None:
    trees = fit_trees(np.array([[0.0], [1.0]]), np.array([False, True]), trees=3, depth=1, rate=0.5)
    assert np.isfinite(trees(np.array([[0.0], [1.0]]))).all()
