"""Codes of a book by code, title or term, whatever their case and accents.

Axes: K rows of the book that fit.
"""

import re
import unicodedata
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isd_pipeline.data.codes.book import Book, Entry
from isd_pipeline.data.codes.icd import undot
from isd_pipeline.shapes import Int

BETWEEN = "\n"  # the names of a code
Rows = Int[np.ndarray, " K"]


def search(book: Book, query: str, limit: int = 20) -> list[Entry]:
    """The entries that fit a query best.

    First the code that it is, with its dot or without; then codes that begin with it; then those
    of which a name, title or term, is the query; then begins with it; then those that have all its
    words, or words that begin so, in their title; then in their names. Each in the book's order.
    """
    words = fold(query).split()
    if not words or limit < 1:
        return []
    rows = [*_codes(book, "".join(words)), *_named(book, words)]
    found = dict.fromkeys(np.concatenate(rows).tolist())
    return [book.entry_at(row) for row in list(found)[:limit]]


def fold(text: str) -> str:
    """Lower case without accents.

    >>> fold("Ménière's disease")
    "meniere's disease"
    """
    parts = unicodedata.normalize("NFD", text.lower())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


def _codes(book: Book, query: str) -> tuple[Rows, Rows]:
    """The rows whose code a query is, and those whose code begins with it."""
    codes, bare = _bare_codes(book), undot(query)
    return _where(pc.equal(codes, bare)), _where(pc.starts_with(codes, pattern=bare))


def _named(book: Book, words: list[str]) -> tuple[Rows, ...]:
    """The rows of which a name is the query, or begins with it; whose title, or all names, have
    every word.
    """
    names, rows = _names(book), np.arange(len(book))
    for word in words:  # bare at first, which is ten times as fast as a pattern
        fits = pc.match_substring(names, word)
        names, rows = names.filter(fits), rows[_where(fits)]
    in_names, in_title = (_every(names, words, where) for where in (r"\b", rf"\A[^{BETWEEN}]*\b"))
    phrase = " ".join(words)
    same, begins = (_every(names, [phrase], "(?m)^", end) for end in ("$", r"\b"))
    return tuple(rows[fits] for fits in (same, begins, in_title, in_names))


def _every(names: pa.Array, words: list[str], before: str, behind: str = "") -> Rows:
    """The places of names in which every word stands behind a pattern, and before another."""
    patterns = [f"{before}{re.escape(word)}{behind}" for word in words]
    fits = [np.asarray(pc.match_substring_regex(names, pattern)) for pattern in patterns]
    return np.flatnonzero(np.logical_and.reduce(fits))


def _where(fits: pa.Array) -> Rows:
    return np.flatnonzero(np.asarray(fits))


@lru_cache(maxsize=4)
def _bare_codes(book: Book) -> pa.Array:
    codes = book.table["code"].combine_chunks()
    return pc.utf8_lower(pc.replace_substring(codes, ".", ""))


@lru_cache(maxsize=4)
def _names(book: Book) -> pa.Array:
    """Title and terms of each row, folded, a name a line."""
    title, terms = (book.table[name].combine_chunks() for name in ("title", "terms"))
    parts = (title, pc.binary_join(terms, BETWEEN), BETWEEN)
    names = pc.utf8_lower(pc.binary_join_element_wise(*parts, null_handling="skip"))
    return pc.replace_substring_regex(pc.utf8_normalize(names, form="NFD"), r"\p{Mn}", "")
