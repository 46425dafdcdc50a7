"""Fitting the linear baselines: what a sparse model that looks for words scores on the same notes.

Axes: D documents, L codes, F n-grams. One binary classifier per code, over the n-grams of the
note's own tokens. Scores are the classifiers' decision values (for the logistic regression the
log-odds, so 0 is probability 0.5), float32 [D, L]. The logistic regression is kept, for it has few
weights; those of the support vector machine, a number for each n-gram and code, are not.

Documents are iterables of token lists; they are read once and may be generators.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.kept_blocks import Arrays, identity, kept
from isd_pipeline.predictors.l1_logistic import GAP, Design, FittedCode, fit_code
from isd_pipeline.predictors.linear_model import LinearModel
from isd_pipeline.text.ngrams import vectorizer_settings

logger = logging.getLogger(__name__)
Tokens = Iterable[Sequence[str]]

NEVER_SEEN = -30.0
"""The score of a code without a training document: below every threshold and every seen code."""

FITTING = {"max_iter": 1000, "random_state": 0}
DOCUMENTS_AT_ONCE = 512
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
    """The scores [D, L] of each set of documents, and the fitted model where it is kept.

    `scratch` has the blocks of codes that a killed fit would go on from.
    """

    scores: list[np.ndarray]
    model: LinearModel | None
    scratch: Path | None = None


def logistic_regression(
    train: Tokens,
    gold: sparse.csr_matrix,
    others: Sequence[Tokens],
    config: LinearConfig,
    jobs: int = 1,
    folder_of: Callable[[str], Path | None] = lambda digest: None,
) -> FittedLinear:
    """L1-penalised logistic regression on binary n-grams, and its scores of each of `others`.

    `gold` [D, L] says which training document has which code. The penalty keeps the few n-grams
    that name a code and drops the rest, which makes it strong where one word decides. A note
    without any of them has the code's log-odds in training, or less where the n-grams in use speak
    for it.

    Blocks of codes are kept in the folder that `folder_of` gives for a digest of matrix, codes and
    settings, if it gives one, and read from there if they are there already.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.utils.parallel import Parallel, delayed

    vectorizer = CountVectorizer(binary=True, dtype=np.float64, **_ngrams(config))
    known = vectorizer.fit_transform(_joined(train))
    _refuse_unequal(known, gold)
    by_code, design = sparse.csc_matrix(gold, dtype=bool), Design.of(known)
    by_code.eliminate_zeros()
    folder = folder_of(_identity(known, by_code, config))
    fit = delayed(partial(_kept_block, folder, float(config.cost)))
    blocks = Parallel(n_jobs=jobs)(
        fit(design, by_code[:, start : start + CODES_AT_ONCE], f"block-{start:06d}")
        for start in range(0, by_code.shape[1], CODES_AT_ONCE)
    )
    weights, bias = _joined_blocks(blocks, known.shape[1])
    unknown = [vectorizer.transform(_joined(documents)) for documents in others]
    scores = [_decisions(x, weights, bias) for x in unknown]
    ngrams, used = vectorizer.get_feature_names_out(), np.flatnonzero(np.diff(weights.indptr))
    model = LinearModel(tuple(ngrams[used].tolist()), weights[used], bias)
    return FittedLinear(scores, model, folder)


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
    blocks = _one_versus_rest(vectorizer, model, train, gold, others, jobs)
    scores = [np.hstack([block[i] for block in blocks]) for i in range(len(others))]
    return FittedLinear(scores, None)


def _ngrams(config: LinearConfig) -> dict[str, Any]:
    return vectorizer_settings(
        longest=config.max_ngram, min_documents=config.min_df, at_most=config.max_features
    )


def _refuse_unequal(known: sparse.csr_matrix, gold: sparse.csr_matrix) -> None:
    if known.shape[0] != gold.shape[0]:
        raise ValueError(f"{known.shape[0]} training documents, but codes for {gold.shape[0]}")


def _identity(known: sparse.csr_matrix, by_code: sparse.csc_matrix, config: LinearConfig) -> str:
    """A digest of all that weights are made of, and of how codes are parted into blocks."""
    shapes = f"{known.shape} {by_code.shape} {CODES_AT_ONCE} {float(config.cost)!r}"
    matrices = (known.indptr, known.indices, by_code.indptr, by_code.indices)
    return identity(shapes, *(part.astype(np.int64) for part in matrices))


def _kept_block(
    folder: Path | None, cost: float, design: Design, gold: sparse.csc_matrix, name: str
) -> Arrays:
    return kept(folder, name, partial(_fit_logistic, design, gold, cost))


def _fit_logistic(design: Design, gold: sparse.csc_matrix, cost: float) -> Arrays:
    """Some codes, each apart: n-grams and weights of all after each other, biases, gaps."""
    fits = [_logistic(design, gold[:, [n]].indices, cost) for n in range(gold.shape[1])]
    return {
        "ngrams": np.concatenate([fit.ngrams for fit in fits]),
        "weights": np.concatenate([fit.weights for fit in fits]),
        "starts": np.cumsum([0, *(len(fit.ngrams) for fit in fits)]),
        "bias": np.array([fit.bias for fit in fits]),
        "gap": np.array([fit.gap for fit in fits]),
    }


def _logistic(design: Design, with_code: np.ndarray, cost: float) -> FittedCode:
    has_code = np.zeros(design.rows.shape[0], dtype=bool)
    has_code[with_code] = True
    if has_code.all() or not has_code.any():
        bias = _constant(len(with_code))
        return FittedCode(np.zeros(0, dtype=np.int64), np.zeros(0), bias, 0.0)
    return fit_code(design, has_code, cost)


def _constant(positive: int) -> float:
    """The score of a code that training documents all lack or all have.

    One that all have scores its log-odds, with half a document added to either side.
    """
    return float(np.log((positive + 0.5) / 0.5)) if positive else NEVER_SEEN


def _joined_blocks(blocks: Sequence[Arrays], n_ngrams: int) -> tuple[sparse.csr_matrix, np.ndarray]:
    """The weights [F, L] and biases [L] of all codes; says how near their minimum they are."""
    ngrams, weights, bias, gaps = (
        np.concatenate([block[name] for block in blocks])
        for name in ("ngrams", "weights", "bias", "gap")
    )
    lengths = np.concatenate([np.diff(block["starts"]) for block in blocks])
    logger.info(
        "%d codes; the objective of %d is proven to be within %g of its minimum, "
        "the widest gap is %.2g",
        *(len(gaps), (gaps <= GAP).sum(), GAP, gaps.max(initial=0)),
    )
    of_codes = (weights, ngrams, np.cumsum([0, *lengths]))
    by_code = sparse.csr_matrix(of_codes, (len(gaps), n_ngrams))
    return by_code.T.tocsr(), bias


def _decisions(x: sparse.csr_matrix, weights: sparse.csr_matrix, bias: np.ndarray) -> np.ndarray:
    """Scores float32 [D, L], a few documents at a time."""
    scores = np.empty((x.shape[0], len(bias)), dtype=np.float32)
    for start in range(0, x.shape[0], DOCUMENTS_AT_ONCE):
        rows = slice(start, start + DOCUMENTS_AT_ONCE)
        scores[rows] = (x[rows] @ weights).toarray() + bias
    return scores


def _one_versus_rest(
    vectorizer: Any,
    model: Any,
    train: Tokens,
    gold: sparse.csr_matrix,
    others: Sequence[Tokens],
    jobs: int,
) -> list[list[np.ndarray]]:
    """Fit each code apart, in blocks that `jobs` processes share; no score depends on how many.

    Processes, not threads: liblinear draws from one generator per process, which threads would
    share in an order that no seed controls.
    """
    from sklearn.utils.parallel import Parallel, delayed

    known = vectorizer.fit_transform(_joined(train))
    _refuse_unequal(known, gold)
    unknown = [vectorizer.transform(_joined(documents)) for documents in others]
    by_code = sparse.csc_matrix(gold)
    fit = delayed(partial(_fit_block, model))
    blocks = [
        by_code[:, start : start + CODES_AT_ONCE]
        for start in range(0, by_code.shape[1], CODES_AT_ONCE)
    ]
    # Not memory-mapped: liblinear wants arrays that it may write to.
    fitted: list[list[np.ndarray]] = Parallel(n_jobs=jobs, max_nbytes=None)(
        fit(known, block, unknown) for block in blocks
    )
    return fitted


def _joined(documents: Tokens) -> Iterator[str]:
    return (" ".join(tokens) for tokens in documents)


def _fit_block(
    model: Any,
    known: sparse.csr_matrix,
    gold: sparse.csc_matrix,
    unknown: list[sparse.csr_matrix],
) -> list[np.ndarray]:
    """Some codes, each apart: their scores on each of `unknown`, float32 [D, codes]."""
    scores = [np.empty((x.shape[0], gold.shape[1]), dtype=np.float32) for x in unknown]
    for code in range(gold.shape[1]):
        has_code = gold[:, [code]].toarray().ravel().astype(bool)
        fitted = _fitted(model, known, has_code)
        for x, out in zip(unknown, scores, strict=True):
            is_constant = isinstance(fitted, float)
            out[:, code] = fitted if is_constant else fitted.decision_function(x)
    return scores


def _fitted(model: Any, known: sparse.csr_matrix, has_code: np.ndarray) -> Any:
    """The fitted classifier of a code, or the one score that all notes have."""
    from sklearn.exceptions import ConvergenceWarning

    if has_code.all() or not has_code.any():
        return _constant(int(has_code.sum()))
    with warnings.catch_warnings():
        # A code of few documents may stop at the last iteration; its scores hardly move by then.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(known, has_code)
