"""What the codes' tree and their company in the training notes give: matrices and vectors.

Axes: D documents, L codes, M nodes of the tree, E width of words and titles, P width of
hyperbolic vectors. The hyperbolic space is the Poincaré ball: vectors of norm below 1.
"""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from torch import Tensor

from isd_pipeline.data.codes.hierarchy import NO_PARENT, CodeTree

LARGEST_NORM = 1 - 1e-5
LEAST_SQUARE = 5e-8  # of sinh(d / 2): below it, fp32 knows no direction to go in
START = 1e-3  # first coordinates lie within it, around the centre
RATE, BURN_IN_RATE, BURN_IN_EPOCHS = 0.5, 0.05, 10
NEGATIVES, PAIRS_AT_ONCE = 10, 256


def cooccurrence(gold: sparse.csr_matrix) -> sparse.csr_matrix:
    """How codes keep company in the training documents, float32 [L, L], for graph convolutions.

        A = counts with rows of sum 1        D^-1/2 (A + I) D^-1/2, D the row sums of A + I

    `gold` [D, L] holds the training documents alone. A code that is always alone keeps its 1 on
    the diagonal.
    """
    has = sparse.csr_array(gold).astype(np.float64)
    counts = has.T @ has
    counts = counts - sparse.diags_array(counts.diagonal())
    company = counts.sum(axis=1)
    shares = sparse.diags_array(1 / np.maximum(company, 1)) @ counts
    scale = sparse.diags_array((1.0 + (company > 0)) ** -0.5)
    links = sparse.csr_array(scale @ (shares + sparse.eye_array(len(company))) @ scale)
    links.eliminate_zeros()
    links.sort_indices()
    return sparse.csr_matrix(links.astype(np.float32))


def vectors_above(tree: CodeTree, codes: np.ndarray) -> np.ndarray:
    """A vector for each node that is no code, float32 [M - L, E]: the mean of the codes below it.

    `codes` [L, E] are the codes' own vectors.
    """
    sums = np.zeros((len(tree), codes.shape[1]))
    counts = np.zeros(len(tree))
    for code, vector in enumerate(codes):
        for node in tree.above(code):
            sums[node] += vector
            counts[node] += 1
    means = sums[tree.n_codes :] / counts[tree.n_codes :, None]
    return means.astype(np.float32)


def poincare_distance(left: Tensor, right: Tensor) -> Tensor:
    """Distance in the Poincaré ball along the last axis, which it drops; fp32 or wider wanted.

        arcosh(1 + 2x) = 2 arsinh(sqrt(x))      x = |u - v|^2 / ((1 - |u|^2)(1 - |v|^2))

    The second form keeps the digits of small distances.
    """
    apart = (left - right).square().sum(dim=-1)
    room = (1 - left.square().sum(dim=-1)) * (1 - right.square().sum(dim=-1))
    return 2 * (apart / room).clamp(min=LEAST_SQUARE).sqrt().asinh()


def poincare_embeddings(tree: CodeTree, width: int, epochs: int, seed: int) -> np.ndarray:
    """Vectors float32 [M, P] in which a node lies near its parent (Nickel and Kiela, 2017).

    For every node u with parent v, against random nodes N(u):

        loss = -log( exp(-d(u, v)) / sum_{v' in N(u) + v} exp(-d(u, v')) )

    Riemannian gradient descent from near the centre, slow in the first epochs. A function of
    its arguments, on one machine.
    """
    generator = torch.Generator().manual_seed(seed)
    places = torch.empty(len(tree), width).uniform_(-START, START, generator=generator)
    children = torch.from_numpy(np.flatnonzero(tree.parents != NO_PARENT))
    parents = torch.from_numpy(tree.parents)
    for epoch in range(epochs):
        rate = BURN_IN_RATE if epoch < BURN_IN_EPOCHS else RATE
        order = children[torch.randperm(len(children), generator=generator)]
        for nodes in order.split(PAIRS_AT_ONCE):
            others = torch.randint(len(tree), (len(nodes), NEGATIVES), generator=generator)
            gradient = _gradient(places, nodes, parents[nodes], others)
            places = riemannian_step(places, gradient, rate)
    return places.numpy()


def riemannian_step(places: Tensor, gradient: Tensor, rate: float) -> Tensor:
    """One step down a Euclidean gradient, rescaled by the ball's metric; it never leaves the ball.

    x - rate (1 - |x|^2)^2 / 4 gradient
    """
    room = 1 - places.square().sum(dim=-1, keepdim=True)
    moved = places - rate * room.square() / 4 * gradient
    return moved * (LARGEST_NORM / moved.norm(dim=-1, keepdim=True)).clamp(max=1)


def _gradient(places: Tensor, nodes: Tensor, parents: Tensor, others: Tensor) -> Tensor:
    """Of the loss summed over pairs, [M, P]; a negative that is the pair's own counts nothing."""
    places = places.detach().requires_grad_()
    candidates = torch.cat([parents[:, None], others], dim=1)
    distances = poincare_distance(places[nodes][:, None], places[candidates])
    is_own = (others == nodes[:, None]) | (others == parents[:, None])
    scores = torch.cat([-distances[:, :1], -distances[:, 1:] - 1e9 * is_own], dim=1)
    loss = F.cross_entropy(scores, torch.zeros_like(nodes), reduction="sum")
    return torch.autograd.grad(loss, places)[0]
