"""Newton steps of an L1 regression on a working set: each is a weighted lasso.

The quadratic model of the loss at scores z, with p = expit(z) and h = p (1 - p), is

    C/2 sum_i h_i (u_i - x_i w - b)^2 + sum_j |w_j|        u = z + (y - p) / h

which coordinate descent solves (Friedman et al., 2010), here that of scikit-learn. What it costs is
the numbers that it looks at. Three things keep them few:

- The intercept is a column, not taken out of all others: to centre a sparse matrix makes each look
  at an n-gram one at all documents. The column is so large that its weight costs next to nothing,
  and stands before every few n-grams, for frequent n-grams and the intercept move together.
- An n-gram that most documents hold is exchanged for its lack: w x + b = -w (1 - x) + (b + w).
- The lasso is solved in single precision. Whether a step is taken, and how far, is seen in double.

Axes: W n-grams of a working set, G documents told apart.
"""

import warnings
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import expit

from isd_pipeline.shapes import Bool, Float

STEPS = 6
SWEEPS = 10, 100
WORK = 20_000_000
"""Sweeps of a step: the fewest, or more that look at so many numbers together, for then they cost
less than the gradient of all n-grams that follows the steps."""
LITTLE = 3e-4
"""Share of the objective below which a step of the fewest sweeps gains too little for another."""
EVERY = 32
"""So many n-grams stand behind each column of the intercept."""
LEVEL = 1e3
"""The number in these columns: |b| / 1000 is what the intercept is charged."""
LEAST_CURVATURE = 1e-6


class Rows(NamedTuple):
    """Documents told apart by a working set [G, W]: those that hold none of it are one row.

    `y`: which share of a row's documents has the code. `times`: how many these are.
    """

    x: sparse.csc_matrix
    y: Float[np.ndarray, " G"]
    times: Float[np.ndarray, " G"]


class Columns(NamedTuple):
    """What the lasso reads: n-grams or their lack, and the intercept now and then.

    `ngram`: which one a column is of, -1 for the intercept. `is_lack` [W]: of each n-gram.
    """

    x: sparse.csc_matrix
    ngram: np.ndarray
    is_lack: Bool[np.ndarray, " W"]


def objective(
    scores: Float[np.ndarray, " G"],
    y: Float[np.ndarray, " G"],
    times: Float[np.ndarray, " G"],
    cost: float,
    weights: Float[np.ndarray, " W"],
) -> float:
    """C sum_i t_i [log(1 + exp(z_i)) - y_i z_i] + sum_j |w_j|."""
    losses = np.logaddexp(0, scores) - y * scores
    return float(cost * (times @ losses) + np.abs(weights).sum())


def descend(
    rows: Rows, cost: float, weights: Float[np.ndarray, " W"], bias: float
) -> tuple[Float[np.ndarray, " W"], float]:
    """Newton steps on a working set; each is halved until the objective does not rise."""
    x, y, times = rows
    columns, scores = _columns(x), x @ weights + bias
    sweeps = int(np.clip(WORK // columns.x.nnz, *SWEEPS))
    value = objective(scores, y, times, cost, weights)
    for _ in range(STEPS):
        towards, level = _newton(columns, rows, cost, weights, bias, scores, sweeps)
        step, change = towards - weights, level - bias
        by = x @ step + change
        for length in 0.5 ** np.arange(20):
            tried = weights + length * step
            found = objective(scores + length * by, y, times, cost, tried)
            if found <= value:
                break
        else:
            break
        weights, bias, scores = tried, bias + length * change, scores + length * by
        before, value = value, found
        if before - value <= LITTLE * SWEEPS[0] / sweeps * value:
            break
    return weights, bias


def _columns(x: sparse.csc_matrix) -> Columns:
    documents = x.shape[0]
    all_documents = np.arange(documents, dtype=x.indices.dtype)
    is_lack = np.diff(x.indptr) > documents / 2
    held, number = [], []
    for n, (begin, end) in enumerate(pairwise(x.indptr)):
        if n % EVERY == 0:
            held.append(all_documents)
            number.append(-1)
        some = x.indices[begin:end]
        held.append(np.delete(all_documents, some) if is_lack[n] else some)
        number.append(n)
    lengths, of = np.array([len(some) for some in held]), np.array(number)
    ones = np.repeat(np.where(of < 0, LEVEL, 1).astype(np.float32), lengths)
    parts = (ones, np.concatenate(held), np.append(0, np.cumsum(lengths)))
    return Columns(sparse.csc_matrix(parts, (documents, len(of))), of, is_lack)


def _newton(
    columns: Columns,
    rows: Rows,
    cost: float,
    weights: Float[np.ndarray, " W"],
    bias: float,
    scores: Float[np.ndarray, " G"],
    sweeps: int,
) -> tuple[Float[np.ndarray, " W"], float]:
    """Where the quadratic model of the loss, with the penalty, is least, or nearly."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import Lasso

    x, ngram, is_lack = columns
    p = expit(scores)
    curvature = np.maximum(p * (1 - p), LEAST_CURVATURE)
    root = np.sqrt(rows.times * curvature)
    response = root * (scores + (rows.y - p) / curvature)
    weighted = sparse.csc_matrix(
        (x.data * root.astype(np.float32)[x.indices], x.indices, x.indptr), x.shape
    )
    settings = {"fit_intercept": False, "max_iter": sweeps, "tol": 1e-12, "warm_start": True}
    lasso = Lasso(alpha=1 / (cost * len(root)), **settings)
    sign, is_level = np.where(is_lack, -1.0, 1.0), ngram < 0
    start = np.where(is_level, 0, (sign * weights)[ngram])
    start[0] = (bias + weights[is_lack].sum()) / LEVEL
    lasso.coef_ = start.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the next step goes on
        lasso.fit(weighted, response.astype(np.float32), check_input=False)
    found = lasso.coef_.astype(np.float64)
    towards = np.empty(len(weights))
    towards[ngram[~is_level]] = found[~is_level]
    towards *= sign
    return towards, float(LEVEL * found[is_level].sum() - towards[is_lack].sum())
