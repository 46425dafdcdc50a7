"""What people marked in one version of a document, carried over to the words of the other.

Axes: W links.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import pyarrow as pa

from isd_pipeline.data.alignment import Alignment, Links, Texts, align
from isd_pipeline.data.io.tables import MENTIONS, table_of

Span = tuple[int, int]  # of words or of code points: the first, and the one behind the last
COST = 0.3  # of a word of a run
WORTH = 0.2  # of a run that is taken, its links less the cost of its words
COUNTS = ("mentions_projected", "mentions_dropped", "mentions_of_one_text")


def project_mentions(
    mentions: pa.Table,
    marked: Mapping[str, str],
    wanted: Mapping[str, str],
    learned_from: Collection[str],
) -> tuple[pa.Table, dict[str, int]]:
    """Carry mentions of the texts `marked` over to the texts `wanted`, both by note id.

    Notes that have both texts are aligned; those of `learned_from` alone teach how words are
    translated. Gives a table `MENTIONS` in which mentions keep their numbers, and `COUNTS`: the
    mentions projected, those dropped because a part of them has no words in the other text, and
    those passed over because their note lacks one of the texts.
    """
    notes = sorted(marked.keys() & wanted.keys())
    alignment = align(
        [marked[note] for note in notes],
        [wanted[note] for note in notes],
        np.array([note in learned_from for note in notes], dtype=bool),
    )
    place, rows = {note: n for n, note in enumerate(notes)}, []
    counted = Counter(dict.fromkeys(COUNTS, 0))
    for of, number, parts in _mentions(mentions):
        note = place.get(of[1])
        found = [] if note is None else _carried(parts, alignment, note)
        rows += [(*of, *span, number) for span in found]
        counted[COUNTS[2 if note is None else 1 if not found else 0]] += 1
    return table_of(rows, MENTIONS), dict(counted)


def project(links: Links) -> Span | None:
    """The run of second words that the linked first words became; None where none is worth it.

    A word of the run is worth the weight of its links less COST, so that the run is compact: the
    one with the highest sum (Bentley, 1984). It has at most three words for each first one.
    """
    if not len(links.second):
        return None
    low = links.second.min()
    sums = np.concatenate([[0], np.cumsum(np.bincount(links.second - low, links.weight) - COST)])
    worth = sums[1:] - np.minimum.accumulate(sums)[:-1]
    last = int(worth.argmax())
    if worth[last] < WORTH:
        return None
    return int(low + sums[: last + 1].argmin()), int(low + last + 1)


def _mentions(table: pa.Table) -> Iterator[tuple[tuple[str, ...], int, list[Span]]]:
    """Document, note, system and code of each mention, its number, and its parts."""
    columns: Sequence[Sequence[Any]] = [table[name].to_pylist() for name in MENTIONS.names]
    rows = sorted(zip(*columns, strict=True), key=lambda row: row[6])
    for number, group in groupby(rows, key=lambda row: row[6]):
        parts = list(group)
        yield parts[0][:4], number, [(begin, end) for *_, begin, end, _ in parts]


def _carried(parts: Sequence[Span], alignment: Alignment, note: int) -> list[Span]:
    """The parts of a mention in the other text, in code points; none where a part has no run."""
    runs = [project(alignment.of_words(*_words(alignment.first, note, part))) for part in parts]
    places = alignment.second.places
    return [
        (int(places[first, 0]), int(places[last - 1, 1])) for first, last in _joined(runs) or ()
    ]


def _words(texts: Texts, note: int, part: Span) -> Span:
    """The words of a note that share a character with a part, as words of all notes."""
    start, stop = texts.starts[note : note + 2]
    begins, ends = texts.places[start:stop].T
    first = int(start + np.searchsorted(ends, part[0], side="right"))
    return first, max(first, int(start + np.searchsorted(begins, part[1], side="left")))


def _joined(runs: Sequence[Span | None]) -> list[Span]:
    """Runs in their order, those that touch as one; none where one is missing."""
    joined: list[Span] = []
    for run in sorted(run for run in runs if run is not None) if None not in runs else ():
        if joined and run[0] <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(run[1], joined[-1][1])
        else:
            joined.append(run)
    return joined
