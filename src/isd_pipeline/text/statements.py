"""The statements of a note: its sentences, and the lines of its lists.

Hospital notes are broken into lines at a fixed width, which says nothing; but lists have a line an
item, often without a full stop. A line break ends a statement where the writer had room to go on:
where the next line's first word would have fitted into the longest line of its paragraph, or where
the next line begins with a bullet or a number. Behind a colon or a comma a list goes on.

Axes: N words, runs of letters, digits and underscores; M statements.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from isd_pipeline.text.sentences import sentence_starts

NARROWEST = 40  # columns at which lines are thought to be broken, at least
_WORD = re.compile(r"\w+")
_BULLET = re.compile(r"[^\S\n]*(?:[-*#•]|\d{1,2}[.)][^\S\n])")
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
    starts |= {bisect_left(begins, place) for place in _lines(text)}
    return Statements(places, sorted(starts | {len(places)}))


def _lines(text: str) -> Iterator[int]:
    """Where lines begin whose line break ends a statement."""
    place = 0
    for paragraph in re.split(r"(\n[^\S\n]*\n)", text):
        lines = paragraph.split("\n")
        width = max(NARROWEST, *(len(line.rstrip()) for line in lines))
        listed = False
        for n, line in enumerate(lines):
            if n and _is_apart(lines[n - 1].rstrip(), line, width, listed):
                yield place
            listed = line.rstrip().endswith(":") or (listed and _BULLET.match(line) is not None)
            place += len(line) + 1
        place -= 1


def _is_apart(last: str, line: str, width: int, listed: bool) -> bool:
    """Whether a line does not go on with what the last one says."""
    if last.endswith(_GOES_ON) or (listed and _BULLET.match(line)):
        return False
    first = line.split(maxsplit=1)[:1] or [""]
    return _BULLET.match(line) is not None or len(last) + 1 + len(first[0]) <= width
