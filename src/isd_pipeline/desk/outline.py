"""The headings of a note, for its outline."""

from typing import NamedTuple

from isd_pipeline.text.cues import LANGUAGES, language_of
from isd_pipeline.text.sections import sections_of


class Heading(NamedTuple):
    """A heading, and where it begins in the note, in code points."""

    title: str
    begin: int


def outline(text: str, language: str | None = None) -> list[Heading]:
    """The headings of a note, in its order; its language is guessed where it is not given.

    >>> outline("Fever.\\nPAST HISTORY\\nNone. Plan: rest.")
    [Heading(title='PAST HISTORY', begin=7), Heading(title='Plan', begin=26)]
    """
    known = language if language in LANGUAGES else language_of(text)
    return [
        Heading(text[one.begin : one.heading_end].strip(" \t\r\n:."), one.begin)
        for one in sections_of(text, known)
    ]
