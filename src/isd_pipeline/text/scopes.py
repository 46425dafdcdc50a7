"""Which words of a statement a cue holds for.

Rules in the tradition of NegEx and ConText (Chapman et al., J Biomed Inform 2001; Harkema et al.,
J Biomed Inform 2009): a cue holds for what stands before or behind it, up to a phrase that ends it.
What is ours is how far it reaches in a list, whose items are parted by signs and joining words:

- its first item may have `FIRST` words, each further one `FURTHER`, and one with a verb is a clause
  of its own and no longer of the list ("no mass, and the liver shows steatosis");
- "or" and "and" come before its last item ("without masses or nodes, a hernia on the right");
- of "no wheezes, no rales, a murmur" each cue holds for its own item;
- a cue of another kind at the beginning of an item ends the list ("no fever, possible pneumonia").
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from isd_pipeline.text.cues import Cues, Kind, Role

FIRST, FURTHER = 8, 6  # words of the items behind a cue
BEFORE = 3  # words of the items before a cue, but for the one that it stands in
_SIGN = re.compile(r"[,;:()]|\n[^\S\n]*[-*#•]")
_BREAK = re.compile(r"[,;)]")  # nothing behind it belongs to a cue before it


@dataclass(frozen=True)
class Cue:
    """Why a stretch of a note is not plainly the patient's now: code points [begin, end)."""

    kind: Kind
    begin: int
    end: int


@dataclass(frozen=True)
class Scope:
    """The code points [begin, end) that a cue holds for, its own among them."""

    cue: Cue
    begin: int
    end: int


@dataclass(frozen=True)
class _Phrase:
    """A phrase of a statement: its place, its words [first, last), what it does."""

    begin: int
    end: int
    first: int
    last: int
    roles: tuple[Role, ...]

    @property
    def kinds(self) -> set[Kind]:
        """Of which it is a cue."""
        return {kind for kind, reach in self.roles if reach != "ends"}

    def reaches(self, kind: Kind) -> set[str]:
        """How it is a cue of a kind."""
        return {reach for of, reach in self.roles if of == kind} - {"ends"}

    def ends(self, kind: Kind) -> bool:
        """Whether cues of a kind stop at it."""
        return Role(kind, "ends") in self.roles


class Statement:
    """A statement of a text that `cues.plain` made: its words' places, one at least."""

    def __init__(self, plain: str, words: Sequence[tuple[int, int]], cues: Cues) -> None:
        self._cues, self._places = cues, words
        self._words = [plain[begin:end] for begin, end in words]
        gaps = [plain[a:b] for (_, a), (b, _) in pairwise(words)]
        starts = [n for n, gap in enumerate(gaps, 1) if self._joins(n) or _SIGN.search(gap)]
        self._items = [0, *starts]  # the words at which they begin
        self._contents = {start + self._joins(start) for start in self._items}
        self._breaks = {n for n, gap in enumerate(gaps, 1) if _BREAK.search(gap)}
        self._titled = {n for n, gap in enumerate(gaps, 1) if ":" in gap}
        found = cues.find(plain, words[0][0] - 1 if words[0][0] else 0, words[-1][1] + 1)
        begins, ends = [begin for begin, _ in words], [end for _, end in words]
        self._phrases = [
            _Phrase(begin, end, bisect_right(ends, begin), bisect_left(begins, end), roles)
            for begin, end, roles in found
        ]

    def scopes(self) -> Iterator[Scope]:
        """Those of all its cues; a cue that holds for nothing else holds for itself."""
        for phrase in self._phrases:
            for kind in phrase.kinds:
                first, last = self._held(phrase, kind)
                begin = min(phrase.begin, self._places[first][0])
                end = max(phrase.end, self._places[last - 1][1])
                yield Scope(Cue(kind, phrase.begin, phrase.end), begin, end)

    def _held(self, phrase: _Phrase, kind: Kind) -> tuple[int, int]:
        """The words [first, last), the cue's own among them.

        A cue that may stand before and behind stands behind where nothing follows it.
        """
        reaches = phrase.reaches(kind)
        last = phrase.last if reaches == {"after"} else self._until(phrase, kind, reaches)
        behind = "around" in reaches or ("after" in reaches and last == phrase.last)
        return self._since(phrase, kind) if behind else phrase.first, last

    def _until(self, phrase: _Phrase, kind: Kind, reaches: set[str]) -> int:
        """The word at which what stands behind a cue no longer belongs to it."""
        ends = [one.first for one in self._phrases if one.begin >= phrase.end and one.ends(kind)]
        limit = min(ends, default=len(self._words))
        if "sentence" in reaches:
            return limit
        if phrase.last in self._breaks:
            return phrase.last
        last = min(self._item_end(phrase.last), phrase.last + FIRST, limit)
        narrow, closed = "list" not in reaches or self._is_repeated(phrase, kind), False
        while last < limit and last in self._items and self._goes_on(last, kind, narrow, closed):
            closed = self._joins(last)
            last = min(self._item_end(last), limit)
        return last

    def _since(self, phrase: _Phrase, kind: Kind) -> int:
        """The first word of what stands before a cue and belongs to it."""
        ends = [one.last for one in self._phrases if one.end <= phrase.begin and one.ends(kind)]
        titled = [n for n in self._titled if n <= phrase.first]
        limit = max([*ends, *titled], default=0)
        if phrase.first <= limit:
            return phrase.first
        first = max(self._item_start(phrase.first), phrase.first - FIRST, limit)
        while first > limit and first in self._items:
            before = self._item_start(first)
            if self._is_clause(before, first, BEFORE):
                break
            first = max(before, limit)
        return first

    def _goes_on(self, start: int, kind: Kind, narrow: bool, closed: bool) -> bool:
        """Whether a list goes on with the item that begins at a word.

        A list that is `closed` by a joining word goes on with another one alone.
        """
        if closed and not self._joins(start):
            return False
        if narrow and self._words[start] not in self._cues.going_on:
            return False
        content = start + self._joins(start)
        others = (one for one in self._phrases if one.first == content and one.kinds)
        is_other = any(kind not in one.kinds for one in others)
        return not is_other and not self._is_clause(start, self._item_end(start), FURTHER)

    def _is_clause(self, start: int, end: int, most: int) -> bool:
        """Whether an item is too long for one of a list, or has a verb."""
        words = [word for word in self._words[start:end] if word not in self._cues.joining]
        return len(words) > most or any(word in self._cues.verbs for word in words)

    def _is_repeated(self, phrase: _Phrase, kind: Kind) -> bool:
        """Whether the next item or the last has a cue of the kind at its own beginning."""
        place = bisect_right(self._items, phrase.first)
        return any(
            one.first in self._contents
            and abs(bisect_right(self._items, one.first) - place) == 1
            and kind in one.kinds
            for one in self._phrases
        )

    def _item_end(self, word: int) -> int:
        """The word behind the item of a word."""
        n = bisect_right(self._items, word)
        return self._items[n] if n < len(self._items) else len(self._words)

    def _item_start(self, word: int) -> int:
        """The first word of the item of the word before one."""
        return self._items[bisect_left(self._items, word) - 1]

    def _joins(self, word: int) -> bool:
        return self._words[word] in self._cues.joining
