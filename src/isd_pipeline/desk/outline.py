"""The headings of a note, for its outline."""

import re
from typing import NamedTuple

# A line of few words that begins as a title does, up to a colon or, in capitals, to its end.
_HEADING = re.compile(
    r"^[^\S\n]*(?P<title>[^\W\d_a-z][^\n.:;,]{2,40}(?=:)|[A-ZÁÉÍÓÚÑ][^\n.:;,a-z]{3,40}(?=[^\S\n]*$))",
    re.MULTILINE,
)
MOST_WORDS = 6


class Heading(NamedTuple):
    """A heading, and where its line begins in the note, in code points."""

    title: str
    begin: int


def outline(text: str) -> list[Heading]:
    """The headings of a note, in its order.

    >>> outline("Fever.\\nPAST HISTORY\\nNone. Plan: rest.\\nPlan: rest")
    [Heading(title='PAST HISTORY', begin=7), Heading(title='Plan', begin=38)]
    """
    found = ((match["title"].strip(), match.start("title")) for match in _HEADING.finditer(text))
    return [Heading(title, begin) for title, begin in found if len(title.split()) <= MOST_WORDS]
