"""How much of a code's name stands in a note: words alone, nothing trained.

A code of which no training note is known still has a name, and a note that has the code often
says it. What is found is a feature for what has learned from notes (`predictors/ensemble.py`).

Axes: D documents, L codes, T names (a code has at least one), S stems of names, W windows,
N words of a note, K codes asked for.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, sqrt
from typing import NamedTuple

import numpy as np
from scipy import sparse

from isd_pipeline.predictors.base import sum_to_one
from isd_pipeline.predictors.sparse_arrays import from_arrays, to_arrays
from isd_pipeline.shapes import Float, Int
from isd_pipeline.text.tokens import words_in

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


@dataclass(frozen=True)
class DescriptionMatch:
    """Finds names in notes, by their stems.

    stems: of names, [S].  first: the number of each code's first name, int [L].  totals: the
    weight of each name, [T].  shares: each stem's share of it, [S, T].  stem: brings a word to
    its stem, and is not kept.
    """

    stems: tuple[str, ...]
    first: Int[np.ndarray, " L"]
    totals: Float[np.ndarray, " T"]
    shares: sparse.csr_matrix
    stem: Callable[[str], str]

    @classmethod
    def of_names(
        cls,
        names: Sequence[Sequence[str]],
        train: Iterable[Sequence[str]],
        stem: Callable[[str], str],
    ) -> "DescriptionMatch":
        """Weigh the stems of names, of each code at least one. A stem s weighs

            w_s = log((D + 1) / (d_s + 1/2)) sqrt(log((L + 1) / (l_s + 1/2)))

        with d_s of the D training notes and l_s of the L codes holding it: what is rare in both
        tells most. A stem of `VAGUE`, or that nearly every note holds, weighs 0. `train` has the
        words of the training notes.
        """
        stems = [[_stems_of(name, stem) for name in own] for own in names]
        first = np.cumsum([0, *(len(own) for own in stems)])[:-1]
        weights = _weights(stems, train, stem)
        number = {word: n for n, word in enumerate(sorted(weights))}
        return cls(tuple(number), first, *_name_table(stems, weights, number), stem)

    def __call__(self, documents: Sequence[Sequence[str]]) -> Match:
        """Match each document's words against every name."""
        found = np.empty((3, len(documents), len(self.first)), dtype=np.float32)
        for n, words in enumerate(documents):  # in double all together are gigabytes
            found[:, n] = self._match(words)
        return Match(*found)

    def by_name(
        self, words: Sequence[str]
    ) -> tuple[Float[np.ndarray, " T"], Float[np.ndarray, " T"]]:
        """The share of each name that stands within some window, and within the whole note."""
        places, numbers = self._found(words)
        near = self._best(_windows(places), numbers)
        return near, self._best(np.zeros((len(places), 1), dtype=np.int64), numbers)

    def _match(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The best of each code's names by each measure: three times [L]."""
        near, whole = self.by_name(words)
        return tuple(  # type: ignore[return-value]
            np.maximum.reduceat(part, self.first) for part in (near, whole, near * self.totals)
        )

    def _found(self, words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """The words that are a name's, [P]: their places, and the numbers of their stems."""
        stems = np.array([self._numbers.get(self.stem(word), -1) for word in words], dtype=np.int64)
        places = np.flatnonzero(stems >= 0)
        return places, stems[places]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.stems)}

    def _best(self, windows: np.ndarray, numbers: np.ndarray) -> Float[np.ndarray, " T"]:
        """The greatest share of each name among windows; [P, K]: those that each place is in."""
        if not len(numbers):
            return np.zeros(self.shares.shape[1])
        shares = self._held(windows, numbers) @ self.shares
        return np.asarray(shares.max(axis=0).todense()).ravel()

    def _held(self, windows: np.ndarray, numbers: np.ndarray) -> sparse.csr_matrix:
        """Which window holds which stem, [W, S]."""
        rows, columns = windows.ravel(), np.repeat(numbers, windows.shape[1])
        held = sparse.csr_matrix(
            (np.ones(len(rows), dtype=np.float32), (rows, columns)),
            shape=(int(rows.max()) + 1, self.shares.shape[0]),
        )
        held.data[:] = 1  # a word that stands twice is there once
        return held

    def evidence(
        self, words: Sequence[str], codes: Int[np.ndarray, " K"]
    ) -> Float[np.ndarray, "K N"]:
        """The words of each code's best name in its best window, the first of equals.

        A stem's share of the name is shared evenly by its places in the window; a row sums to 1,
        or is 0 where no word of a name stands in the note.
        """
        found = np.zeros((len(codes), len(words)))
        places, numbers = self._found(words)
        if not len(places):
            return found
        shares = (self._held(_windows(places), numbers) @ self.shares).tocsc()
        last = np.append(self.first[1:], self.shares.shape[1])
        for row, code in zip(found, codes, strict=True):
            of_code = shares[:, self.first[code] : last[code]].toarray()
            window, name = np.unravel_index(of_code.argmax(), of_code.shape)
            inside = (_windows(places) == window).any(axis=1)
            of_name = self.shares[:, [self.first[code] + name]].toarray().ravel()
            times = np.bincount(numbers[inside], minlength=len(of_name))
            row[places[inside]] = of_name[numbers[inside]] / times[numbers[inside]]
        return sum_to_one(found)

    def arrays(self) -> dict[str, np.ndarray]:
        """All but the stems and how they are made, to be kept."""
        return {"first": self.first, "totals": self.totals, **to_arrays("shares", self.shares)}

    @classmethod
    def of_arrays(
        cls, arrays: Mapping[str, np.ndarray], stems: Sequence[str], stem: Callable[[str], str]
    ) -> "DescriptionMatch":
        """The opposite of `arrays`."""
        shares = from_arrays("shares", arrays)
        if shares.shape != (max(1, len(stems)), len(arrays["totals"])):
            raise ValueError(f"{len(stems)} stems, but shares of {shares.shape[0]}")
        return cls(tuple(stems), arrays["first"], arrays["totals"], shares, stem)


def _name_table(
    stems: list[list[set[str]]], weights: dict[str, float], number: dict[str, int]
) -> tuple[np.ndarray, sparse.csr_matrix]:
    """The weight of each name, [T], and each stem's share of it, [S, T]."""
    flat = [sorted(name & weights.keys()) for own in stems for name in own]
    totals = np.array([sum(weights[word] for word in name) for name in flat])
    cells = [
        (number[word], t, weights[word] / totals[t]) for t, name in enumerate(flat) for word in name
    ]
    rows, columns, values = zip(*cells, strict=True) if cells else ((), (), ())
    shape = (max(1, len(number)), len(flat))
    return totals, sparse.csr_matrix((values, (rows, columns)), shape, dtype=np.float32)


def _windows(places: np.ndarray) -> np.ndarray:
    """The windows in which each place stands, int [P, WIDTH / STEP]: counted from the first."""
    return places[:, None] // STEP + np.arange(WIDTH // STEP)


def _stems_of(name: str, stem: Callable[[str], str]) -> set[str]:
    words = words_in(name)
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
