"""The figures by which CodiEsp and CANTEMIST-CODING rank systems: MAP, micro precision, recall, F1.

Axes: D documents, L codes. `known` [L] says which codes a document of the training split has.

A task's scorer compares each document's ranked list of codes with its gold codes. Its MAP is the
mean over documents of

    sum over the ranks k at which a gold code stands of (gold codes up to k) / k
    ---------------------------------------------------------------------------
                         number of gold codes of the document

It reads the first 1,000 codes of a list. A code repeated in it counts once, letter case is
ignored, and a code outside the task's list of valid codes takes no place. The other figures pool
the cells that are given. Sources: Miranda-Escalada et al., CLEF eHealth 2020 (CodiEsp); the same,
IberLEF 2020 (CANTEMIST); the scorers that the organisers published with both tasks.

Our scores become a list so: codes that no training document has are never given, for the lists of
valid codes are not in the archives; gold codes of that kind stay, as misses. The known codes are
ranked by score, ties by the lower index, and given above one threshold, tuned on the dev split.
"""

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from isd_pipeline.evaluation.cells import Gold, checked, rows_of
from isd_pipeline.evaluation.metrics import gold_ranks
from isd_pipeline.evaluation.resampling import Bootstrap, bootstrap
from isd_pipeline.evaluation.thresholds import tune_threshold
from isd_pipeline.evaluation.weighted import Predictions
from isd_pipeline.shapes import Bool, Float

TASKS = ("codiesp_diagnoses", "codiesp_procedures", "cantemist_coding")
METASTASIS = "8000/6"  # CANTEMIST's most frequent code; figures are given without it as well
NAMES = {  # of a figure, and of the same number among the metrics of `Predictions`
    "official_map": "map",
    "official_f1": "f1_micro",
    "official_precision": "precision_micro",
    "official_recall": "recall_micro",
}
DEPTH = 1000  # codes of a document's list that the scorers read


def official_metrics(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    known: Bool[np.ndarray, " L"],
    *,
    threshold: float,
    depth: int = DEPTH,
) -> dict[str, float]:
    """`NAMES` of these documents: official_map, official_f1, official_precision, official_recall.

    Raises ValueError as `official_predictions` does.
    """
    run = official_predictions(gold, scores, known, threshold=threshold, depth=depth)
    found = run.metrics(np.ones((1, len(run)), dtype=np.int32))
    return {called: float(found[name][0]) for called, name in NAMES.items()}


def official_predictions(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    known: Bool[np.ndarray, " L"],
    *,
    threshold: float,
    depth: int = DEPTH,
) -> Predictions:
    """What a scorer sees of each document, for bootstraps and tests.

    Raises ValueError if shapes differ, a score is NaN, or a document has no gold code: the tasks'
    gold files do not list such a document, so it is none of the task's.
    """
    gold = checked(gold, scores)
    if bare := np.flatnonzero(np.diff(gold.indptr) == 0).tolist():
        raise ValueError(
            f"document {bare[0]} of {gold.shape[0]} has no gold code, and the official figures are "
            "of documents that have one; leave it out of the cohort"
        )
    precisions = average_precisions(gold, scores, known, depth=depth)
    counted = gold.astype(np.int32).tocsr()
    given = sparse.csr_matrix((scores > threshold) & known).astype(np.int32).tocsr()
    return Predictions(counted.multiply(given).tocsr(), given, counted, {"map": precisions})


def average_precisions(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    known: Bool[np.ndarray, " L"],
    *,
    depth: int = DEPTH,
) -> Float[np.ndarray, " D"]:
    """Of the ranked known codes of each document, which has a gold code; its unknown are misses."""
    reached, ranked = _of_known(gold, scores, known)
    ranks, document = gold_ranks(reached, ranked), rows_of(reached)
    nth = np.arange(len(ranks)) - reached.indptr[document] + 1
    precisions = np.where(ranks <= depth, nth / ranks, 0.0)
    total = np.bincount(document, weights=precisions, minlength=gold.shape[0])
    return total / np.diff(gold.indptr)


def tune_official_threshold(
    gold: Gold, scores: Float[np.ndarray, "D L"], known: Bool[np.ndarray, " L"]
) -> float:
    """The threshold with the highest official F1 on these documents, the dev split's."""
    gold = checked(gold, scores)
    reached, ranked = _of_known(gold, scores, known)
    return tune_threshold(reached, ranked, missed=gold.nnz - reached.nnz)


def official_figures(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    known: Bool[np.ndarray, " L"],
    *,
    threshold: float,
    codes: Sequence[str],
    task: str,
) -> dict[str, float]:
    """All that a run records of its task: `official_metrics`, the threshold, and without 8000/6.

    The last of CANTEMIST alone, under names that end in `_without_metastasis`: the code is taken
    out of lists and gold, and a document that has no other gold code with it.
    """
    found = official_metrics(gold, scores, known, threshold=threshold)
    if task == "cantemist_coding" and METASTASIS in codes:
        kept = np.flatnonzero(np.asarray(codes) != METASTASIS)
        other = gold.tocsr()[:, kept]
        rows = np.flatnonzero(np.diff(other.indptr))
        rest = other[rows], scores[np.ix_(rows, kept)], known[kept]
        without = official_metrics(*rest, threshold=threshold)
        found |= {f"{name}_without_metastasis": value for name, value in without.items()}
    return {**found, "official_threshold": float(threshold)}


def with_official(resampled: Bootstrap, run: Predictions) -> Bootstrap:
    """The bootstrap of a run with its official figures among the metrics, over the same draws."""
    _, replicates, seed = resampled.sampling
    found = bootstrap(run, replicates=replicates, seed=seed)
    return Bootstrap(
        resampled.sampling,
        resampled.observed | {called: found.observed[name] for called, name in NAMES.items()},
        resampled.replicates | {called: found.replicates[name] for called, name in NAMES.items()},
    )


def known_codes(train: Gold) -> Bool[np.ndarray, " L"]:
    """The codes that a document of the training split has, by its gold codes [D, L]."""
    return np.bincount(train.indices, minlength=train.shape[1]) > 0


def _of_known(gold: Gold, scores: np.ndarray, known: np.ndarray) -> tuple[Gold, np.ndarray]:
    if known.shape != scores.shape[1:] or not known.any():
        raise ValueError(
            f"known is {known.shape} with {int(known.sum())} codes of the training split, scores "
            f"are {scores.shape}: say of each code whether the split has it, and one at least"
        )
    columns = np.flatnonzero(known)
    return gold[:, columns], np.ascontiguousarray(scores[:, columns])
