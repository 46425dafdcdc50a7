from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import sparse

from isd_pipeline.data.codes.hierarchy import CodeTree, code_tree
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.embeddings.graphs import (
    LARGEST_NORM,
    cooccurrence,
    poincare_distance,
    poincare_embeddings,
    riemannian_step,
    vectors_above,
)

close = torch.testing.assert_close


def gold(*rows: list[int], codes: int = 4) -> sparse.csr_matrix:
    dense = np.zeros((len(rows), codes), dtype=bool)
    for row, present in zip(dense, rows, strict=True):
        row[present] = True
    return sparse.csr_matrix(dense)


def test_company_is_counted_shared_out_and_scaled():
    """Code 0 meets 1 twice and 2 once; 3 is alone; rows of A + I sum to 2, or to 1 for 3."""
    links = cooccurrence(gold([0, 1, 2], [0, 1], [3], [3]))
    want = [
        [1 / 2, 1 / 3, 1 / 6, 0],
        [1 / 3, 1 / 2, 1 / 6, 0],
        [1 / 4, 1 / 4, 1 / 2, 0],
        [0, 0, 0, 1],
    ]
    np.testing.assert_allclose(links.toarray(), want, rtol=1e-6)
    assert (links.dtype, links.nnz) == (np.float32, 10)


def test_more_documents_of_the_same_company_change_no_link():
    once, often = gold([0, 1], [1, 2]), gold(*[[0, 1], [1, 2]] * 300)
    np.testing.assert_allclose(cooccurrence(often).toarray(), cooccurrence(once).toarray())


def test_a_node_above_has_the_mean_of_all_codes_below():
    tree = CodeTree(("a", "b", "c", "above a b", "top"), np.array([3, 3, 4, 4, -1]), 3)
    vectors = vectors_above(tree, np.array([[1.0, 0], [3, 0], [5, 6]], dtype=np.float32))
    assert vectors.tolist() == [[2, 0], [3, 2]]


def test_a_code_above_a_code_counts_once():
    tree = CodeTree(("585", "585.9", "top"), np.array([2, 0, -1]), 2)
    assert vectors_above(tree, np.array([[2.0], [4.0]])).tolist() == [[3]]


def test_distances_by_hand():
    """From the centre to x it is 2 artanh |x|; a diameter adds up; the rest is arcosh's formula."""
    points = torch.tensor([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.0], [0.3, 0.4]]).double()
    close(poincare_distance(points[0], points[2]).item(), math.log(3))
    close(poincare_distance(points[0], points[1]).item(), 2 * math.log(3))
    apart, room = 0.2**2 + 0.4**2, 0.75 * 0.75
    close(poincare_distance(points[0], points[3]).item(), math.acosh(1 + 2 * apart / room))
    close(poincare_distance(points[:2, None], points[None]).shape, torch.Size([2, 4]))


def test_equal_points_and_the_rim_have_finite_distances_and_gradients():
    points = torch.tensor([[0.3, 0.2], [LARGEST_NORM, 0.0]], requires_grad=True)
    distances = poincare_distance(points[:, None], points[None])
    distances.sum().backward()
    assert distances.isfinite().all()
    assert points.grad.isfinite().all()
    assert distances[0, 0] < 1e-3


def test_a_step_is_scaled_by_the_balls_metric():
    """(1 - 1/4)^2 / 4 = 0.140625 at norm 1/2; 1/4 at the centre."""
    places = torch.tensor([[0.5, 0.0], [0.0, 0.0]])
    moved = riemannian_step(places, torch.tensor([[1.0, 0.0], [0.0, 2.0]]), rate=1.0)
    close(moved, torch.tensor([[0.359375, 0.0], [0.0, -0.5]]))


def test_no_step_leaves_the_ball():
    moved = riemannian_step(torch.zeros(1, 2), torch.tensor([[-400.0, -300.0]]), rate=1.0)
    close(moved, LARGEST_NORM * torch.tensor([[0.8, 0.6]]))


@pytest.fixture(scope="module")
def tree() -> CodeTree:
    """Three chapters of ICD-9, 240 codes."""
    codes = tuple(
        f"{c}.{i}" for c in (*range(401, 417), *range(460, 478), *range(520, 526)) for i in range(6)
    )
    return code_tree(CodeIndex(codes, ("diagnosis",) * len(codes), ("",) * len(codes)), "icd9")


@pytest.fixture(scope="module")
def places(tree: CodeTree) -> np.ndarray:
    return poincare_embeddings(tree, width=5, epochs=40, seed=3)


def test_embeddings_are_a_function_of_their_seed(tree: CodeTree, places: np.ndarray):
    assert np.array_equal(places, poincare_embeddings(tree, width=5, epochs=40, seed=3))
    assert not np.array_equal(places, poincare_embeddings(tree, width=5, epochs=40, seed=4))


def test_embeddings_lie_within_the_ball(tree: CodeTree, places: np.ndarray):
    assert (places.shape, places.dtype) == ((len(tree), 5), np.float32)
    assert 0.5 < np.linalg.norm(places, axis=1).max() <= LARGEST_NORM + 1e-6


def test_a_node_lies_nearer_to_its_parent_than_to_most_others(tree: CodeTree, places: np.ndarray):
    children = np.flatnonzero(tree.parents >= 0)
    points = torch.from_numpy(places)
    distances = poincare_distance(points[children][:, None], points[None])
    own = distances[range(len(children)), tree.parents[children]]
    assert (own[:, None] < distances).float().mean() > 0.97


def test_chapters_lie_nearer_to_the_centre_than_codes(tree: CodeTree, places: np.ndarray):
    norms = np.linalg.norm(places, axis=1)
    assert norms[tree.parents < 0].max() < np.median(norms[: tree.n_codes])


def test_codes_below_nothing_have_places_and_nothing_above_them():
    tree = CodeTree(("o:1", "o:2"), np.array([-1, -1]), 2)
    assert np.isfinite(poincare_embeddings(tree, 3, 5, 0)).all()
    assert vectors_above(tree, np.ones((2, 4), dtype=np.float32)).shape == (0, 4)
