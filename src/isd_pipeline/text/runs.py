"""Where the runs of letters and digits are that a tokeniser makes words of, whole arrays at a time.

A rule says what a run is with a regular expression, which alone decides. What it says of each
character is read off once, as a table; texts are then looked up in it. Those of Latin-1 are read
as bytes, in which a byte is a code point; others as four bytes a code point.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Literal

import numpy as np
import pyarrow as pa

from isd_pipeline.shapes import Bool, Int

AT_ONCE = 128  # texts that are read together: few enough for the processor's cache
Tokeniser = Literal["caml", "edin", "numerals"]


@dataclass(frozen=True)
class Rule:
    """`run` finds words and numerals, `spell` says how one is written, `is_numeral` what goes.

    `spares_borders`: a numeral at which a document begins or ends stays. `last`: a letter that
    ends its run, whatever follows; what else is in a run may be anywhere in it.
    """

    run: re.Pattern[str]
    is_numeral: Callable[[str], bool]
    spell: Callable[[str], str]
    spares_borders: bool = False
    last: str | None = None


# Two letters that are not ASCII are ASCII in lower case: the Kelvin sign is a k, and a capital I
# with a dot an i with a dot set over it, which is no letter any more and so ends the word.
RULES: dict[Tokeniser, Rule] = {
    "caml": Rule(re.compile(r"\w+"), str.isnumeric, str.lower),
    "numerals": Rule(re.compile(r"\w+"), lambda run: False, str.lower),
    "edin": Rule(
        re.compile("[A-Za-z0-9\u212a]*\u0130|[A-Za-z0-9\u212a]+"),
        str.isdecimal,
        lambda run: run.lower().removesuffix("\u0307"),
        spares_borders=True,
        last="\u0130",
    ),
}


@dataclass(frozen=True)
class Runs:
    """The R runs of some texts as they are written, numerals too, in reading order.

    begins, ends: int32 [R], each within its own text, in code points. sizes: how many each has.
    """

    words: pa.StringArray
    begins: Int[np.ndarray, " R"]
    ends: Int[np.ndarray, " R"]
    sizes: Int[np.ndarray, " texts"]


def runs_of(texts: Sequence[str], rule: Rule) -> list[Runs]:
    """The runs of one or more texts, in pieces that follow each other."""
    pieces = []
    for start in range(0, len(texts), AT_ONCE):
        for is_latin, some in groupby(texts[start : start + AT_ONCE], key=_is_latin):
            pieces.append((_of_latin if is_latin else _of_any)(list(some), rule))
    return pieces


def _is_latin(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _of_latin(texts: list[str], rule: Rule) -> Runs:
    joined = _side_by_side(texts).encode("latin-1")
    table = _in_runs(rule.run, 256).tobytes()
    is_in_run = np.frombuffer(joined.translate(table), dtype=bool)
    letters = joined.translate(None, delete=bytes(code for code in range(256) if not table[code]))
    if letters.isascii():
        return _runs(texts, is_in_run, letters)
    is_long = np.frombuffer(letters, dtype=np.uint8) > 127
    return _runs(texts, is_in_run, letters.decode("latin-1").encode(), longer=is_long)


def _of_any(texts: list[str], rule: Rule) -> Runs:
    joined = _side_by_side(texts).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(joined, dtype=np.uint32)
    is_in_run = _in_runs(rule.run, 0x110000).take(codes)
    letters = codes[is_in_run]
    longer = (letters > 0x7F).astype(np.uint8) + (letters > 0x7FF) + (letters > 0xFFFF)
    utf8 = letters.tobytes().decode("utf-32-le").encode()
    cuts = np.zeros(0, dtype=np.int64)
    if rule.last is not None:
        cuts = np.flatnonzero(codes == ord(rule.last))
        cuts = cuts[is_in_run[cuts + 1]]
    return _runs(texts, is_in_run, utf8, longer, cuts)


def _side_by_side(texts: list[str]) -> str:
    """So that no run crosses a border, and none is at the very beginning or end."""
    return "\n".join(["", *texts, ""])


@cache
def _in_runs(run: re.Pattern[str], codes: int) -> Bool[np.ndarray, " codes"]:
    """Which of the first code points stand within a run."""
    is_in_run = np.zeros(codes, dtype=bool)
    for found in run.finditer("".join(map(chr, range(codes)))):
        is_in_run[found.start() : found.end()] = True
    return is_in_run


def _runs(
    texts: list[str],
    is_in_run: Bool[np.ndarray, " C"],
    letters: bytes,
    longer: np.ndarray | None = None,
    cuts: Int[np.ndarray, " cuts"] | None = None,
) -> Runs:
    """Runs by what each of C characters is.

    letters: those in runs, in UTF-8. longer: of each of them by how many bytes it is longer than
    one, None of none. cuts: characters behind which a run ends and another begins.
    """
    edges = np.flatnonzero(is_in_run[1:] != is_in_run[:-1])  # counted without the first line end
    begins, ends = edges[::2], edges[1::2]
    if cuts is not None and len(cuts):
        begins, ends = (np.sort(np.concatenate([places, cuts])) for places in (begins, ends))
    begins, ends = begins.astype(np.int32), ends.astype(np.int32)
    places = np.cumsum([0, *(len(text) + 1 for text in texts)]).astype(np.int32)
    sizes = np.diff(np.searchsorted(begins, places))
    before = np.repeat(places[:-1], sizes)
    offsets = _summed(ends - begins)
    if longer is not None:
        offsets += _summed(longer)[offsets]
    words = (pa.py_buffer(offsets), pa.py_buffer(letters))
    array = pa.StringArray.from_buffers(len(begins), *words)
    return Runs(array, begins - before, ends - before, sizes)


def _summed(sizes: np.ndarray) -> Int[np.ndarray, " sizes+1"]:
    """Where parts of these sizes begin that follow each other, and the end, int32."""
    starts = np.zeros(len(sizes) + 1, dtype=np.int32)
    np.cumsum(sizes, out=starts[1:])
    return starts
