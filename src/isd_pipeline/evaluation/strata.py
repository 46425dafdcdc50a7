"""Where a model is good: the metrics within groups of codes, within groups of documents, by code.

Axes: D documents, L codes.

The paper's claim is the long tail, and micro F1 hardly sees it: most occurrences are of few codes.
Every table is a list of dicts, one a group. Where nothing could have been predicted rightly, since
the group has no true code, a metric is None and not 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from isd_pipeline.data.codes import icd
from isd_pipeline.data.custom.tree import CustomTree
from isd_pipeline.evaluation import metrics
from isd_pipeline.evaluation.cells import Gold, checked
from isd_pipeline.shapes import Bool, Float, Int

Bounds = tuple[tuple[str, int, float], ...]  # name, fewest, most

# Documents of the training split that have the code.
FREQUENCIES: Bounds = (
    (">500", 501, np.inf), ("101-500", 101, 500), ("51-100", 51, 100), ("11-50", 11, 50),
    ("1-10", 1, 10), ("unseen", 0, 0),
)  # fmt: skip

# Words of the document, before truncation.
LENGTHS: Bounds = (
    ("<500", 0, 499), ("500-999", 500, 999), ("1,000-1,999", 1000, 1999),
    ("2,000-3,999", 2000, 3999), ("4,000+", 4000, np.inf),
)  # fmt: skip

# Codes that the document truly has.
CODES_OF_DOCUMENT: Bounds = (
    ("none", 0, 0), ("1-4", 1, 4), ("5-9", 5, 9), ("10-14", 10, 14), ("15-19", 15, 19),
    ("20+", 20, np.inf),
)  # fmt: skip

OF_NO_CHAPTER = "below nothing"  # codes of a user's own system without parent or child

OF_DOCUMENTS = (
    *("codes_present", "gold_per_document", "predicted_per_document"),
    *("precision_micro", "recall_micro", "f1_micro", "f1_macro_per_code_present"),
)


def all_strata(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    *,
    threshold: float,
    train_frequency: Int[np.ndarray, " L"],
    codes: Sequence[str],
    systems: Sequence[icd.System],
    lengths: Int[np.ndarray, " D"],
    own: CustomTree | None = None,
) -> dict[str, list[dict[str, Any]]]:
    """Every table of strata of one run at one threshold, by what it is split by.

    Codes, systems and `own` are a `CodeIndex`'s.
    """
    gold = checked(gold, scores)
    counts = metrics.per_code(gold, scores, threshold)
    of_codes = groups_of_codes(train_frequency, codes, systems, own)
    of_documents = groups_of_documents(gold, lengths)
    return {
        **{kind: within_codes(counts, groups) for kind, groups in of_codes.items()},
        **{
            kind: within_documents(gold, scores, groups, threshold=threshold)
            for kind, groups in of_documents.items()
        },
    }


def groups_of_codes(
    train_frequency: Int[np.ndarray, " L"],
    codes: Sequence[str],
    systems: Sequence[icd.System],
    own: CustomTree | None = None,
) -> dict[str, dict[str, Bool[np.ndarray, " L"]]]:
    """By how many training documents have the code, by chapter, by diagnosis or procedure.

    No group by chapter where none is known.
    """
    chapters, numbers = chapters_of(codes, systems, own), np.arange(len(codes))
    both: tuple[str, ...] = (icd.DIAGNOSIS, icd.PROCEDURE)
    return {
        "frequency": bounded(train_frequency, FREQUENCIES),
        "chapter": {name: np.isin(numbers, of) for name, of in chapters.items()},
        "system": {system: np.array(systems) == system for system in both},
    }


def groups_of_documents(
    gold: Gold, lengths: Int[np.ndarray, " D"]
) -> dict[str, dict[str, Bool[np.ndarray, " D"]]]:
    """By the words of the document, before truncation, and by how many codes it truly has."""
    return {
        "length": bounded(lengths, LENGTHS),
        "number_of_codes": bounded(np.diff(gold.indptr), CODES_OF_DOCUMENT),
    }


def revision_of(codes: Sequence[str], systems: Sequence[icd.System]) -> icd.Revision:
    """ICD-9 if a quarter of the diagnoses begin with a digit: none does in ICD-10-CM.

    Where there are procedures alone, ICD-9 if one of them has a dot: none has in ICD-10-PCS.
    """
    pairs = zip(codes, systems, strict=True)
    diagnoses = [code for code, system in pairs if system == icd.DIAGNOSIS]
    if not diagnoses:
        return "icd9" if any("." in code for code in codes) else "icd10"
    return "icd9" if 4 * sum(code[:1].isdigit() for code in diagnoses) > len(diagnoses) else "icd10"


def chapters_of(
    codes: Sequence[str], systems: Sequence[icd.System], own: CustomTree | None = None
) -> dict[str, list[int]]:
    """The codes of each chapter, by their numbers: chapters of diagnoses, then of procedures.

    Codes, systems and `own` are a `CodeIndex`'s. A code that has not the shape of its revision is
    in "unknown". Of ICD-10-PCS, which has no chapters, the sections count as such. In the label
    space `caml` procedures have lost their leading zeros: some are counted in the chapter of what
    is left. A code of a user's own system is in the chapter of what stands topmost above it, and
    in OF_NO_CHAPTER where nothing does; where the table has no parents, in none at all.
    """
    rest = [n for n, code in enumerate(codes) if own is None or code not in own]
    revision = revision_of([codes[n] for n in rest], [systems[n] for n in rest])
    found: dict[str, list[int]] = {}
    for n in np.argsort(np.array(systems), kind="stable").tolist():
        if own is not None and codes[n] in own:
            name = (own.chapter(codes[n]) or OF_NO_CHAPTER) if own.uppers else None
        else:
            name = _chapter(codes[n], systems[n], revision)
        if name is not None:
            found.setdefault(name, []).append(n)
    return found


def _chapter(code: str, system: icd.System, revision: icd.Revision) -> str:
    if revision == "icd9":
        return icd.icd9_chapter(code, system)
    return icd.icd10_section(code) if system == icd.PROCEDURE else icd.icd10_chapter(code)


def within_codes(
    counts: metrics.CodeCounts, groups: Mapping[str, Bool[np.ndarray, " L"]]
) -> list[dict[str, Any]]:
    """The metrics within groups of codes, from the counts of `metrics.per_code`.

    stratum, codes, codes_present (with a positive in this split), gold (occurrences in it),
    predicted; f1_micro over all the group's codes; f1_macro_caml_present and
    f1_macro_per_code_present over those present.
    """
    for name, codes in groups.items():
        _check_same_length(counts, codes, f"the group {name}")
    return [{"stratum": name, **_within(counts.only(codes))} for name, codes in groups.items()]


def _within(counts: metrics.CodeCounts) -> dict[str, Any]:
    present = counts.present
    some = len(present.tp) > 0
    return {
        "codes": len(counts.tp),
        "codes_present": len(present.tp),
        "gold": int(counts.true.sum()),
        "predicted": int(counts.predicted.sum()),
        "f1_micro": metrics.micro(counts)[2] if some else None,
        "f1_macro_caml_present": metrics.macro_caml(present)[2] if some else None,
        "f1_macro_per_code_present": float(metrics.f1_per_code(present).mean()) if some else None,
    }


def within_documents(
    gold: Gold,
    scores: Float[np.ndarray, "D L"],
    groups: Mapping[str, Bool[np.ndarray, " D"]],
    *,
    threshold: float = 0.0,
    k: int = 8,
) -> list[dict[str, Any]]:
    """The metrics within groups of documents, each as if there were no others.

    stratum, documents; OF_DOCUMENTS and p_at_k by the names of `metrics.all_metrics`.
    """
    return [
        {
            "stratum": name,
            "documents": int(rows.sum()),
            **_of_documents(gold[rows], scores[rows], threshold, k),
        }
        for name, rows in groups.items()
    ]


def _of_documents(gold: Gold, scores: np.ndarray, threshold: float, k: int) -> dict[str, Any]:
    names = (*OF_DOCUMENTS, f"p_at_{k}")
    if not gold.nnz:
        return dict.fromkeys(names)
    found = metrics.threshold_metrics(gold, scores, threshold=threshold)
    found |= metrics.ranking_metrics(gold, scores, ks=(k,))
    return {name: found[name] for name in names}


def bounded(values: np.ndarray, bounds: Bounds) -> dict[str, np.ndarray]:
    """Which values are within which bounds."""
    return {name: (values >= fewest) & (values <= most) for name, fewest, most in bounds}


def code_table(
    codes: Sequence[str],
    titles: Sequence[str],
    counts: metrics.CodeCounts,
    train_frequency: Int[np.ndarray, " L"],
) -> pd.DataFrame:
    """One row per code, in the order of the codes.

    code, title, train (documents in training), gold, predicted, tp, precision, recall, f1.
    """
    _check_same_length(counts, train_frequency, "training frequencies")
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
            "f1": metrics.f1_per_code(counts),
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


def _check_same_length(
    counts: metrics.CodeCounts, values: Sequence[Any] | np.ndarray, what: str
) -> None:
    if len(counts.true) != len(values):
        raise ValueError(
            f"counts of {len(counts.true)} codes, but {what} of {len(values)}: "
            "they are of different cohorts"
        )
