"""Codes are looked up in a book of their own system, or in none."""

from __future__ import annotations

from typing import Any

import pytest

from isd_pipeline.catalog.code_books import packed_books, systems_of
from isd_pipeline.data.codes.book import unpack
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.custom.tree import CustomTree


@pytest.mark.parametrize(
    ("section", "systems"),
    [
        ({"source": "mimic3", "raw": "."}, ("icd9cm", "icd9proc")),
        ({"source": "mimic3", "raw": ".", "label_space": "caml"}, ("icd9cm",)),  # 33.1 of 03.31
        ({"source": "mimic4", "raw": ".", "revision": "icd10", "split": "edin"}, ("icd10cm",)),
        ({"source": "codiesp", "raw": ".", "kind": "both"}, ("icd10cm",)),
        ({"source": "cantemist", "raw": ".", "language": "es"}, ()),
        ({"source": "custom", "raw": "."}, ("icd10cm",)),
        ({"source": "custom", "raw": ".", "custom": {"system": "icd9cm"}}, ("icd9cm", "icd9proc")),
        ({"source": "custom", "raw": ".", "custom": {"system": "ours", "table": "t"}}, ()),
    ],
)
def test_codes_are_looked_up_in_the_books_of_their_system_or_in_none(
    section: dict[str, Any], systems: tuple[str, ...]
) -> None:
    assert systems_of({"c": {"extract": section}}, "c") == systems


def test_a_book_is_packed_for_each_kind_that_there_is() -> None:
    cohorts = {"c": {"extract": {"source": "mimic3", "raw": "."}}}
    index = CodeIndex(("39.61", "39.95"), ("procedure",) * 2, ("", ""))
    books = packed_books(cohorts, "c", index)
    assert {system: unpack(book).system for system, book in books.items()} == {
        "icd9proc": "icd9proc"
    }


def test_where_a_code_is_of_a_users_own_system_there_is_no_book() -> None:
    cohorts = {"c": {"extract": {"source": "custom", "raw": "."}}}
    tree = CustomTree((("K1", "", "Ours"),))
    index = CodeIndex(("E11.9", "K1"), ("diagnosis",) * 2, ("", ""), tree)
    assert packed_books(cohorts, "c", index) == {}
