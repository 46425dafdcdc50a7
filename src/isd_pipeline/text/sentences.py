"""Where sentences begin, found in the note as it was written and said of its words.

Our words have lost punctuation and line breaks; their offsets lead back to it. A sentence ends

- at an empty line, and
- at a full stop, question or exclamation mark, with what closes quotes or brackets behind it, if
  white space follows and then no small letter ("b.i.d. for pain" goes on, "Dr. Lee" does not).

A single line break ends nothing: the lines of hospital notes are broken at a fixed width.
"""

from __future__ import annotations

import re

import numpy as np

_END = re.compile(r"""[.?!]["')\]]*\s++(?![a-z])|\n[^\S\n]*\n""")


def sentence_starts(text: str, begins: np.ndarray) -> np.ndarray:
    """At which words of a note sentences begin: int32, ascending; the first is 0.

    `begins` are the words' offsets in `text`, as `tokens.tokenize` gives them. A sentence
    without a word, such as the number of a list's item, begins nowhere. A note without words
    has no sentence.
    """
    ends = [0, *(match.end() for match in _END.finditer(text))]
    starts = np.unique(np.searchsorted(begins, ends))
    return starts[starts < len(begins)].astype(np.int32)
