"""Where sentences begin, found in notes as they were written and said of their words.

Our words have lost punctuation and line breaks; their offsets lead back to it. A sentence ends

- at an empty line, and
- at a full stop, question or exclamation mark, with what closes quotes or brackets behind it, if
  white space follows and then no small letter ("b.i.d. for pain" goes on, "Dr. Lee" does not).

A single line break ends nothing: the lines of hospital notes are broken at a fixed width.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

_BETWEEN = "\n\n"  # notes that are read together: an empty line
BEYOND_SPACES = 0x3001  # no code point from here on is white space
_STOP, _CLOSER, _SMALL, _SPACE, _LINE_END = range(1, 6)


def _kind(letter: str) -> int:
    """What a character does to a sentence: 0 nothing."""
    if letter.isspace():
        return _LINE_END if letter == "\n" else _SPACE
    if "a" <= letter <= "z":
        return _SMALL
    return _STOP * (letter in ".?!") + _CLOSER * (letter in "\"')]")


@cache
def _kinds(codes: int) -> bytes:
    """Of each of the first code points what it does."""
    return bytes(map(_kind, map(chr, range(codes))))


def sentence_starts(text: str, begins: np.ndarray) -> np.ndarray:
    """At which words of a note sentences begin: int32, ascending; the first is 0.

    `begins` are the words' offsets in `text`, as `tokens.tokenize` gives them. A sentence
    without a word, such as the number of a list's item, begins nowhere. A note without words
    has no sentence.
    """
    return _starts(_read(text), begins)


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
    return _starts(_read(_BETWEEN).join(map(_read, texts)), places)


def _read(text: str) -> bytes:
    """What each character does. Of Latin-1 a byte is a code point, of other texts it is four."""
    try:
        return text.encode("latin-1").translate(_kinds(256))
    except UnicodeEncodeError:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        kinds = np.frombuffer(_kinds(BEYOND_SPACES + 1), dtype=np.uint8)
        return kinds[np.minimum(codes, BEYOND_SPACES)].tobytes()


def _starts(read: bytes, begins: np.ndarray) -> np.ndarray:
    is_first = np.zeros(len(begins) + 1, dtype=bool)
    is_first[np.searchsorted(begins, _ends(read))] = True
    return np.flatnonzero(is_first[:-1]).astype(np.int32)


def _ends(read: bytes) -> np.ndarray:
    """Where sentences can begin: 0, and behind every end, in no order. Whole arrays at a time."""
    kinds = np.frombuffer(read + b"\0", dtype=np.uint8)
    stops = _past(np.flatnonzero(kinds == _STOP) + 1, kinds == _CLOSER)
    is_white = kinds >= _SPACE
    spaced = _past(stops[is_white[stops]], is_white)
    lines = _past(np.flatnonzero(kinds == _LINE_END) + 1, kinds == _SPACE)
    empty = lines[kinds[lines] == _LINE_END] + 1
    return np.concatenate([[0], spaced[kinds[spaced] != _SMALL], empty]).astype(np.int64)


def _past(places: np.ndarray, is_one: np.ndarray) -> np.ndarray:
    """The places moved behind the run of such characters that they stand at the beginning of."""
    moving = np.flatnonzero(is_one[places])
    while len(moving):
        places[moving] += 1
        moving = moving[is_one[places[moving]]]
    return places
