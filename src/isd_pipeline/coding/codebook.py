"""The codes that a coder may give, by words and by chapter and category.

They are those of the bundle and, of a coding system whose code book it holds, all billable ones.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile

from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.systems import system_of
from isd_pipeline.coding.view_bundle import ViewBundle
from isd_pipeline.data.codes import coding_systems, icd, icdo3
from isd_pipeline.data.codes.book import Book, unpack
from isd_pipeline.data.codes.book_search import fold, search
from isd_pipeline.data.codes.titles import called

CHAPTERS: dict[str, Callable[[str], str]] = {
    coding_systems.ICD9CM: lambda code: icd.icd9_chapter(code, icd.DIAGNOSIS),
    coding_systems.ICD9PROC: lambda code: icd.icd9_chapter(code, icd.PROCEDURE),
    coding_systems.ICD10CM: icd.icd10_chapter,
    coding_systems.ICD10PCS: icd.icd10_section,
}
HANGING = {"with", "without", "of", "in", "due", "to", "and", "or", "the", "other", "unspecified"}
LOOKED_AT = 300  # entries of a book, of which those that may not be billed are left out


@dataclass(frozen=True)
class Above:
    """What a code stands below; its title is empty where none is known."""

    code: str
    title: str


@dataclass(frozen=True)
class Listed:
    """A code: its title, its coding system, what it stands below.

    `seen` is how many training documents have it, 0 of a code that is the book's alone. `title_of`
    is the code whose title it has, where it has none of its own.
    """

    code: str
    title: str
    system: str
    chapter: str
    category: str
    seen: int
    title_of: str | None = None

    @property
    def called(self) -> str:
        """Its title as people read it."""
        return called(self.title, self.title_of)


class Codebook:
    """The codes of a bundle, and those of its code books."""

    def __init__(self, bundle: Bundle | ViewBundle) -> None:
        of = bundle if isinstance(bundle, Bundle) else next(iter(bundle.views.values()))
        self._codes = {one.code: one for one in _listed(bundle, of.revision)}
        self._books = [unpack(packed) for packed in of.books.values()]
        self._tree = self._grow()

    def __contains__(self, code: str) -> bool:
        return code in self._codes or self._book_of(code) is not None

    def __getitem__(self, code: str) -> Listed:
        if code in self._codes:
            return self._codes[code]
        book = self._book_of(code)
        if book is None:
            raise KeyError(code)
        return _of_book(book.system, code, book.entry(code).title)

    def _book_of(self, code: str) -> Book | None:
        """The book that has a code, if it may be billed."""
        having = (book for book in self._books if code in book)
        return next((book for book in having if book.entry(code).billable), None)

    @property
    def systems(self) -> list[str]:
        """The coding systems of its codes, by their names."""
        systems = {one.system for one in self._codes.values()} | {b.system for b in self._books}
        return sorted(coding_systems.NAMES.get(system, system) for system in systems)

    @property
    def chapters(self) -> list[str]:
        """The chapters, in their order."""
        return list(self._tree)

    def categories(self, chapter: str) -> dict[str, str]:
        """The categories of a chapter, in their order, each with a title; KeyError for none."""
        return {name: self._title(name, codes) for name, codes in self._tree[chapter].items()}

    def codes(self, chapter: str, category: str) -> list[Listed]:
        """The codes of a category of a chapter, in their order."""
        return self._tree[chapter][category]

    def search(self, words: str, most: int = 50) -> list[Listed]:
        """The bundle's codes that begin with what was typed, then those whose titles have all its
        words, of these the one seen most often in training first; then what the books find, by
        their terms too.

        A word may be cut short; case, accents and a code's dot do not count.
        """
        in_books = (
            self[entry.code]
            for book in self._books
            for entry in search(book, words, LOOKED_AT)
            if entry.billable
        )
        return list(dict.fromkeys([*self._search_own(words), *in_books]))[:most]

    def above(self, code: str) -> list[Above]:
        """What a code stands below, nearest first: in a book to its chapter, else its parents."""
        book = next((book for book in self._books if code in book), None)
        if book is not None:
            return [Above(entry.code, entry.title) for entry in book.ancestors(code)]
        titles = {one: self._codes[one].title for one in self._codes}
        return [Above(one, titles.get(one, "")) for one in icd.parents(code)]

    def _search_own(self, words: str) -> list[Listed]:
        typed = fold(words).split()
        if not typed:
            return []
        begun = icd.undot("".join(typed))
        by_code = [code for code, (bare, _) in self._folded.items() if bare.startswith(begun)]
        by_title = [
            code
            for code, (_, title) in self._folded.items()
            if code not in by_code and all(f" {word}" in title for word in typed)
        ]
        by_title.sort(key=lambda code: -self._codes[code].seen)
        return [self._codes[code] for code in by_code + by_title]

    def _title(self, category: str, codes: Sequence[Listed]) -> str:
        """A category's own title, or the words with which the titles of all its codes begin.

        Where they begin with none, its first code's, as an example.
        """
        if category in self._codes:
            return self._codes[category].title
        for book in self._books:
            if category in book and book.system == codes[0].system:
                return book.entry(category).title
        columns = zip(*(one.title.split() for one in codes), strict=False)
        words = [column[0] for column in takewhile(lambda of: len(set(of)) == 1, columns)]
        while words and words[-1].lower() in HANGING:
            words.pop()
        return " ".join(words).rstrip(",") or f"{codes[0].title} …"

    @cached_property
    def _folded(self) -> dict[str, tuple[str, str]]:
        """What is searched of each code: itself without a dot, and its title's words."""
        return {
            code: (fold(icd.undot(code)), " " + " ".join(re.findall(r"\w+", fold(one.title))))
            for code, one in self._codes.items()
        }

    def _grow(self) -> dict[str, dict[str, list[Listed]]]:
        """All codes by chapter and category: of 75,000 in about a second."""
        tree: dict[str, dict[str, list[Listed]]] = {}
        for one in sorted(self._all(), key=lambda one: (one.system, one.code)):
            tree.setdefault(one.chapter, {}).setdefault(one.category, []).append(one)
        return tree

    def _all(self) -> Iterator[Listed]:
        yield from self._codes.values()
        for book in self._books:
            titles = dict(zip(book.codes, book.table["title"].to_pylist(), strict=True))
            for upper in book.chapters():
                for code in book.leaves(upper.code) or [upper.code]:
                    if code not in self._codes:
                        yield _of_book(book.system, code, titles[code])


def _of_book(system: str, code: str, title: str) -> Listed:
    return Listed(code, title, system, *_above(code, system), seen=0)


def _listed(bundle: Bundle | ViewBundle, revision: str) -> Iterator[Listed]:
    """The bundle's own codes, diagnoses before procedures."""
    codes = bundle.codes
    rows = zip(codes.codes, codes.systems, codes.titles, bundle.training_counts, strict=True)
    for code, kind, title, seen in sorted(rows, key=lambda row: row[1]):
        system = system_of(code, kind, revision) or bundle.cohort
        above = _above(code, system)
        yield Listed(code, title, system, *above, seen, codes.title_of.get(code))


def _above(code: str, system: str) -> tuple[str, str]:
    """Chapter and category of a code.

    >>> _above("I25.10", "icd10cm"), _above("k11", "own")
    (('I00-I99 circulatory', 'I25'), ('own', 'k11'))
    >>> _above("8140/3", "own")
    ('814-838 adenomas and adenocarcinomas', '8140')
    """
    if system in coding_systems.OFFICIAL:
        kind = coding_systems.kind_of(system)
        return CHAPTERS[system](code), icd.category(code, kind).partition(":")[2]
    if icdo3.is_morphology(code):
        top, _, title = icdo3.rows_over(code)[-1]
        return f"{top} {title}".strip(), icdo3.above(code)[0]
    return system, code
