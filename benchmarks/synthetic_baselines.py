"""What simple methods score on the synthetic hospital: title look-up, L1 regression, linear SVM.

    python benchmarks/synthetic_baselines.py --admissions 1500 --words 350 --codes 8

The hospital is made in a temporary folder and read back from its CSV files. Scores are of the
test split, over all codes of train and test; a code never seen in training counts as missed.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from isd_pipeline.synthetic import HospitalSettings, write_hospital

FORMAL = (  # says nothing of the code
    "of the a an and or by to in on for with without other unspecified specified not elsewhere "
    "classified otherwise mention stated as type site nos nec due"
)
Gold = dict[str, set[str]]


def main() -> None:
    """Make a hospital, score three methods on it, print a table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--admissions", type=int, default=1_500)
    asked.add_argument("--words", type=int, default=350)
    asked.add_argument("--codes", type=float, default=8)
    asked.add_argument("--pool", type=int, default=HospitalSettings.code_pool)
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--top", type=int, default=0, help="only the most frequent codes of train")
    given = asked.parse_args()
    settings = HospitalSettings(
        admissions=given.admissions, words=given.words, codes_per_admission=given.codes,
        code_pool=given.pool, seed=given.seed, other_notes=0,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        write_hospital(Path(folder), settings)
        notes, gold, titles, splits = read(Path(folder))
    report(notes, gold, titles, splits, given.top)


def read(folder: Path) -> tuple[dict[str, str], Gold, dict[str, str], dict[str, list[str]]]:
    """Notes as CAML tokenises them, codes and titles (a procedure has a `p` before), splits."""
    csv.field_size_limit(sys.maxsize)
    events = pd.read_csv(folder / "NOTEEVENTS.csv", dtype=str, keep_default_na=False)
    events = events[events["CATEGORY"] == "Discharge summary"]
    notes = events.groupby("HADM_ID")["TEXT"].agg(" ".join).map(tokens).to_dict()
    gold: Gold = defaultdict(set)
    titles: dict[str, str] = {}
    for name, mark in (("DIAGNOSES", ""), ("PROCEDURES", "p")):
        rows = pd.read_csv(folder / f"{name}_ICD.csv", dtype=str, keep_default_na=False)
        for document, code in zip(rows["HADM_ID"], rows["ICD9_CODE"], strict=True):
            if code:
                gold[document].add(mark + code)
        known = pd.read_csv(folder / f"D_ICD_{name}.csv", dtype=str, keep_default_na=False)
        titles |= dict(zip(mark + known["ICD9_CODE"], known["LONG_TITLE"], strict=True))
    splits = {
        split: [d for d in (folder / f"{split}_full_hadm_ids.csv").read_text().split() if d in gold]
        for split in ("train", "dev", "test")
    }
    return notes, gold, titles, splits


def tokens(text: str) -> str:
    """Runs of word characters that are not all digits, lower-cased."""
    return " ".join(word.lower() for word in re.findall(r"\w+", text) if not word.isnumeric())


def report(
    notes: dict[str, str],
    gold: Gold,
    titles: dict[str, str],
    splits: dict[str, list[str]],
    top: int,
) -> None:
    """Score each method and print one line for it."""
    train, test = splits["train"], splits["test"]
    codes = sorted({code for document in train + test for code in gold[document]})
    seen = binary([gold[d] for d in train], codes)
    if top:
        keep = np.sort(np.argsort(-seen.sum(axis=0).A1, kind="stable")[:top])
        codes = [codes[n] for n in keep]
        seen = seen[:, keep]
    truth = binary([gold[d] for d in test], codes)
    texts, asked = [notes[d] for d in train], [notes[d] for d in test]
    lengths = [len(text.split()) for text in notes.values()]
    print(
        f"{len(train)} train, {len(test)} test, {len(codes)} codes, "
        f"{seen.sum() / len(train):.1f} per note"
    )
    print(f"{np.mean(lengths):.0f} words per note")
    methods: dict[str, Callable[[], sparse.csr_matrix]] = {
        "long title, all words": lambda: look_up(asked, codes, titles, 1.0),
        "long title, two thirds of the words": lambda: look_up(asked, codes, titles, 2 / 3),
        "long title, as one string": lambda: strings(asked, codes, titles),
        "title of a code seen in train": lambda: look_up(asked, codes, titles, 1.0, seen),
        "tf-idf, linear SVM": lambda: one_by_one(
            texts, asked, seen, TfidfVectorizer, LinearSVC(C=1)
        ),
        "binary 1-2-grams, L1 logistic regression": lambda: one_by_one(
            texts, asked, seen, CountVectorizer,
            LogisticRegression(C=1, l1_ratio=1, solver="liblinear", random_state=0),
        ),
    }  # fmt: skip
    print(f"{'method':42} {'micro-P':>8} {'micro-R':>8} {'micro-F1':>8} {'macro-F1':>8}  seconds")
    for name, method in methods.items():
        start = time.perf_counter()
        found = method()
        print(f"{name:42} {scores(truth, found)} {time.perf_counter() - start:8.0f}", flush=True)


def binary(sets: list[set[str]], codes: list[str]) -> sparse.csr_matrix:
    """One row for each set, one column for each code."""
    place = {code: n for n, code in enumerate(codes)}
    cells = [
        (row, place[code]) for row, found in enumerate(sets) for code in found if code in place
    ]
    rows, columns = zip(*cells, strict=True) if cells else ((), ())
    shape = (len(sets), len(codes))
    return sparse.csr_matrix((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)


def look_up(
    asked: list[str],
    codes: list[str],
    titles: dict[str, str],
    share: float,
    seen: sparse.csr_matrix | None = None,
) -> sparse.csr_matrix:
    """A code where at least `share` of the words of its title that mean something occur."""
    known = [set(tokens(titles.get(code, "")).split()) - set(FORMAL.split()) for code in codes]
    usable = [bool(words) for words in known]
    if seen is not None:
        usable = [a and b > 0 for a, b in zip(usable, seen.sum(axis=0).A1, strict=True)]
    found = []
    for text in asked:
        words = set(text.split())
        found.append(
            {
                c
                for c, w, u in zip(codes, known, usable, strict=True)
                if u and len(w & words) >= share * len(w)
            }
        )
    return binary(found, codes)


def strings(asked: list[str], codes: list[str], titles: dict[str, str]) -> sparse.csr_matrix:
    """A code where its title occurs as it stands, but for what it says of itself after a comma."""
    known = {
        code: tokens(titles.get(code, "").split(",")[0].replace("Unspecified ", ""))
        for code in codes
    }
    found = [{c for c in codes if known[c] and f" {known[c]} " in f" {text} "} for text in asked]
    return binary(found, codes)


def one_by_one(
    texts: list[str], asked: list[str], seen: sparse.csr_matrix, vectorizer: type, model: object
) -> sparse.csr_matrix:
    """One classifier for each code with two training notes or more."""
    options = {"binary": True} if vectorizer is CountVectorizer else {}
    words = vectorizer(ngram_range=(1, 2), min_df=2, token_pattern=r"\S+", **options)
    train = words.fit_transform(texts).astype(np.float64)
    test = words.transform(asked).astype(np.float64)
    columns = []
    for n in range(seen.shape[1]):
        target = seen[:, n].toarray().ravel()
        enough = 2 <= target.sum() < len(target)
        columns.append(model.fit(train, target).predict(test) if enough else np.zeros(len(asked)))
    return sparse.csr_matrix(np.stack(columns, axis=1).astype(np.int64))


def scores(truth: sparse.csr_matrix, found: sparse.csr_matrix) -> str:
    """Micro precision, recall, F1, and the mean F1 of the codes that occur in test."""
    hits = truth.multiply(found).sum(axis=0).A1
    true, predicted = truth.sum(axis=0).A1, found.sum(axis=0).A1
    precision, recall = hits.sum() / max(1, predicted.sum()), hits.sum() / true.sum()
    micro = 2 * hits.sum() / (true.sum() + predicted.sum())
    macro = (2 * hits / np.maximum(1, true + predicted))[true > 0].mean()
    return f"{precision:8.3f} {recall:8.3f} {micro:8.3f} {macro:8.3f}"


if __name__ == "__main__":
    main()
