"""One form for what can be written in several, with the way back to the note as it was written.

The same word reaches us in many forms: an accent as a sign of its own, a ligature, letters of full
width, a soft hyphen or an invisible sign within it, markup of the web page that it came from, or
a line end that an export wrote as two letters. In normal form they are one:

- HTML's entities and tags, `\\n`, `\\t` and `\\u00e1` typed as text and Excel's `_x000D_` are what
  they stand for;
- what Unicode ignores by default (soft hyphens, zero-width signs) is gone, a soft hyphen with the
  line end behind it;
- ligatures, presentation forms and letters of other widths are their common letters, as NFKC has
  them (superscripts, fractions and signs stay: m² is not m2);
- letters are composed with their accents (NFC).

`normal_form` changes nothing else. `lines_joined` mends words that a hyphen parts at a line end,
which only a vocabulary can tell from others ("pneu-/monia", not "x-/ray").
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from html.entities import html5
from itertools import chain

import numpy as np

from isd_pipeline.shapes import Int

_ENTITY = re.compile(
    r"&(?:(?:amp|#38);)*(?P<entity>#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});"
)
_TAG = re.compile(
    r"</?(?P<tag>br|p|div|li|ul|ol|tr|td|th|table|thead|tbody|hr|h[1-6]|pre|blockquote"
    r"|sub|sup|b|i|u|em|strong|font|span|a|small|mark|code|html|body)"
    r"""(?:\s+[a-z][\w:-]*\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))*\s*/?>""",
    re.IGNORECASE,
)
_WITHIN_LINES = frozenset(("b", "i", "u", "em", "strong", "font", "span", "a", "small", "mark"))
_ESCAPE = re.compile(
    r"\\+(?:(?P<line>r\\+n)|(?P<letter>[nrt])|u(?![dD][89a-fA-F])(?P<code>[0-9a-fA-F]{4}))"
)
_EXCEL = re.compile(r"_x(?![dD][89a-fA-F])(?P<code>[0-9a-fA-F]{4})_")
_SOFT_LINE_END = re.compile("\u00ad[^\\S\n]*\r?\n[^\\S\n]*")
_LINE_END = re.compile(  # at the first letter of a word alone: else each would be tried to the end
    "(?<![^\\W\\d_])(?P<head>[^\\W\\d_]{2,})(?P<gap>[-\u2010\u2011\u00ac][^\\S\n]*\r?\n[^\\S\n]*)(?=(?P<tail>\\w{2,}))"
)
_IGNORED = (  # Default_Ignorable_Code_Point of the Unicode Character Database
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
_OTHER_FORMS = ("wide", "narrow", "font", "initial", "medial", "final", "isolated", "square")
_SCRIPTS = (  # all letters but ideographs and syllables of Hangul, which are many and have one form
    *(range(0x80, 0x3400), range(0xA000, 0xAC00), range(0xD7B0, 0xD800), range(0xF900, 0x20000)),
    range(0x2F800, 0x2FA20),
)
_VOWELS_AND_FINALS = range(0x1160, 0x1200)  # of Hangul: they compose with what is before them
_TYPED_APOSTROPHE = 0x2BC  # a letter to Unicode, which would make don't one word


@dataclass(frozen=True)
class NormalText:
    """A text in normal form. Its character n is written in [begins[n], ends[n]) of the note.

    begins, ends: [N]; None of a text that is as it was written.
    """

    text: str
    begins: Int[np.ndarray, " N"] | None = None
    ends: Int[np.ndarray, " N"] | None = None

    def written(
        self, begins: Int[np.ndarray, " W"], ends: Int[np.ndarray, " W"]
    ) -> tuple[Int[np.ndarray, " W"], Int[np.ndarray, " W"]]:
        """Where stretches of the normal text, none of them empty, stand in the note."""
        if self.begins is None or self.ends is None:
            return begins, ends
        return self.begins[begins], self.ends[ends - 1]

    def place(self, begin: int, end: int) -> tuple[int, int]:
        """The same of one stretch."""
        if self.begins is None or self.ends is None:
            return begin, end
        return int(self.begins[begin]), int(self.ends[end - 1])

    def found(self, begin: int, end: int) -> tuple[int, int]:
        """Where a stretch of the note stands in the normal text."""
        if self.begins is None or self.ends is None:
            return begin, end
        first = int(np.searchsorted(self.ends, begin, side="right"))
        return first, max(first, int(np.searchsorted(self.begins, end)))

    def replaced(self, changes: Iterable[tuple[int, int, str]]) -> "NormalText":
        """With stretches [begin, end) replaced; they ascend and none overlaps another."""
        changed = [one for one in changes if self.text[one[0] : one[1]] != one[2]]
        if not changed:
            return self
        pieces, last = [], 0
        sizes, stops = np.ones(len(self.text), np.int64), np.arange(1, len(self.text) + 1)
        for begin, end, new in changed:
            pieces += [self.text[last:begin], new]
            sizes[begin:end] = 0
            sizes[begin], stops[begin], last = len(new), end, end
        sources = np.repeat(np.arange(len(self.text)), sizes)
        begins, ends = self.written(sources, stops[sources])
        text = "".join([*pieces, self.text[last:]])
        return NormalText(text, begins.astype(np.int32), ends.astype(np.int32))


def normal_form(text: str) -> NormalText:
    """The normal form of a text; of one that is so already, the text itself."""
    normal = NormalText(text)
    if _has_markup(text):
        normal = _without_markup(normal)
    if not normal.text.isascii() and _has_other_letters(normal.text):
        normal = _with_common_letters(normal)
    return normal


def lines_joined(normal: NormalText, is_word: Callable[[str], bool]) -> NormalText:
    """Without the hyphens and line ends that part what `is_word` knows as one word.

    Both parts have two letters or more; a word that is parted twice is left alone.
    """
    parted = (one for one in _LINE_END.finditer(normal.text) if is_word(one["head"] + one["tail"]))
    return normal.replaced((*one.span("gap"), "") for one in parted)


def _has_markup(text: str) -> bool:
    """Plain searches first, for most notes have no such sign at all."""
    return any(sign in text and pattern.search(text) for sign, (pattern, _) in _MARKUP.items())


def _has_other_letters(text: str) -> bool:
    """Bytes of Latin-1 are code points; most notes with accents have no other letters."""
    with suppress(UnicodeEncodeError):
        read = text.encode("latin-1")
        return any(code in read for code in _other_bytes())
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return bool(_other_letters().take(codes).any())


def _without_markup(normal: NormalText) -> NormalText:
    for pattern, sign_for in _MARKUP.values():
        found = pattern.finditer(normal.text)
        normal = normal.replaced((*one.span(), sign_for(one)) for one in found)
    return normal


def _for_entity(entity: re.Match[str]) -> str:
    """What an entity stands for, itself if there is none of its name."""
    name = entity["entity"]
    return html.unescape(f"&{name};") if name[0] == "#" else html5.get(f"{name};", entity[0])


def _for_tag(tag: re.Match[str]) -> str:
    name = tag["tag"].lower()
    return "" if name in ("sub", "sup") else " " if name in _WITHIN_LINES else "\n"


def _for_escape(escape: re.Match[str]) -> str:
    """What an escaped sign stands for; "o\\n" and "c\\t", one letter each, are abbreviations."""
    if escape["code"]:
        return chr(int(escape["code"], 16))
    text, (begin, end) = escape.string, escape.span()
    before, behind = text[max(begin - 2, 0) : begin], text[end : end + 1]
    one_letter = before[-1:].isalpha() and not before[:-1].isalnum() and not behind.isalnum()
    if escape["letter"] and one_letter:
        return escape[0]
    return "\t" if escape["letter"] == "t" else "\n"


def _for_code(code: re.Match[str]) -> str:
    return chr(int(code["code"], 16))


_MARKUP = {  # in the order in which they are read: an entity may hide a tag
    "&": (_ENTITY, _for_entity),
    "<": (_TAG, _for_tag),
    "\\": (_ESCAPE, _for_escape),
    "_x": (_EXCEL, _for_code),
}


def _with_common_letters(normal: NormalText) -> NormalText:
    soft = _SOFT_LINE_END.finditer(normal.text)
    normal = normal.replaced((*one.span(), "") for one in soft)
    common, pattern, accents = _common_letters()
    letters = pattern.finditer(normal.text)
    normal = normal.replaced((*one.span(), common[one[0]]) for one in letters)
    return normal.replaced(_composed(normal.text, accents))


def _composed(text: str, accents: re.Pattern[str]) -> Iterator[tuple[int, int, str]]:
    """Each letter with the accents behind it, as one if there is such a one."""
    for found in accents.finditer(text):
        begin = max(found.start() - 1, 0)
        yield begin, found.end(), unicodedata.normalize("NFC", text[begin : found.end()])


@cache
def _common_letters() -> tuple[dict[str, str], re.Pattern[str], re.Pattern[str]]:
    """What letters and invisible signs are in normal form; what finds them; what finds accents."""
    common, accents = {chr(_TYPED_APOSTROPHE): "'"}, []
    for first, last in _IGNORED:
        common |= {chr(code): "" for code in range(first, last + 1)}
    for letter in map(chr, chain(*_SCRIPTS)):
        if unicodedata.category(letter)[0] == "M" or ord(letter) in _VOWELS_AND_FINALS:
            accents.append(letter)
        elif (new := _common(letter)) != letter:
            common.setdefault(letter, new)
    accents = [letter for letter in accents if letter not in common]
    return common, re.compile(f"[{''.join(common)}]"), re.compile(f"[{''.join(accents)}]+")


def _common(letter: str) -> str:
    """One letter as it is commonly written; a sign that stands for several words stays."""
    kind = unicodedata.decomposition(letter).partition(">")[0].removeprefix("<")
    widely = unicodedata.normalize("NFKC", letter)
    if (kind in _OTHER_FORMS and len(widely) == 1) or (
        kind in (*_OTHER_FORMS, "compat") and widely.isalnum()
    ):
        return widely
    return unicodedata.normalize("NFC", letter)


@cache
def _other_letters() -> np.ndarray:
    """Of each code point, whether a text with it may have another normal form; bool [1114112]."""
    common, _, accents = _common_letters()
    is_other = np.zeros(0x110000, dtype=bool)
    is_other[[ord(letter) for letter in (*common, *accents.pattern[1:-2])]] = True
    return is_other


@cache
def _other_bytes() -> list[int]:
    """Those of Latin-1."""
    return np.flatnonzero(_other_letters()[:256]).tolist()
