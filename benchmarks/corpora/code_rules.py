"""How often the code book objects to the codes suggested for a split, and to those of its coders.

    python benchmarks/corpora/code_rules.py bundles/codiesp_full-ensemble_isd-1 data codiesp_full

Suggested are the codes above the tuned threshold. Of the coders' codes those count that the cohort
has. Printed are counts and shares alone, nothing of a report, and the seconds of judging.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src"))

from isd_pipeline.coding.bundle import read_bundle  # noqa: E402
from isd_pipeline.coding.coder import Coder, Note, Suggestion  # noqa: E402

KINDS = ("unknown", "not_billable", "excludes1")
Codes = tuple[Suggestion, ...]


def notes_of(data: Path, cohort: str, split: str) -> tuple[list[Note], dict[str, list[str]]]:
    """The notes of a split, and their coders' codes."""
    labels = pq.read_table(data / "03_primary" / cohort / "labels.parquet")
    splits = pq.read_table(data / "03_primary" / cohort / "splits.parquet")
    chosen = splits.filter(pc.equal(splits["split"], split))["document_id"].to_pylist()
    gold = dict(zip(labels["document_id"].to_pylist(), labels["labels"].to_pylist(), strict=True))
    notes = pq.read_table(data / "02_intermediate" / cohort / "notes.parquet")
    texts = dict(zip(notes["document_id"].to_pylist(), notes["text"].to_pylist(), strict=True))
    return [Note(str(one), texts[one]) for one in chosen], {str(o): gold[o] for o in chosen}


def judged(coder: Coder, codes: Iterable[str]) -> Codes:
    """Codes that were given, judged as if all were suggested; those that the bundle has."""
    index = coder.bundle.codes
    known = dict(zip(index.codes, index.systems, strict=True))
    given = [Suggestion(code, "", known[code], 1.0, True, ()) for code in codes if code in known]
    return coder.rules.judge(given, np.zeros(len(index)))


def row(name: str, documents: Iterable[Codes]) -> str:
    """A row of the table, of the codes that a book judges."""
    notes = [[one.rules for one in codes if one.rules is not None] for codes in documents]
    kinds = [[{rule["kind"] for rule in rules} for rules in note] for note in notes]
    having = Counter(kind for note in kinds for of_code in note for kind in of_code)
    conflicts = sum(any("excludes1" in of_code for of_code in note) for note in kinds)
    followed = sum(
        any(rule["kind"] == "code_first" and rule["suggested"] for rule in rules)
        for note in notes
        for rules in note
    )
    total = sum(map(len, notes))
    shares = " | ".join(f"{100 * having[kind] / max(total, 1):.1f} %" for kind in KINDS)
    first = f"{followed} of {having['code_first']}"
    return f"| {name} | {total:,} | {shares} | {conflicts} of {len(notes)} | {first} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("cohort")
    parser.add_argument("--split", default="dev")
    asked = parser.parse_args()
    coder = Coder(read_bundle(asked.bundle))
    if not coder.rules.books:
        sys.exit(f"{asked.bundle}: holds no code book; make it again with `isd bundle`")
    notes, gold = notes_of(asked.data, asked.cohort, asked.split)
    answers = coder.code(notes, evidence=False)
    suggested = [tuple(one for one in answer.codes if one.above_threshold) for answer in answers]
    print(f"{', '.join(coder.rules.editions.values())}; split {asked.split}")
    print(f"| codes | number | {' | '.join(KINDS)} | notes with excludes1 | code_first followed |")
    print("|---|---|---|---|---|---|---|")
    print(row("suggested", suggested))
    print(row("the coders'", (judged(coder, gold[note.id]) for note in notes)))
    alone = (judged(coder, [code]) for code in coder.bundle.codes.codes)
    print(row("each code of the cohort, alone", alone))
    begun = time.perf_counter()
    for answer in answers:
        judged(coder, [one.code for one in answer.codes])
    print(f"{1000 * (time.perf_counter() - begun) / len(answers):.1f} ms a note to judge")


if __name__ == "__main__":
    main()
