"""Where sentences begin, found in notes as they were written and said of their words.

Our words have lost punctuation and line breaks; their offsets lead back to it. A sentence ends

- at an empty line, and
- at a full stop, question or exclamation mark, with what closes quotes or brackets behind it, if
  white space follows and then no small letter ("b.i.d. for pain" goes on, "Dr. Lee" does not).

A single line break ends nothing: the lines of hospital notes are broken at a fixed width.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

_END = re.compile(r"""[.?!\n](?:(?<=\n)[^\S\n]*+\n|(?<!\n)["')\]]*+\s++(?![a-z]))""")
_BETWEEN = "\n\n"  # notes that are read together: an empty line


def sentence_starts(text: str, begins: np.ndarray) -> np.ndarray:
    """At which words of a note sentences begin: int32, ascending; the first is 0.

    `begins` are the words' offsets in `text`, as `tokens.tokenize` gives them. A sentence
    without a word, such as the number of a list's item, begins nowhere. A note without words
    has no sentence.
    """
    ends = [0, *(match.end() for match in _END.finditer(text))]
    starts = np.unique(np.searchsorted(begins, ends))
    return starts[starts < len(begins)].astype(np.int32)


def all_sentence_starts(
    texts: Sequence[str], begins: np.ndarray, note_starts: np.ndarray
) -> np.ndarray:
    """The same for the words of several notes, one after the other; each note begins anew.

    `begins` count within a word's own note; `note_starts` [notes + 1] are the words at which the
    notes begin, and how many words there are.
    """
    sizes = [len(text) + len(_BETWEEN) for text in texts]
    offsets = np.cumsum([0, *sizes])[:-1]
    places = begins + np.repeat(offsets, np.diff(note_starts))
    return sentence_starts(_BETWEEN.join(texts), places)
