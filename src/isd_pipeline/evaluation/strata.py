"""Where a model is good: the metrics by how often a code occurs in training, and code by code.

The paper's claim is the long tail, and micro F1 hardly sees it: most occurrences are of few codes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from isd_pipeline.evaluation.metrics import CodeCounts, f1_per_code, macro_caml, micro
from isd_pipeline.shapes import Int

# Documents of the training split that have the code: name, fewest, most.
FREQUENCIES: tuple[tuple[str, int, float], ...] = (
    (">500", 501, np.inf),
    ("101-500", 101, 500),
    ("51-100", 51, 100),
    ("11-50", 11, 50),
    ("1-10", 1, 10),
    ("unseen", 0, 0),
)


def by_frequency(
    counts: CodeCounts, train_frequency: Int[np.ndarray, " L"]
) -> list[dict[str, Any]]:
    """The metrics within each stratum of training frequency: one dict a stratum, frequent first.

    stratum, codes, codes_present (with a positive in this split), gold (occurrences in it),
    predicted; f1_micro over all the stratum's codes; f1_macro_caml_present and
    f1_macro_per_code_present over those present. The three are None where no code is present:
    no prediction could have been right. `counts` come from `metrics.per_code`.
    """
    _check_same_length(counts, train_frequency)
    return [
        {
            "stratum": name,
            **_within(counts.only((train_frequency >= fewest) & (train_frequency <= most))),
        }
        for name, fewest, most in FREQUENCIES
    ]


def _within(counts: CodeCounts) -> dict[str, Any]:
    present = counts.present
    some = len(present.tp) > 0
    return {
        "codes": len(counts.tp),
        "codes_present": len(present.tp),
        "gold": int(counts.true.sum()),
        "predicted": int(counts.predicted.sum()),
        "f1_micro": micro(counts)[2] if some else None,
        "f1_macro_caml_present": macro_caml(present)[2] if some else None,
        "f1_macro_per_code_present": float(f1_per_code(present).mean()) if some else None,
    }


def code_table(
    codes: Sequence[str],
    titles: Sequence[str],
    counts: CodeCounts,
    train_frequency: Int[np.ndarray, " L"],
) -> pd.DataFrame:
    """One row per code, in the order of the codes.

    code, title, train (documents in training), gold, predicted, tp, precision, recall, f1.
    """
    _check_same_length(counts, train_frequency)
    return pd.DataFrame(
        {
            "code": pd.Series(codes, dtype="str"),
            "title": pd.Series(titles, dtype="str"),
            "train": train_frequency,
            "gold": counts.true,
            "predicted": counts.predicted,
            "tp": counts.tp,
            "precision": counts.tp / np.maximum(counts.predicted, 1),
            "recall": counts.tp / np.maximum(counts.true, 1),
            "f1": f1_per_code(counts),
        }
    )


def compare_codes(a: Sequence[pd.DataFrame], b: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """On which codes `a` beats `b`: best for `a` first; only codes present in gold.

    Each is one `code_table` per seed, of the same documents; F1 is the mean over seeds. Columns:
    code, title, train, gold, f1_a, f1_b, difference, weight = gold x difference, by which the rows
    are ordered: without it a code of a single document, right once by luck, would lead.
    """
    rows = a[0][["code", "title", "train", "gold"]].assign(
        f1_a=_mean_f1(a, a[0]), f1_b=_mean_f1(b, a[0])
    )
    rows["difference"] = rows["f1_a"] - rows["f1_b"]
    rows["weight"] = rows["gold"] * rows["difference"]
    rows = rows[rows["gold"] > 0]
    return rows.sort_values(["weight", "code"], ascending=[False, True], ignore_index=True)


def _mean_f1(tables: Sequence[pd.DataFrame], like: pd.DataFrame) -> np.ndarray:
    for table in tables:
        same = table[["code", "gold"]].reset_index(drop=True)
        if not same.equals(like[["code", "gold"]].reset_index(drop=True)):
            raise ValueError(
                "the tables to compare are not of the same codes and documents; "
                "evaluate the experiments on one cohort again"
            )
    return np.mean([table["f1"].to_numpy() for table in tables], axis=0)


def _check_same_length(counts: CodeCounts, train_frequency: np.ndarray) -> None:
    if len(counts.true) != len(train_frequency):
        raise ValueError(
            f"counts of {len(counts.true)} codes, but training frequencies of "
            f"{len(train_frequency)}: they are of different cohorts"
        )
