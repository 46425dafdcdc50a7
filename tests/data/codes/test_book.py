"""A code book: by hand, carried as bytes, and against the packages that it is made from."""

from __future__ import annotations

import random
from functools import cache

import pyarrow as pa
import pytest
import simple_icd_10_cm as official

from isd_pipeline.data.codes import hierarchy, icd
from isd_pipeline.data.codes.book import Book, make_book, pack, unpack
from isd_pipeline.data.codes.book_search import search
from isd_pipeline.data.codes.book_sources import WITH_A_BOOK, book_of

ROWS = [
    {"code": "A00-B99", "title": "Infectious", "parent": None, "excludes1": ["a cold (J00)"]},
    {"code": "A15", "title": "Tuberculosis", "parent": "A00-B99", "code_first": ["HIV (B20)"]},
    {"code": "A15.0", "title": "Tuberculosis of lung", "parent": "A15", "terms": ["Consumption"]},
    {"code": "A15.4", "title": "Tuberculosis of nodes", "parent": "A15"},
    {"code": "B20", "title": "HIV disease", "parent": "A00-B99"},
    {"code": "J00-J99", "title": "Respiratory", "parent": None},
    {"code": "J00", "title": "Ménière's cold", "parent": "J00-J99", "terms": ["Lung tuberculosis"]},
]


@cache
def whole(system: str) -> Book:
    return book_of(system)


@pytest.fixture
def book() -> Book:
    return unpack(pack(make_book("icd10cm", "ICD-10-CM 1900", ROWS)))


def codes(entries: list) -> list[str]:
    return [one.code for one in entries]


def test_a_book_is_read_as_it_was_packed_to_the_bit(book: Book) -> None:
    made = make_book("icd10cm", "ICD-10-CM 1900", ROWS)
    assert (book.system, book.edition) == ("icd10cm", "ICD-10-CM 1900")
    assert book.table.equals(made.table)
    assert pack(book) == pack(made) == pack(unpack(pack(book)))


def test_what_stands_above_and_below_a_code(book: Book) -> None:
    assert codes(book.chapters()) == ["A00-B99", "J00-J99"]
    assert codes(book.ancestors("A15.0")) == ["A15", "A00-B99"]
    assert codes(book.children("A00-B99")) == ["A15", "B20"]
    assert book.leaves("A00-B99") == ["A15.0", "A15.4", "B20"]
    assert (book.leaves("B20"), book.leaves("J00")) == ([], [])
    assert [book.entry(code).billable for code in ("A15", "A15.4", "J00-J99", "J00")] == [
        *(False, True),
        *(False, True),
    ]
    assert (book.nearest("A15.41"), book.nearest("A15.9"), book.nearest("C50")) == (
        *("A15.4", "A15"),
        None,
    )
    assert [book.is_within("A15.0", upper) for upper in ("A15.0", "A15", "A00-B99", "B20")] == [
        *(True, True, True),
        False,
    ]
    assert "A15" in book
    assert "A15.9" not in book
    with pytest.raises(KeyError):
        book.entry("A15.9")


def test_a_note_holds_for_all_that_stands_below_it(book: Book) -> None:
    assert list(book.notes("A15.0", "excludes1")) == [("A00-B99", "a cold (J00)")]
    assert list(book.notes("A15.0", "code_first")) == [("A15", "HIV (B20)")]
    assert list(book.notes("B20", "code_first")) == []
    assert list(book.notes("J00", "excludes1")) == []


@pytest.mark.parametrize(
    "rows",
    [
        [*ROWS, ROWS[4]],  # twice
        [ROWS[1], ROWS[0]],  # before what it stands below
        [*ROWS, {"code": "A15.5", "title": "", "parent": "A15"}],  # far from it
    ],
)
def test_a_book_out_of_order_is_refused(rows: list) -> None:
    with pytest.raises(ValueError, match=r"stands twice, or before|does not follow"):
        make_book("icd10cm", "ICD-10-CM 1900", rows)


def test_another_table_is_no_book(book: Book) -> None:
    sink = pa.BufferOutputStream()
    table = book.table.drop_columns("terms")
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    for content in (bytes(sink.getvalue()), b"nothing"):
        with pytest.raises(ValueError, match=r"another layout|File is too small"):
            unpack(content)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("a15", ["A15", "A15.0", "A15.4"]),  # the code, then those that begin with it
        ("A150", ["A15.0"]),
        ("A15.4", ["A15.4"]),
        ("consumption", ["A15.0"]),
        ("lung tuberculosis", ["J00", "A15.0"]),  # a name before all words in a title
        ("tuberculosis", ["A15", "A15.0", "A15.4", "J00"]),  # title before term
        ("tuber lu", ["A15.0", "J00"]),
        ("MENIERE", ["J00"]),
        ("ménière's", ["J00"]),
        ("ung", []),  # no word begins so
        ("a.*", []),
        ("  ", []),
    ],
)
def test_a_search_ranks_codes_before_names(book: Book, query: str, found: list[str]) -> None:
    assert codes(search(book, query)) == found
    assert codes(search(book, query, limit=1)) == found[:1]


def test_the_whole_book_is_the_package_s_own() -> None:
    """Every code, title and parent; a block of one category is one with it."""
    book, rows = whole("icd10cm"), {}
    for name in official.get_all_codes():
        if not name.isdigit():
            parent = official.get_parent(name)
            rows[name] = (official.get_description(name), None if parent.isdigit() else parent)
    assert len(book) == len(rows) + len(book.chapters()) == len(rows) + 22
    for code in random.Random(0).sample(sorted(rows), 2_000):
        entry, (title, parent) = book.entry(code), rows[code]
        assert title.startswith(entry.title)
        above = codes(book.ancestors(code))
        assert len(above) == 1 if parent in (None, code) else above[0] == parent
        assert codes(book.children(code)) == official.get_children(code)
        assert entry.billable == official.is_leaf(code)
        assert list(entry.terms) == list(dict.fromkeys(official.get_inclusion_term(code)))


def test_notes_of_a_block_of_one_category_are_its_own() -> None:
    assert ("T07", "frostbite (T33-T34)") in list(whole("icd10cm").notes("T07.XXXA", "excludes1"))


@pytest.mark.parametrize(("system", "kind"), [("icd9cm", "diagnosis"), ("icd9proc", "procedure")])
def test_the_books_of_icd9_stand_as_the_tree_of_codes_does(system: str, kind: icd.System) -> None:
    book, titles = whole(system), {icd.dot(c, kind): t.strip() for c, t in icd.icd9_table(kind)}
    assert {code for code in book.codes if book.entry(code).billable} == {*titles}
    for code in random.Random(0).sample(sorted(icd.known_icd9(kind)), 500):
        assert codes(book.ancestors(code)) == hierarchy.above(code, kind, "icd9")
        assert book.entry(code).title == titles.get(code, book.entry(code).title)


def test_every_book_says_its_year_and_no_other_system_has_one() -> None:
    assert [whole(system).edition for system in WITH_A_BOOK] == [
        "ICD-10-CM 2026 (release of April 1, 2026)",
        "ICD-9-CM (version 32, 2015)",
        "ICD-9-CM procedures (version 32, 2015)",
    ]
    with pytest.raises(ValueError, match="icd10pcs: no book of its codes"):
        book_of("icd10pcs")


def test_a_search_of_the_whole_book_is_the_same_each_time() -> None:
    found = [codes(search(unpack(pack(whole("icd10cm"))), "heart failure", 6)) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0][0] == "I50"
    assert codes(search(whole("icd9cm"), "congestive heart failure", 1)) == ["428.0"]
