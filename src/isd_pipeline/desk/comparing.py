"""Two bundles on the same notes: does the one that was trained anew code better.

Axes: D held-out notes, L codes that a bundle or a note has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from isd_pipeline.coding.coder import Coder
from isd_pipeline.desk.learning import Reviewed
from isd_pipeline.evaluation.resampling import bootstrap_run
from isd_pipeline.evaluation.significance import ComparedRun, Difference, compare

REPLICATES = 1000
NEVER = -1e4  # log-odds of a code that a bundle does not have
SHOWN = {  # metrics by what they are called in the report
    "f1_micro_tuned": "micro F1",
    "f1_macro_per_code_present_tuned": "macro F1, codes present",
    "map": "MAP",
    "p_at_5": "precision of the first 5",
}
LEADING = "f1_micro_tuned"


def compared(before: Coder, after: Coder, notes: Sequence[Reviewed]) -> dict[str, Any]:
    """By metric both values, their difference, its 95 % interval and p value.

    Each bundle suggests from its own tuned threshold on. Codes are those that either bundle or
    any of the notes has; a code that a bundle lacks is never suggested by it.
    """
    of_notes = {code for one in notes for code in one.codes}
    codes = sorted({*before.bundle.codes.codes, *after.bundle.codes.codes, *of_notes})
    position = {code: n for n, code in enumerate(codes)}
    gold = sparse.lil_matrix((len(notes), len(codes)), dtype=bool)
    for row, one in enumerate(notes):
        gold[row, [position[code] for code in one.codes]] = True
    runs = {}
    for name, coder in (("before", before), ("after", after)):
        scores = _scores(coder, notes, position)
        tuned = coder.bundle.threshold_tuned
        resampled = bootstrap_run(gold.tocsr(), scores, tuned=tuned, replicates=REPLICATES)
        runs[name] = ComparedRun.of(gold.tocsr(), scores, tuned, resampled)
    found = compare([runs["after"]], [runs["before"]], draws=REPLICATES)
    metrics = {name: _told(name, runs, found[name]) for name in SHOWN if name in found}
    return {
        "notes": len(notes),
        "codes_of_notes": len(of_notes),
        "codes_not_met": {
            name: len(of_notes - _met(coder))
            for name, coder in (("before", before), ("after", after))
        },
        "metrics": metrics,
        "verdict": verdict(metrics[LEADING]),
    }


def verdict(leading: Mapping[str, float]) -> str:
    """What the leading metric's interval says."""
    if leading["low"] > 0:
        return "better"
    return "worse" if leading["high"] < 0 else "no difference shown"


def _met(coder: Coder) -> set[str]:
    """The codes that some training note of a bundle has."""
    counted = zip(coder.bundle.codes.codes, coder.bundle.training_counts, strict=True)
    return {code for code, count in counted if count}


def _told(name: str, runs: Mapping[str, ComparedRun], found: Difference) -> dict[str, float]:
    values = {side: run.resampled.observed[name] for side, run in runs.items()}
    return values | found._asdict()


def _scores(coder: Coder, notes: Sequence[Reviewed], position: Mapping[str, int]) -> np.ndarray:
    """Log-odds, float32 [D, L]; of a note that cannot be read nothing is suggested."""
    columns = [position[code] for code in coder.bundle.codes.codes]
    scores = np.full((len(notes), len(position)), NEVER, dtype=np.float32)
    for row, words in enumerate(coder.words([one.note for one in notes])):
        if words.problem is None:
            scores[row, columns] = coder.read(words, False).scores
    return scores
