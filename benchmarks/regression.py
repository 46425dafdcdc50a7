"""The L1 regression by working sets beside liblinear, alternating code by code in one process.

    python benchmarks/regression.py --notes 5000 --codes 300
    python benchmarks/regression.py --notes 47723 --codes 8921 --sample 90 --skip-reference
    python benchmarks/regression.py --cohort synthetic_mimic --sample 24 --skip-reference

Notes are made: 60,000 words by Zipf's law in chains of neighbours, one word in a hundred mistyped
or a number, codes of falling frequency that are named by phrases, some of them in vain. With
`--sample` some codes of each stratum of frequency stand for the others of it, and what is printed
for all codes is an extrapolation. A tenth more notes are made, to be coded. With `--cohort` they
are a prepared cohort's: those of train, and to be coded those of dev.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, NamedTuple

import measuring
import numpy as np
from scipy import sparse

WORDS, MISTYPED, SUCCESSORS = 60_000, 400_000, 8
MOST = (1, 5, 20, 100, 500, 2_500, 10**9)
"""The most positives of each stratum."""


class Notes(NamedTuple):
    """N-grams of notes, a matrix of ones [D, F], and their codes [D, L]."""

    x: sparse.csr_matrix
    gold: sparse.csc_matrix


def made_notes(notes: int, codes: int, a_note: float) -> Notes:
    """Notes of MIMIC-III's lengths, mean 1,485 words."""
    random = np.random.default_rng(0)
    shares = np.cumsum(zipf := 1 / (np.arange(1, WORDS + 1) + 2.7) ** 1.05) / zipf.sum()
    succeed = np.searchsorted(shares, random.random((WORDS, SUCCESSORS)))
    rates = frequencies(codes, a_note)
    phrases = [[phrase(random, shares) for _ in range(4)] for _ in range(codes)]
    ngrams, labels = [], []
    for length in np.clip(np.exp(random.normal(7.17, 0.52, notes)), 50, 4_000).astype(int):
        words = chain(random, length, shares, succeed)
        has = np.flatnonzero(random.random(codes) < rates)
        in_vain = np.flatnonzero(random.random(codes) < 0.15 * rates)
        for code in [*has[random.random(len(has)) < 0.85], *in_vain]:
            said = phrases[code][min(int(random.exponential(1)), 3)]
            at = int(random.integers(0, length - len(said)))
            words[at : at + len(said)] = said
        pairs = (words[:-1] + 1) * 2 * (WORDS + MISTYPED) + words[1:]
        ngrams.append(np.unique(np.concatenate([words, pairs])))
        labels.append(has)
    return Notes(ones(ngrams), ones(labels, codes).tocsc())


def frequencies(codes: int, a_note: float) -> np.ndarray:
    """The share of notes that have each code: falling, none above 0.4."""
    falling, low, high = 1 / (np.arange(codes) + 6.0) ** 1.15, 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if cut(falling * middle).sum() < a_note else (low, middle)
    return cut(falling * low)


def cut(rates: np.ndarray) -> np.ndarray:
    return np.minimum(rates, 0.4)


def phrase(random: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """One to three words, in one of three phrases rare ones."""
    length = int(random.integers(1, 4))
    if random.random() < 0.3:
        return random.integers(300, WORDS, length)
    return np.searchsorted(shares, random.random(length))


def chain(
    random: np.random.Generator, length: int, shares: np.ndarray, succeed: np.ndarray
) -> np.ndarray:
    """Words of which half follow one of the few that their neighbour is often followed by."""
    drawn = np.searchsorted(shares, random.random(length))
    follows, which = random.random(length) < 0.55, random.integers(0, SUCCESSORS, length)
    words = drawn
    for _ in range(3):
        words = np.where(follows, succeed[np.roll(words, 1), which], drawn)
    odd = random.random(length) < 0.01
    words[odd] = WORDS + random.integers(0, MISTYPED, odd.sum())
    return words.astype(np.int64)


def ones(held: list[np.ndarray], width: int | None = None) -> sparse.csr_matrix:
    """A matrix of what documents hold; without a width, of what two or more of them hold."""
    starts, values = np.cumsum([0, *map(len, held)]), np.concatenate(held)
    if width is None:
        _, values, counts = np.unique(values, return_inverse=True, return_counts=True)
        number = np.where(counts > 1, np.cumsum(counts > 1) - 1, -1).astype(np.int32)
        values, width = number[values], int((counts > 1).sum())
        kept = values >= 0
        starts, values = np.append(0, np.cumsum(kept))[starts], values[kept]
    return sparse.csr_matrix(
        (np.ones(len(values)), values, starts.astype(np.int32)), (len(held), width)
    )


def cohort_notes(cohort: str) -> tuple[Notes, Notes]:
    """The training and development notes of a prepared cohort, their n-grams as in the library."""
    from sklearn.feature_extraction.text import CountVectorizer

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.io.tables import open_parquet
    from isd_pipeline.text.documents import open_splits
    from isd_pipeline.text.ngrams import vectorizer_settings
    from isd_pipeline.text.splits import words_of_splits

    primary = Path("data/03_primary") / cohort
    documents = open_splits(Path("data/05_model_input") / cohort)
    codes = len(CodeIndex.open(primary / "code_index.json"))
    words = words_of_splits(open_parquet(primary / "tokenized_notes.parquet"), documents)
    settings = vectorizer_settings(longest=2, min_documents=2, at_most=None)
    vectorizer = CountVectorizer(binary=True, dtype=np.float64, **settings)
    train, other = (
        fit(" ".join(note) for note in words[split])
        for split, fit in (("train", vectorizer.fit_transform), ("dev", vectorizer.transform))
    )
    gold = {split: documents[split].label_matrix(codes).tocsc() for split in ("train", "dev")}
    return Notes(train, gold["train"]), Notes(other, gold["dev"])


def main() -> None:
    """Fit the asked codes in both ways and print CPU seconds, objectives and micro-F1."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--notes", type=int, default=5_000)
    asked.add_argument("--codes", type=int, default=300)
    asked.add_argument("--codes-a-note", type=float, default=15.9)
    asked.add_argument("--cohort", help="a prepared one, in place of made notes")
    asked.add_argument("--sample", type=int, default=0, help="codes to fit, of all strata")
    asked.add_argument("--skip-reference", action="store_true")
    given = asked.parse_args()
    begin = time.process_time()
    train, other = cohort_notes(given.cohort) if given.cohort else made_split(given)
    print(
        f"{train.x.shape[0]} notes, {train.gold.shape[1]} codes, {train.x.shape[1]} n-grams, "
        f"{train.x.nnz / train.x.shape[0]:.0f} a note; "
        f"made in {time.process_time() - begin:.0f} CPU s",
        flush=True,
    )
    fit_all(train, other, given.sample or train.gold.shape[1], not given.skip_reference)


def made_split(given: argparse.Namespace) -> tuple[Notes, Notes]:
    whole = made_notes(given.notes + given.notes // 10, given.codes, given.codes_a_note)
    ours, others = slice(None, given.notes), slice(given.notes, None)
    return Notes(whole.x[ours], whole.gold[ours]), Notes(whole.x[others], whole.gold[others])


def fit_all(train: Notes, other: Notes, sample: int, reference: bool) -> None:
    from isd_pipeline.predictors.l1_logistic import Design

    begin = time.process_time()
    design = Design.of(train.x)
    print(f"columns {time.process_time() - begin:.1f} CPU s, once", flush=True)
    positives = np.diff(train.gold.indptr)
    strata = np.searchsorted(MOST, positives)
    spent: dict[str, float] = {"new": 0.0, "old": 0.0}
    hits: dict[str, np.ndarray] = {"new": np.zeros(3), "old": np.zeros(3)}
    print(
        "positives  codes  fitted  CPU s a code: new, old  worst objective, new as a share of old"
    )
    for stratum, most in enumerate(MOST):
        members = np.flatnonzero((strata == stratum) & (positives > 0))
        if not len(members):
            continue
        each = max(-(-sample * len(members) // len(positives)), min(len(members), sample // 10))
        each = min(each, len(members))
        some = members[((np.arange(each) + 0.5) * len(members) / each).astype(int)]
        took = {"new": 0.0, "old": 0.0}
        worst = 0.0
        for code in some:
            truth = has(other, code)
            found = fitted_both(train, design, has(train, code), other, reference)
            for way, (seconds, _, scores) in found.items():
                took[way] += seconds
                hits[way] += counted(truth, scores > 0)
            if reference:
                worst = max(worst, found["new"][1] / found["old"][1])
        for way, seconds in took.items():
            spent[way] += seconds / len(some) * len(members)
        new, old = (took[way] / len(some) for way in ("new", "old"))
        print(
            f"<= {most:<10} {len(members):5} {len(some):5} {new:8.2f} {old:8.2f} {worst:10.5f}",
            flush=True,
        )
    for way in hits:
        if reference or way == "new":
            both, said, true = hits[way]
            f1 = 2 * both / max(said + true, 1)
            print(f"{way}: {spent[way]:.0f} CPU s for all codes, micro-F1 of those fitted {f1:.4f}")
    print(f"ratio {spent['old'] / spent['new']:.1f}; peak {measuring.peak_gb():.2f} GB")


def has(notes: Notes, code: int) -> np.ndarray:
    """Which notes have a code."""
    found = np.zeros(notes.x.shape[0], dtype=bool)
    found[notes.gold.indices[slice(*notes.gold.indptr[code : code + 2])]] = True
    return found


def counted(truth: np.ndarray, said: np.ndarray) -> np.ndarray:
    return np.array([(truth & said).sum(), said.sum(), truth.sum()])


def fitted_both(
    train: Notes, design: Any, has_code: np.ndarray, other: Notes, reference: bool
) -> dict[str, tuple[float, float, np.ndarray]]:
    """Of each way its CPU seconds, its objective and its scores of the other notes."""
    from sklearn.linear_model import LogisticRegression

    from isd_pipeline.predictors.l1_logistic import fit_code

    def told(begin: float, columns: np.ndarray, weights: np.ndarray, bias: float) -> Any:
        seconds = time.process_time() - begin
        scores = train.x[:, columns] @ weights + bias
        value = (np.logaddexp(0, scores) - has_code * scores).sum() + np.abs(weights).sum()
        return seconds, value, other.x[:, columns] @ weights + bias

    begin = time.process_time()
    new = fit_code(design, has_code, 1.0)
    found = {"new": told(begin, new.ngrams, new.weights, new.bias)}
    if reference:
        begin = time.process_time()
        settings = {"C": 1.0, "l1_ratio": 1.0, "max_iter": 1_000, "random_state": 0}
        old = LogisticRegression(solver="liblinear", **settings).fit(train.x, has_code)
        used = np.flatnonzero(old.coef_[0])
        found["old"] = told(begin, used, old.coef_[0, used], old.intercept_[0])
    return found


if __name__ == "__main__":
    main()
