"""Fitting the linear baselines: what a sparse model that looks for words scores on the same notes.

Axes: D documents, L codes, F n-grams. One binary classifier per code, over the n-grams of the
note's own tokens. Scores are the classifiers' decision values (for the logistic regression the
log-odds, so 0 is probability 0.5), float32 [D, L]. The logistic regression is kept, for it has few
weights; those of the support vector machine, a number for each n-gram and code, are not.

Documents are iterables of token lists; they are read once and may be generators.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.linear_model import LinearModel
from isd_pipeline.text.ngrams import vectorizer_settings

Tokens = Iterable[Sequence[str]]

NEVER_SEEN = -30.0
"""The score of a code without a training document: below every threshold and every seen code."""

FITTING = {"max_iter": 1000, "random_state": 0}
CODES_AT_ONCE = 32
"""Codes handed to a process together: enough to outweigh starting it, few enough to share out."""


@dataclass(frozen=True, kw_only=True)
class LinearConfig:
    """What both baselines share.

    `max_ngram` 2 takes single words and pairs of neighbours; an n-gram must stand in at least
    `min_df` training documents; `max_features` keeps only the most frequent ones, for a corpus
    with too many. `cost` is C, the inverse of the penalty.
    """

    cost: float | int = 1.0
    max_ngram: int = 2
    min_df: int = 2
    max_features: int | None = None

    def __post_init__(self) -> None:
        for name in ("cost", "max_ngram", "min_df"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}={getattr(self, name)} must be above 0")
        if self.max_features is not None and self.max_features <= 0:
            raise ValueError(f"max_features={self.max_features} must be above 0, or null for all")


class FittedLinear(NamedTuple):
    """The scores [D, L] of each set of documents, and the fitted model where it is kept."""

    scores: list[np.ndarray]
    model: LinearModel | None


def logistic_regression(
    train: Tokens,
    gold: sparse.csr_matrix,
    others: Sequence[Tokens],
    config: LinearConfig,
    jobs: int = 1,
) -> FittedLinear:
    """L1-penalised logistic regression on binary n-grams, and its scores of each of `others`.

    `gold` [D, L] says which training document has which code. The penalty keeps the few n-grams
    that name a code and drops the rest, which makes it strong where one word decides.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.linear_model import LogisticRegression

    vectorizer = CountVectorizer(binary=True, dtype=np.float64, **_ngrams(config))
    model = LogisticRegression(l1_ratio=1.0, solver="liblinear", C=config.cost, **FITTING)
    blocks = _one_versus_rest(vectorizer, model, train, gold, others, jobs, keep=True)
    return FittedLinear(
        _scores(blocks, len(others)), _model(blocks, vectorizer.get_feature_names_out())
    )


def linear_svm(
    train: Tokens,
    gold: sparse.csr_matrix,
    others: Sequence[Tokens],
    config: LinearConfig,
    jobs: int = 1,
) -> FittedLinear:
    """Linear support vector machine on TF-IDF n-grams: decision values [D, L] of `others`."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(**_ngrams(config))
    model = LinearSVC(C=config.cost, **FITTING)
    blocks = _one_versus_rest(vectorizer, model, train, gold, others, jobs, keep=False)
    return FittedLinear(_scores(blocks, len(others)), None)


def _ngrams(config: LinearConfig) -> dict[str, Any]:
    return vectorizer_settings(
        longest=config.max_ngram, min_documents=config.min_df, at_most=config.max_features
    )


class _Block(NamedTuple):
    """Some codes' scores of each set of documents, and their weights if these are kept."""

    scores: list[np.ndarray]
    weights: sparse.csr_matrix | None  # [codes, F]
    bias: np.ndarray


def _one_versus_rest(
    vectorizer: Any,
    model: Any,
    train: Tokens,
    gold: sparse.csr_matrix,
    others: Sequence[Tokens],
    jobs: int,
    *,
    keep: bool,
) -> list[_Block]:
    """Fit each code apart, in blocks that `jobs` processes share; no score depends on how many.

    Processes, not threads: liblinear draws from one generator per process, which threads would
    share in an order that no seed controls.
    """
    from sklearn.utils.parallel import Parallel, delayed

    known = vectorizer.fit_transform(_joined(train))
    if known.shape[0] != gold.shape[0]:
        raise ValueError(f"{known.shape[0]} training documents, but codes for {gold.shape[0]}")
    unknown = [vectorizer.transform(_joined(documents)) for documents in others]
    by_code = sparse.csc_matrix(gold)
    fit = delayed(partial(_fit_block, model, keep))
    blocks = [
        by_code[:, start : start + CODES_AT_ONCE]
        for start in range(0, by_code.shape[1], CODES_AT_ONCE)
    ]
    # Not memory-mapped: liblinear wants arrays that it may write to.
    fitted: list[_Block] = Parallel(n_jobs=jobs, max_nbytes=None)(
        fit(known, block, unknown) for block in blocks
    )
    return fitted


def _scores(blocks: list[_Block], sets: int) -> list[np.ndarray]:
    return [np.hstack([block.scores[i] for block in blocks]) for i in range(sets)]


def _model(blocks: list[_Block], ngrams: np.ndarray) -> LinearModel:
    """The n-grams that have a weight for any code."""
    kept = [block.weights for block in blocks if block.weights is not None]
    weights = sparse.vstack(kept).T.tocsr()
    used = np.flatnonzero(np.diff(weights.indptr))
    bias = np.concatenate([block.bias for block in blocks])
    return LinearModel(tuple(ngrams[used].tolist()), weights[used], bias)


def _joined(documents: Tokens) -> Iterator[str]:
    return (" ".join(tokens) for tokens in documents)


def _fit_block(
    model: Any,
    keep: bool,
    known: sparse.csr_matrix,
    gold: sparse.csc_matrix,
    unknown: list[sparse.csr_matrix],
) -> _Block:
    """Some codes, each apart: their scores on each of `unknown`, float32 [D, codes]."""
    scores = [np.empty((x.shape[0], gold.shape[1]), dtype=np.float32) for x in unknown]
    weights, bias = [], np.empty(gold.shape[1])
    for code in range(gold.shape[1]):
        fitted = _fitted(model, known, gold[:, [code]].toarray().ravel().astype(bool))
        for x, out in zip(unknown, scores, strict=True):
            out[:, code] = fitted.decision_function(x)
        bias[code] = fitted.intercept_[0]
        if keep:
            weights.append(sparse.csr_matrix(fitted.coef_))
    return _Block(scores, sparse.vstack(weights) if keep else None, bias)


class _Constant:
    """Stands for the classifier of a code that training documents all lack or all have.

    One that all have scores its log-odds, with half a document added to either side.
    """

    def __init__(self, positive: int, n_ngrams: int) -> None:
        self.coef_ = np.zeros((1, n_ngrams))
        self.intercept_ = np.array([np.log((positive + 0.5) / 0.5) if positive else NEVER_SEEN])

    def decision_function(self, x: sparse.csr_matrix) -> np.ndarray:
        return np.full(x.shape[0], self.intercept_[0])


def _fitted(model: Any, known: sparse.csr_matrix, has_code: np.ndarray) -> Any:
    from sklearn.exceptions import ConvergenceWarning

    if has_code.all() or not has_code.any():
        return _Constant(int(has_code.sum()), known.shape[1])
    with warnings.catch_warnings():
        # A code of few documents may stop at the last iteration; its scores hardly move by then.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(known, has_code)
