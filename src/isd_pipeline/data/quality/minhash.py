"""Texts that are nearly the same, found without comparing each with each (Broder, 1997).

A text is the set of its runs of five words, a signature the least of their numbers under each of
64 random orders; the share of equal places of two signatures estimates the share of runs that two
texts have in common (Jaccard), with a standard deviation of 0.05 at 0.8. Only texts that agree in
one of 16 groups of four places are looked at: of those that share 0.8, all but 2 in 10,000.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from isd_pipeline.data.io.parts import LOOP, Engine, merge_parts

Pairs = dict[tuple[int, int], float]  # two rows, the lesser first, and their estimated share

ORDERS, BANDS, RUN = 64, 16, 5
FEWEST_RUNS = 20  # shorter texts are alike by chance
MOST = 20  # texts of a group and split that are compared with the others of the group
_WORD = re.compile(r"\w+")
_AT_ONCE = 4096
_random = np.random.Generator(np.random.PCG64(1))
_FACTORS = _random.integers(1, 2**63, size=ORDERS, dtype=np.uint64) * 2 + 1
_SHIFTS = _random.integers(0, 2**63, size=ORDERS, dtype=np.uint64)
_PLACES = _random.integers(1, 2**63, size=RUN, dtype=np.uint64) * 2 + 1


def signature(text: str) -> np.ndarray | None:
    """uint32 [64], or None for a text with fewer than 20 runs of five words."""
    words = _WORD.findall(text.lower())
    size = len(words) - RUN + 1
    if size < FEWEST_RUNS:
        return None
    number = {word: crc32(word.encode("utf-8", "replace")) for word in set(words)}
    numbers = np.fromiter(map(number.__getitem__, words), np.uint64, len(words))
    runs = sum((numbers[at : at + size] * _PLACES[at] for at in range(RUN)), np.uint64(0))
    runs = np.unique(runs ^ (runs >> np.uint64(29)))
    least = np.full(ORDERS, np.iinfo(np.uint32).max, dtype=np.uint64)
    for start in range(0, len(runs), _AT_ONCE):  # a text of a million words in little memory
        some = runs[start : start + _AT_ONCE]
        shuffled = (_FACTORS[:, None] * some + _SHIFTS[:, None]) >> np.uint64(32)
        least = np.minimum(least, shuffled.min(axis=1))
    return least.astype(np.uint32)


@dataclass(frozen=True)
class Band:
    """Four places of every signature: texts that agree in them are compared."""

    number: int

    def __str__(self) -> str:
        return f"band {self.number + 1} of {BANDS} of the signatures"

    def halves(self) -> list["Band"]:
        """A band is looked at as a whole."""
        return []


def near_pairs(
    signatures: np.ndarray, splits: Sequence[str], at_least: float = 0.8, engine: Engine = LOOP
) -> list[tuple[int, int, float]]:
    """Pairs of rows of [N, 64] that are of two splits, and their estimated share; ascending."""
    bands = [Band(number) for number in range(BANDS)]
    given = [signatures, np.asarray(splits, dtype=object), at_least]
    found = merge_parts(_pairs_of_band, _all_pairs, bands, engine, common=given, what="bands")
    return [(one, other, share) for (one, other), share in sorted(found.items())]


def _pairs_of_band(band: Band, signatures: np.ndarray, of: np.ndarray, at_least: float) -> Pairs:
    """The pairs that agree in a band and are near."""
    found: Pairs = {}
    for group in _groups(np.ascontiguousarray(np.split(signatures, BANDS, axis=1)[band.number])):
        rows = np.sort(np.concatenate([group[of[group] == s][:MOST] for s in set(of[group])]))
        for place, one in enumerate(rows):
            others = rows[place + 1 :]
            for other in others[of[others] != of[one]]:
                share = float((signatures[one] == signatures[other]).mean())
                if share >= at_least:
                    found[int(one), int(other)] = share
    return found


def _all_pairs(found: Iterable[Pairs]) -> Pairs:
    """Pairs of several bands; one that two bands have is the same in both."""
    return {pair: share for some in found for pair, share in some.items()}


def _groups(band: np.ndarray) -> list[np.ndarray]:
    """The rows that agree in a band, where there are two or more."""
    keys = band.view(np.dtype((np.void, band.dtype.itemsize * band.shape[1]))).ravel()
    _, inverse, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    order = np.argsort(inverse, kind="stable")
    groups = np.split(order, np.cumsum(sizes)[:-1])
    return [group for group in groups if len(group) > 1]
