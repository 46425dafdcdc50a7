"""L1-penalised logistic regression of one code on binary n-grams, with a free intercept.

    F(w, b) = C sum_i [log(1 + exp(z_i)) - y_i z_i] + sum_j |w_j|        z = X w + b

The intercept b is not penalised. A penalised one is drawn to 0, which is probability 0.5: a note
without a known n-gram would then be given most codes.

Most codes have a handful of positives and need a few dozen of millions of n-grams. So each is
solved on a working set: the n-grams in use and those that violate the condition of optimality,
|C x_j (p - y)| <= 1, at the present weights. On the set, steps of Newton's method are taken, each a
weighted lasso that coordinate descent solves (Friedman et al., 2010). Then the gradient of all
n-grams is looked at again, until the duality gap says that F is near its minimum:

    F(w, b) - F* <= F(w, b) + C sum_i [a_i log a_i + (1 - a_i) log(1 - a_i)]    a_i = s |y_i - p_i|

where s <= 1 makes every |C x_j (p - y)| s at most 1. It holds where sum_i (p_i - y_i) = 0, which
the intercept is set to reach.

Axes: D documents, F n-grams, W n-grams of a working set, G documents told apart.
"""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import expit, xlogy

from isd_pipeline.predictors.newton_lasso import LEAST_CURVATURE, Rows, descend, objective
from isd_pipeline.shapes import Bool, Float, Int

GAP = 1e-3
"""Share of the objective that may be left to gain, by the duality gap."""
STANDS_STILL = 1e-4
"""Share of the objective below which a round on all violations gains too little for another."""
ROUNDS = 100
FIRST, GROWTH = 50, 3
"""At most so many n-grams join a working set, or so many times as are in use."""
FEW = 0.1
"""Share of the documents below which the gradient is summed over their rows alone."""


class Design(NamedTuple):
    """A matrix of ones [D, F] by rows and by columns, and how many documents hold each n-gram."""

    rows: sparse.csr_matrix
    columns: sparse.csc_matrix
    documents: Float[np.ndarray, " F"]

    @classmethod
    def of(cls, x: sparse.csr_matrix) -> "Design":
        """Both ways to read it; the ones themselves are in memory once."""
        columns = x.tocsc()
        columns.data = x.data
        return cls(x, columns, np.diff(columns.indptr).astype(np.float64))


class FittedCode(NamedTuple):
    """The n-grams with a weight, ascending, and what they weigh.

    `gap`: the share of the objective that is at most left to gain.
    """

    ngrams: Int[np.ndarray, " W"]
    weights: Float[np.ndarray, " W"]
    bias: float
    gap: float


def fit_code(design: Design, has_code: Bool[np.ndarray, " D"], cost: float) -> FittedCode:
    """The weights of one code, which some training documents have and others lack.

    Nothing is drawn by chance: the same documents give the same bytes.
    """
    y, share = has_code.astype(np.float64), has_code.mean()
    bias = float(np.log(share / (1 - share)))
    ngrams, weights, scores = np.zeros(0, dtype=np.int64), np.zeros(0), np.full(len(y), bias)
    before, is_whole = np.inf, False
    for _ in range(ROUNDS):
        gradient = cost * _gradient(design, scores, bias, y)
        value = objective(scores, y, np.ones(len(y)), cost, weights)
        gap = _gap(value, expit(scores) - y, gradient, cost)
        if gap <= GAP or (is_whole and before - value <= STANDS_STILL * value):
            break
        before = value
        ngrams, weights, is_whole = _working_set(design, ngrams, weights, gradient)
        x = design.columns[:, ngrams]
        weights, bias = descend(_lumped(x, y), cost, weights, bias)
        scores = x @ weights + bias
        shift = _shift(scores, y)
        scores, bias = scores + shift, bias + shift
    order = np.flatnonzero(weights)[np.argsort(ngrams[weights != 0])]
    return FittedCode(ngrams[order], weights[order], bias, float(gap))


def _gradient(
    design: Design, scores: Float[np.ndarray, " D"], bias: float, y: Float[np.ndarray, " D"]
) -> Float[np.ndarray, " F"]:
    """X^T (p - y). Where few documents differ from the empty note, those alone are summed.

    By columns otherwise: one number for each document fits a cache, one for each n-gram does not.
    """
    rest, at_rest = expit(scores) - y, expit(bias)
    differ = np.flatnonzero((scores != bias) | (y > 0))
    if len(differ) > FEW * len(y):
        gradient: np.ndarray = design.columns.T @ rest
        return gradient
    part = design.rows[differ]
    return at_rest * design.documents + part.T @ (rest[differ] - at_rest)


def _gap(
    value: float,
    rest: Float[np.ndarray, " D"],
    gradient: Float[np.ndarray, " F"],
    cost: float,
) -> float:
    """The duality gap as a share of the objective."""
    a = np.abs(rest) / max(1.0, np.abs(gradient).max(initial=0))
    return float((value + cost * (xlogy(a, a) + xlogy(1 - a, 1 - a)).sum()) / value)


def _working_set(
    design: Design,
    ngrams: Int[np.ndarray, " W"],
    weights: Float[np.ndarray, " W"],
    gradient: Float[np.ndarray, " F"],
) -> tuple[Int[np.ndarray, " W"], Float[np.ndarray, " W"], bool]:
    """The n-grams in use, then those that violate most; and whether all that do are there.

    How much one violates is told by what it would gain, (|g| - 1)^2 over its curvature, which is
    about as large as the number of documents that hold it: rare ones come first, and cost less.
    """
    used = weights != 0
    ngrams, weights = ngrams[used], weights[used]
    wrong = np.setdiff1d(np.flatnonzero(np.abs(gradient) > 1), ngrams)
    at_most = max(FIRST, GROWTH * len(ngrams))
    is_whole = len(wrong) <= at_most
    if not is_whole:
        gain = (np.abs(gradient[wrong]) - 1) / np.sqrt(design.documents[wrong])
        wrong = np.sort(wrong[np.argsort(-gain, kind="stable")[:at_most]])
    return np.append(ngrams, wrong), np.append(weights, np.zeros(len(wrong))), is_whole


def _lumped(x: sparse.csc_matrix, y: Float[np.ndarray, " D"]) -> Rows:
    held = np.flatnonzero(np.bincount(x.indices, minlength=len(y)))
    if len(held) == len(y):
        return Rows(x, y, np.ones(len(y)))
    place = np.zeros(len(y), dtype=x.indices.dtype)
    place[held] = np.arange(len(held))
    shape, others = (len(held) + 1, x.shape[1]), len(y) - len(held)
    lumped = sparse.csc_matrix((x.data, place[x.indices], x.indptr), shape)
    share = max(y.sum() - y[held].sum(), 0.0) / others
    return Rows(lumped, np.append(y[held], share), np.append(np.ones(len(held)), others))


def _shift(scores: Float[np.ndarray, " D"], y: Float[np.ndarray, " D"]) -> float:
    """What the intercept lacks for as many codes to be expected as there are."""
    shift = 0.0
    for _ in range(100):
        p = expit(scores + shift)
        step = np.clip((p - y).sum() / max((p * (1 - p)).sum(), LEAST_CURVATURE), -2, 2)
        shift -= float(step)
        if abs(step) < 1e-13:
            break
    return shift
