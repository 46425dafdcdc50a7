"""Claim: a caution is rare on notes like the training notes, and common on notes unlike them.

    python benchmarks/corpora/cautions.py BUNDLE COHORT...

BUNDLE is a folder that `isd bundle` made, COHORT a cohort that was extracted and preprocessed in
this project. Printed is a Markdown table: of each cohort's test notes the share that has a caution,
of any kind and of each. A document of several notes is read as one.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from isd_pipeline.coding.coder import Coder, Note  # noqa: E402

KINDS = ("few_words", "few_known_words", "no_blanks", "other_language", "weak_codes")


def test_notes(cohort: str) -> list[Note]:
    """The documents of the test split, each in one piece."""
    folder = Path("data/03_primary", cohort)
    splits = pq.read_table(folder / "splits.parquet").to_pylist()
    wanted = {row["document_id"] for row in splits if row["split"] in ("test", "dev_and_test")}
    texts: dict[str, list[str]] = {}
    for row in pq.read_table(Path("data/02_intermediate", cohort, "notes.parquet")).to_pylist():
        if row["document_id"] in wanted:
            texts.setdefault(row["document_id"], []).append(row["text"])
    return [Note(name, "\n\n".join(of_one)) for name, of_one in sorted(texts.items())]


def shares(coder: Coder, notes: list[Note]) -> list[float]:
    """Of the notes: with any caution, and with each kind."""
    counted: Counter[str] = Counter()
    for answer in coder.code(notes, top=1, evidence=False):
        kinds = {str(caution["kind"]) for caution in answer.caution or ()}
        counted.update([*kinds, *(["any"] if kinds else [])])
    return [counted[name] / len(notes) for name in ("any", *KINDS)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("cohorts", nargs="+")
    given = parser.parse_args()
    opened = Coder.open(given.bundle)
    assert isinstance(opened, Coder), "a bundle of two views: name one of its views"
    print("| bundle | test notes of | notes | any | " + " | ".join(f"`{k}`" for k in KINDS) + " |")
    print("|---|---|---|---|" + "---|" * len(KINDS))
    for name in given.cohorts:
        of_cohort = test_notes(name)
        told = " | ".join(f"{100 * share:.1f} %" for share in shares(opened, of_cohort))
        print(f"| `{opened.bundle.name}` | `{name}` | {len(of_cohort)} | {told} |", flush=True)
