"""The sections of a note, by its headings in English or Spanish (`sections.toml`).

A heading is one of the file's phrases, in any case, that stands

- at the beginning of a line, behind a bullet or a number if there is one, with a colon or the end
  of the line behind it, or
- behind the end of a sentence, with a colon behind it.

A line that nothing but another title fills ("Wound care:", "REHABILITATION") is a heading, too:
its section has no name. A section goes on to the next heading; one of SHORT that begins in its
heading's line ends with that line, for what comes below it tells of the patient.
"""

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain, pairwise

from isd_pipeline.text.cues import any_of, plain, spelled

FAMILY = "family_history"
SHORT = (FAMILY, "allergies")
_BULLET = r"[^\S\n]*+(?:[-*#•][^\S\n]*+|\d{1,2}[.)][^\S\n]*+)?"
_TITLE = re.compile(
    rf"^{_BULLET}(?P<title>[A-ZÁÉÍÓÚÑ]"
    r"(?:[^\n.:;,]{1,40}(?=:)|[A-ZÁÉÍÓÚÑ /&-]{4,40})):?[^\S\n]*+$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Section:
    """A section [begin, end) of a note, in code points, with its heading [begin, heading_end).

    `name` is a key of `sections.toml`; None under a heading that the file does not know.
    """

    name: str | None
    begin: int
    heading_end: int
    end: int


def sections_of(text: str, language: str) -> list[Section]:
    """The sections of a note, in its order; what stands before the first heading is in none."""
    found = _headings(text, language)
    return [
        Section(name, begin, heading_end, _end(text, name, heading_end, end))
        for (begin, heading_end, name), (end, *_) in pairwise([*found, (len(text), 0, None)])
    ]


def section_at(sections: list[Section], place: int) -> Section | None:
    """The section that a place of the note is in, below its heading or in it."""
    n = bisect_right(sections, place, key=lambda section: section.begin) - 1
    return sections[n] if n >= 0 and place < sections[n].end else None


def _headings(text: str, language: str) -> list[tuple[int, int, str | None]]:
    """Begin, end and name of each."""
    names, *patterns = _known(language)
    titles: dict[int, tuple[int, str | None]] = {}
    for found in _TITLE.finditer(text):
        titles[found.start("title")] = found.end("title"), None
    lower = plain(text)
    for found in chain.from_iterable(pattern.finditer(lower) for pattern in patterns):
        name = names[" ".join(found["title"].split())]
        titles[found.start("title")] = found.end("title"), name
    return [(begin, *titles[begin]) for begin in sorted(titles)]


def _end(text: str, name: str | None, heading_end: int, end: int) -> int:
    """Where a section ends that could go on to `end`."""
    line_end = text.find("\n", heading_end, end)
    in_line = text[heading_end : line_end if line_end >= 0 else end].strip(" \t:.-")
    return line_end if name in SHORT and in_line and line_end >= 0 else end


@cache
def _known(language: str) -> tuple[dict[str, str], re.Pattern[str], re.Pattern[str]]:
    """The section of each phrase, and what finds headings at lines and behind sentences."""
    read = tomllib.loads(files(__package__).joinpath("sections.toml").read_text("utf-8"))
    known = read[language].items()
    names = {one: name for name, phrases in known for of in phrases for one in spelled(of)}
    title = f"(?P<title>{any_of(names).pattern})"
    at_line = re.compile(rf"^{_BULLET}{title}[^\S\n]*+(?::|\.?+[^\S\n]*+$)", re.M)
    return names, at_line, re.compile(rf"(?<=[.!?]\s){title}(?=:)")
