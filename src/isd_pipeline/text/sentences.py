"""Where sentences begin, found in notes as they were written and said of their words.

Our words have lost punctuation and line breaks; their offsets lead back to it. A sentence ends

- at an empty line, and
- at a full stop, question or exclamation mark, with what closes quotes or brackets behind it, if
  white space follows and then no small letter ("b.i.d. for pain" goes on, "Dr. Lee" does not).

A single line break ends nothing: the lines of hospital notes are broken at a fixed width.
"""

import re
from collections.abc import Sequence

import numpy as np

_FOREIGN = re.compile(r"[^\x00-\x7f]")
_BETWEEN = "\n\n"  # notes that are read together: an empty line
_STOP, _CLOSER, _SMALL, _SPACE, _LINE_END = range(1, 6)


def _kind(letter: str) -> int:
    """What a character does to a sentence: 0 nothing."""
    if letter.isspace():
        return _LINE_END if letter == "\n" else _SPACE
    if "a" <= letter <= "z":
        return _SMALL
    return _STOP * (letter in ".?!") + _CLOSER * (letter in "\"')]")


_KINDS = bytes(_kind(chr(code)) for code in range(128)).ljust(256, b"\0")


def sentence_starts(text: str, begins: np.ndarray) -> np.ndarray:
    """At which words of a note sentences begin: int32, ascending; the first is 0.

    `begins` are the words' offsets in `text`, as `tokens.tokenize` gives them. A sentence
    without a word, such as the number of a list's item, begins nowhere. A note without words
    has no sentence.
    """
    is_first = np.zeros(len(begins) + 1, dtype=bool)
    is_first[np.searchsorted(begins, _ends(text))] = True
    return np.flatnonzero(is_first[:-1]).astype(np.int32)


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


def _ends(text: str) -> np.ndarray:
    """Where sentences can begin: 0, and behind every end, in no order. Whole arrays at a time."""
    plain = text if text.isascii() else _FOREIGN.sub(_as_ascii, text)
    kinds = np.frombuffer(plain.encode("ascii").translate(_KINDS) + b"\0", dtype=np.uint8)
    stops = _past(np.flatnonzero(kinds == _STOP) + 1, kinds == _CLOSER)
    is_white = kinds >= _SPACE
    spaced = _past(stops[is_white[stops]], is_white)
    lines = _past(np.flatnonzero(kinds == _LINE_END) + 1, kinds == _SPACE)
    empty = lines[kinds[lines] == _LINE_END] + 1
    return np.concatenate([[0], spaced[kinds[spaced] != _SMALL], empty]).astype(np.int64)


def _as_ascii(match: re.Match[str]) -> str:
    """Of what is not ASCII, only white space matters."""
    return " " if match[0].isspace() else "A"


def _past(places: np.ndarray, is_one: np.ndarray) -> np.ndarray:
    """The places moved behind the run of such characters that they stand at the beginning of."""
    moving = np.flatnonzero(is_one[places])
    while len(moving):
        places[moving] += 1
        moving = moving[is_one[places[moving]]]
    return places
