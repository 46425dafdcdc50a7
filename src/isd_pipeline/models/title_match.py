"""How much of a code's name stands in a note: words alone, nothing trained.

A code of which no training note is known still has a name, and a note that has the code often
says it. What is found is a feature for a model that has learned from notes (`models/stack.py`).

Axes: D documents, L codes, T names (a code has at least one), S stems of names, W windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import log, sqrt
from typing import NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.shapes import Float
from isd_pipeline.text.tokens import tokenize

WIDTH, STEP = 10, 2  # words of a window, and between the beginnings of two
VAGUE = {  # the classification's own words, which no clinician writes
    "unspecified", "specified", "other", "others", "not", "elsewhere", "classified", "nos", "nec",
    "especificado", "especificada", "no", "otro", "otra", "otros", "otras", "parte", "clasificado",
    "clasificada", "sin", "especificar",
}  # fmt: skip


class Match(NamedTuple):
    """What was found of each code's best name, float32 [D, L] each.

    near: the share of the name's weight within some window of the note, from 0 to 1.  whole: the
    same within the whole note.  found: the weight itself, of the best window.
    """

    near: np.ndarray
    whole: np.ndarray
    found: np.ndarray


class TitleMatch:
    """Finds names in notes. A stem s of a name weighs

        w_s = log((D + 1) / (d_s + 1/2)) sqrt(log((L + 1) / (l_s + 1/2)))

    with d_s of the D training notes and l_s of the L codes holding it: what is rare in both tells
    most. A stem of `VAGUE`, or that nearly every note holds, weighs 0.

    Args:
        names: of each code, at least one.
        train: the words of the training notes.
        stem: brings a word to its stem.
    """

    def __init__(
        self,
        names: Sequence[Sequence[str]],
        train: Iterable[Sequence[str]],
        stem: Callable[[str], str],
    ) -> None:
        self.stem = stem
        stems = [[_stems_of(name, stem) for name in own] for own in names]
        self.first = np.cumsum([0, *(len(own) for own in stems)])[:-1]
        weights = _weights(stems, train, stem)
        self.number = {word: n for n, word in enumerate(sorted(weights))}
        self.totals, self.shares = self._name_table(stems, weights)

    def _name_table(
        self, stems: list[list[set[str]]], weights: dict[str, float]
    ) -> tuple[np.ndarray, sparse.csr_matrix]:
        """The weight of each name, [T], and each stem's share of it, [S, T]."""
        flat = [sorted(name & weights.keys()) for own in stems for name in own]
        totals = np.array([sum(weights[word] for word in name) for name in flat])
        cells = [
            (self.number[word], t, weights[word] / totals[t])
            for t, name in enumerate(flat)
            for word in name
        ]
        rows, columns, values = zip(*cells, strict=True) if cells else ((), (), ())
        shape = (max(1, len(self.number)), len(flat))
        return totals, sparse.csr_matrix((values, (rows, columns)), shape, dtype=np.float32)

    def __call__(self, documents: Sequence[Sequence[str]]) -> Match:
        """Match each document's words against every name."""
        each = [self._match(words) for words in documents]
        return Match(*(np.stack(part).astype(np.float32) for part in zip(*each, strict=True)))

    def _match(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best of each code's names by each measure: three times [L]."""
        stems = [self.number.get(self.stem(word), -1) for word in words]
        places = np.flatnonzero(np.array(stems, dtype=np.int64) >= 0)
        numbers = np.array(stems, dtype=np.int64)[places]
        near = self._best(_windows(places), numbers)
        whole = self._best(np.zeros((len(places), 1), dtype=np.int64), numbers)
        return tuple(  # type: ignore[return-value]
            np.maximum.reduceat(part, self.first) for part in (near, whole, near * self.totals)
        )

    def _best(self, windows: np.ndarray, numbers: np.ndarray) -> Float[np.ndarray, " T"]:
        """The greatest share of each name among windows; [P, K]: those that each place is in."""
        if not len(numbers):
            return np.zeros(self.shares.shape[1])
        rows, columns = windows.ravel(), np.repeat(numbers, windows.shape[1])
        held = sparse.csr_matrix(
            (np.ones(len(rows), dtype=np.float32), (rows, columns)),
            shape=(int(rows.max()) + 1, self.shares.shape[0]),
        )
        held.data[:] = 1  # a word that stands twice is there once
        return np.asarray((held @ self.shares).max(axis=0).todense()).ravel()


def _windows(places: np.ndarray) -> np.ndarray:
    """The windows in which each place stands, int [P, WIDTH / STEP]: counted from the first."""
    return places[:, None] // STEP + np.arange(WIDTH // STEP)


def _stems_of(name: str, stem: Callable[[str], str]) -> set[str]:
    words = tokenize(name).words.to_pylist()
    return {stem(word) for word in words if word not in VAGUE}


def _weights(
    stems: list[list[set[str]]], train: Iterable[Sequence[str]], stem: Callable[[str], str]
) -> dict[str, float]:
    """w_s of each stem of a name that tells anything."""
    in_codes = Counter(word for own in stems for word in set().union(*own))
    in_notes: Counter[str] = Counter()
    n_notes = 0
    for words in train:
        in_notes.update({stem(word) for word in set(words)} & in_codes.keys())
        n_notes += 1
    weights = {
        word: max(0.0, log((n_notes + 1) / (in_notes[word] + 0.5)))
        * sqrt(max(0.0, log((len(stems) + 1) / (count + 0.5))))
        for word, count in in_codes.items()
    }
    return {word: weight for word, weight in weights.items() if weight > 0}
