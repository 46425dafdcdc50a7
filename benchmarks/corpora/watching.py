"""Claim: a look at notes like those of dev seldom calls them unusual, and one at others often does.

    python benchmarks/corpora/watching.py BUNDLE COHORT [OTHER...] [--looks 300]

BUNDLE is of COHORT; each other cohort gives notes of another kind. Samples of the test notes are
drawn without replacement, some of them replaced by notes of the other cohort, and looked at as
`isd watch` does, with the notes and with decisions of a coder who accepts what is among the gold
codes. Printed is the share of looks in which something differs.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from cautions import test_notes

from isd_pipeline.coding.coder import Coder, Note
from isd_pipeline.desk.entries import Entry, State
from isd_pipeline.desk.incoming import Incoming, Part
from isd_pipeline.desk.watching import look

SIZES = (50, 100, 200)
MIXED = (0.1, 0.2, 0.5, 1.0)  # of the notes that are another cohort's

Coded = tuple[Note, dict, State | None]  # a note, its answer, and its review


def coded(coder: Coder, cohort: str, *, reviewed: bool) -> list[Coded]:
    """The test notes of a cohort, their answers, and what a coder decides who goes by gold."""
    notes = test_notes(cohort)
    answers = [json.loads(json.dumps(asdict(one))) for one in coder.code(notes, evidence=False)]
    rows = pq.read_table(Path("data/03_primary", cohort, "labels.parquet")).to_pylist()
    gold = {row["document_id"]: set(row["labels"]) for row in rows}
    return [
        (note, answer, review(coder, answer, gold[note.id]) if reviewed else None)
        for note, answer in zip(notes, answers, strict=True)
    ]


def review(coder: Coder, answer: dict, gold: set[str]) -> State:
    """Every suggestion above the threshold decided, the codes that it lacks added."""
    of_note = {
        **{"who": "x", "bundle": "x", "bundle_sha256": coder.bundle.sha256, "number": 1},
        **{"note": answer["id"], "text_sha256": "x", "time": "", "hash": ""},
    }
    states = {}
    for code in answer["codes"]:
        if code["above_threshold"]:
            decision = "accepted" if code["code"] in gold else "rejected"
            scored = {"score": code["score"], "threshold": answer["threshold"]}
            states[code["code"]] = Entry(**of_note, decision=decision, code=code["code"], **scored)
    for code in gold - states.keys():
        states[code] = Entry(**of_note, decision="added", code=code)
    return State(states, Entry(**of_note, decision="signed_off"), 1)


def looked_at(coder: Coder, some: list[Coded]) -> list[str]:
    """The measures that differ."""
    part = Part("", coder.bundle)
    part.texts.extend(note.text for note, _, _ in some)
    part.answers.extend(answer for _, answer, _ in some)
    part.states.extend(state for _, _, state in some if state)
    return [one.name for one in look(Incoming(coder.bundle, (part,), ())).unusual]


def share(coder: Coder, own: list[Coded], other: list[Coded], size: int, mix: float, looks: int):
    """Of so many looks, those in which something differs; and what differed most often."""
    random, unusual, names = np.random.default_rng(0), 0, Counter[str]()
    for _ in range(looks):
        n_other = min(round(size * mix), len(other))
        some = [own[n] for n in random.choice(len(own), size - n_other, replace=False)]
        some += [other[n] for n in random.choice(len(other), n_other, replace=False)]
        found = looked_at(coder, some)
        unusual += bool(found)
        names.update(found)
    return unusual / looks, ", ".join(name for name, _ in names.most_common(2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("cohort")
    parser.add_argument("others", nargs="*")
    parser.add_argument("--looks", type=int, default=300)
    given = parser.parse_args()
    opened = Coder.open(given.bundle)
    assert isinstance(opened, Coder), "a bundle of two views: name one of its views"
    own = coded(opened, given.cohort, reviewed=True)
    print("| of the notes are | of a look | looks that differ | most often |\n|---|---|---|---|")
    for size in SIZES:
        rate, most = share(opened, own, [], size, 0.0, given.looks)
        print(f"| all `{given.cohort}` | {size} | {100 * rate:.1f} % | {most} |", flush=True)
    for name in given.others:
        other = coded(opened, name, reviewed=False)
        for mix in MIXED:
            rate, most = share(opened, own, other, 50, mix, given.looks)
            told = f"{100 * mix:.0f} % `{name}`"
            print(f"| {told} | 50 | {100 * rate:.1f} % | {most} |", flush=True)
