"""The statements of a note: its sentences, and the lines of its lists.

Hospital notes are broken into lines at a fixed width, which says nothing; but lists have a line an
item, often without a full stop. A line break ends a statement where the writer had room to go on:
where the next line's first word would have fitted into the columns that lines are broken at, or
where the next line begins with a bullet or a number. Behind a colon or a comma a list goes on.
And a full stop behind a word of four letters or more, which is no abbreviation, ends a sentence
before a small letter, too: "without incident. on day 2 he".

Axes: N words, runs of letters, digits and underscores; M statements.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from operator import itemgetter

import numpy as np

from isd_pipeline.text.sentences import sentence_starts

MOST = 150  # words of a statement; what goes on is another one
NARROWEST = 40  # columns at which lines are thought to be broken, at least
_WORD = re.compile(r"\w+")
_BULLET = re.compile(r"[^\S\n]*(?:[-*#•]|\d{1,2}[.)][^\S\n])")
_STOP = re.compile(r"[.?!](?<=[^\W\d_]{4}.)\s+(?=[a-z])")
_GOES_ON = (":", ",")


@dataclass(frozen=True)
class Statements:
    """Where the words stand, begin and end in code points of the note, [N], and which word each
    statement begins with, ascending, and N, [M + 1].
    """

    places: list[tuple[int, int]]
    starts: list[int]

    def words(self, begin: int, end: int) -> range:
        """The words that a stretch of the note touches."""
        first = bisect_right(self.places, begin, key=itemgetter(1))
        return range(first, bisect_left(self.places, end, key=itemgetter(0)))

    def at(self, word: int) -> int:
        """The number of the statement that a word is in."""
        return bisect_right(self.starts, word) - 1

    def of(self, number: int) -> list[tuple[int, int]]:
        """The places of the words of a statement."""
        return self.places[self.starts[number] : self.starts[number + 1]]


def statements_of(text: str) -> Statements:
    """The statements of a note, each with a word at least."""
    places = [found.span() for found in _WORD.finditer(text)]
    begins = [begin for begin, _ in places]
    starts = set(sentence_starts(text, np.array(begins, dtype=np.int64)).tolist())
    ends = chain(_lines(text), (found.end() for found in _STOP.finditer(text)))
    starts |= {bisect_left(begins, place) for place in ends} | {len(places)}
    short = (range(a, b, MOST) for a, b in pairwise(sorted(starts)))
    return Statements(places, [*chain.from_iterable(short), len(places)])


def _lines(text: str) -> Iterator[int]:
    """Where lines begin whose line break ends a statement."""
    lines = text.split("\n")
    width, place, listed = _width(lines), 0, False
    for last, line in pairwise(lines):
        place += len(last) + 1
        listed = last.rstrip().endswith(":") or (listed and _BULLET.match(last) is not None)
        if _is_apart(last.rstrip(), line, width, listed):
            yield place


def _width(lines: list[str]) -> int:
    """The columns that nine in ten lines fit into, of those that a line follows."""
    lengths = sorted(len(last.rstrip()) for last, line in pairwise(lines) if line.strip())
    return max(NARROWEST, lengths[int(0.9 * len(lengths))] if lengths else 0)


def _is_apart(last: str, line: str, width: int, listed: bool) -> bool:
    """Whether a line does not go on with what the last one says."""
    if last.endswith(_GOES_ON) or (listed and _BULLET.match(line)):
        return False
    first, *_ = line.split(maxsplit=1) or [""]
    return _BULLET.match(line) is not None or len(last) + 1 + len(first) <= width
