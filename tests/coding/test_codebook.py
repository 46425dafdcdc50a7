"""The codes that may be added: the bundle's, and all that its code book has and may be billed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from isd_pipeline.coding.codebook import Codebook
from isd_pipeline.data.codes.book import make_book, pack
from tests.desk.served import bundle

ROWS = [
    {"code": "780-789", "title": "Symptoms", "parent": None},
    {"code": "780", "title": "General symptoms", "parent": "780-789"},
    {"code": "780.6", "title": "Fever and other", "parent": "780"},
    {"code": "780.60", "title": "Fever of the book", "parent": "780.6"},
    {"code": "780.65", "title": "Hypothermia", "parent": "780.6", "terms": ["Low temperature"]},
    {"code": "787.03", "title": "Vomiting alone", "parent": "780-789"},
]


@pytest.fixture
def book() -> Codebook:
    packed = pack(make_book("icd9cm", "ICD-9-CM 1900", ROWS))
    return Codebook(replace(bundle(), books={"icd9cm": packed}))


def found(book: Codebook, words: str) -> list[tuple[str, int]]:
    return [(one.code, one.seen) for one in book.search(words)]


def test_a_title_that_is_another_codes_says_so_and_is_found_as_any() -> None:
    of = bundle()
    book = Codebook(replace(of, codes=replace(of.codes, title_of={"780.60": "780.6"})))
    assert book["780.60"].called == "Fever, unspecified (title of 780.6)"
    assert book["486"].called == book["486"].title
    assert found(book, "fever") == [("780.60", 30)]


def test_a_code_that_the_model_does_not_know_is_found_and_may_be_added(book: Codebook) -> None:
    assert found(book, "hypoth") == [("780.65", 0)]
    assert found(book, "low temp") == [("780.65", 0)]  # by a term of the book
    assert "780.65" in book
    assert (book["780.65"].title, book["780.65"].category) == ("Hypothermia", "780")
    assert [one.code for one in book.above("780.65")] == ["780.6", "780", "780-789"]
    assert book.above("780.65")[0].title == "Fever and other"
    assert "780.65" not in Codebook(bundle())


def test_the_models_own_codes_come_first_and_once(book: Codebook) -> None:
    assert found(book, "780.6") == [("780.60", 30), ("780.65", 0)]
    assert book["780.60"].title == "Fever, unspecified"
    assert found(book, "fever of the book") == [("780.60", 30)]  # by its title there


def test_what_may_not_be_billed_cannot_be_added(book: Codebook) -> None:
    assert found(book, "general symptoms") == []
    assert "780.6" not in book
    with pytest.raises(KeyError):
        book["780.6"]


def test_the_tree_has_both_in_their_order_and_the_books_titles(book: Codebook) -> None:
    chapter = "780-799 symptoms"
    assert book.categories(chapter) == {
        "780": "General symptoms",
        "786": "Cough …",
        "787": "Vomiting alone",
    }
    assert [one.code for one in book.codes(chapter, "780")] == ["780.60", "780.65"]
    assert book.chapters[0] == "001-139 infectious"
