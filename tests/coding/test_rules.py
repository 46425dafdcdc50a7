"""What the code book says of suggestions: each rule by hand, and what may change nothing."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from isd_pipeline.coding.answers import write_csv, write_jsonl
from isd_pipeline.coding.bundle import read_bundle, write_bundle
from isd_pipeline.coding.coder import Answer, Coder, Model, Note, Suggestion
from isd_pipeline.coding.glance import glance
from isd_pipeline.coding.page import write_page
from isd_pipeline.coding.rules import LEAVES, Rules, in_a_line
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.data.codes.book import make_book, pack
from isd_pipeline.data.cohorts import CodeIndex
from tests.coding.test_views import BOTH
from tests.coding.test_views import made as views
from tests.coding.tiny import bundle_of, notes_of

EDITION = "ICD-10-CM 1900 (made up)"
ROWS = [
    {"code": "E00-E89", "title": "Endocrine", "parent": None, "excludes1": ["at birth (P70-P74)"]},
    {"code": "E10", "title": "Type 1", "parent": "E00-E89", "excludes1": ["type 2 (E11.-)"]},
    {"code": "E10.9", "title": "Type 1, plain", "parent": "E10"},
    {"code": "E11", "title": "Type 2", "parent": "E00-E89"},
    {"code": "E11.2", "title": "Type 2, kidney", "parent": "E11"},
    {"code": "E11.21", "title": "Type 2, nephropathy", "parent": "E11.2"},
    {"code": "E11.22", "title": "Type 2, chronic kidney", "parent": "E11.2"},
    {"code": "E11.9", "title": "Type 2, plain", "parent": "E11"},
    {"code": "N00-N99", "title": "Kidney", "parent": None, "excludes1": ["stones (N20)", "N18.9"]},
    {"code": "N18", "title": "Chronic kidney disease", "parent": "N00-N99"},
    {"code": "N18.9", "title": "Chronic kidney disease, plain", "parent": "N18"},
    {"code": "P00-P96", "title": "Birth", "parent": None},
    {"code": "P70", "title": "Sugar at birth", "parent": "P00-P96"},
    {"code": "Z79", "title": "Drugs", "parent": None},
    {"code": "Z79.4", "title": "Insulin", "parent": "Z79"},
]
ROWS[4]["use_additional_code"] = ["the stage (N18.-)\ninsulin (Z79.4)"]
ROWS[9]["code_first"] = ["diabetes (E08-E13 with .22)"]
BOOKS = {"icd10cm": pack(make_book("icd10cm", EDITION, ROWS))}
CODES = ("E10.9", "E11.2", "E11.22", "E11.9", "E14.9", "N18.9", "P70", "X1", "Z79.4")
INDEX = CodeIndex(CODES, (*["diagnosis"] * 7, "procedure", "diagnosis"), CODES)
SCORES = np.array([0.1, 0.2, 0.9, 0.4, 0.5, 0.6, 0.7, 0.8, 0.3])
AT_BIRTH = {"kind": "excludes1", "source": "E00-E89", "note": "at birth (P70-P74)"}
NOT_TYPE_2 = {"kind": "excludes1", "source": "E10", "note": "type 2 (E11.-)"}


def suggestion(code: str, *, above: bool = True, system: str = "diagnosis") -> Suggestion:
    return Suggestion(code, code, system, 0.5, above, ())


def rules_of(*codes: str | Suggestion, rules: Rules | None = None) -> dict[str, list | None]:
    given = [suggestion(code) if isinstance(code, str) else code for code in codes]
    judged = (rules or Rules(BOOKS, INDEX)).judge(given, SCORES)
    assert [replace(one, rules=None) for one in judged] == given  # nothing else is touched
    return {one.code: one.rules if one.rules is None else [*one.rules] for one in judged}


def test_a_code_that_may_be_billed_alone_has_no_rule() -> None:
    assert rules_of("E11.9", "Z79.4") == {"E11.9": [], "Z79.4": []}


def test_a_code_that_is_not_billable_names_its_leaves_the_likeliest_first() -> None:
    kidney = [
        {"code": "E11.22", "title": "Type 2, chronic kidney"},
        {"code": "E11.21", "title": "Type 2, nephropathy"},  # the model does not know it
    ]
    found = rules_of("E11.2")["E11.2"][0]
    assert found == {"kind": "not_billable", "leaves": kidney, "leaf_count": 2}
    type_2 = rules_of("E11")["E11"][0]["leaves"]  # 0.9, 0.4, and the unknown one
    assert [leaf["code"] for leaf in type_2] == ["E11.22", "E11.9", "E11.21"]


def test_of_many_leaves_the_first_are_named_and_all_counted() -> None:
    below = [{"code": f"S00.{n}", "title": "", "parent": "S00"} for n in range(LEAVES + 5)]
    rows = [{"code": "S00", "title": "", "parent": None}, *below]
    rules = Rules({"icd10cm": pack(make_book("icd10cm", EDITION, rows))}, INDEX)
    [found] = rules_of("S00", rules=rules)["S00"]
    assert [leaf["code"] for leaf in found["leaves"]] == [row["code"] for row in below[:LEAVES]]
    assert found["leaf_count"] == LEAVES + 5


def test_a_code_that_the_book_lacks_is_unknown_in_its_year() -> None:
    found = rules_of("E11.7", "C99")
    assert found["E11.7"] == [{"kind": "unknown", "book": EDITION, "nearest": "E11"}]
    assert found["C99"] == [{"kind": "unknown", "book": EDITION, "nearest": None}]


def test_codes_that_exclude_each_other_both_say_so_and_why() -> None:
    found = rules_of("E10.9", "E11.9")
    assert found["E10.9"] == [NOT_TYPE_2 | {"with": "E11.9"}]
    assert found["E11.9"] == [NOT_TYPE_2 | {"with": "E10.9"}]


def test_a_note_of_a_chapter_holds_for_all_its_codes_and_not_for_what_it_stands_above() -> None:
    found = rules_of("E11.9", "P70", "N18.9")
    assert found["P70"] == [AT_BIRTH | {"with": "E11.9"}]
    assert found["E11.9"] == [AT_BIRTH | {"with": "P70"}]
    assert [one["kind"] for one in found["N18.9"]] == ["code_first"]  # N18.9 stands in its own note


def test_a_code_that_the_book_lacks_is_excluded_by_what_it_begins_with() -> None:
    found = rules_of("E10.9", "E11.7")
    assert NOT_TYPE_2 | {"with": "E11.7"} in found["E10.9"]
    assert NOT_TYPE_2 | {"with": "E10.9"} in found["E11.7"]


def test_below_the_threshold_nothing_excludes_and_nothing_goes_with_a_code() -> None:
    found = rules_of("E10.9", suggestion("E11.9", above=False))
    assert found == {"E10.9": [], "E11.9": []}
    found = rules_of("E11.22", suggestion("N18.9", above=False))
    assert found["E11.22"][0]["suggested"] == []
    assert found["N18.9"][0]["suggested"] == ["E11.22"]  # which is above it


def test_what_goes_with_a_code_is_told_and_whether_it_is_suggested() -> None:
    found = rules_of("E11.22", "N18.9")
    assert found["E11.22"] == [
        {
            "kind": "use_additional_code",
            "source": "E11.2",
            "note": "the stage (N18.-)\ninsulin (Z79.4)",
            "suggested": ["N18.9"],
        }
    ]
    [first] = found["N18.9"]
    assert (first["kind"], first["source"], first["suggested"]) == ("code_first", "N18", ["E11.22"])
    assert rules_of("N18.9", "E11.9")["N18.9"][0]["suggested"] == []  # not one "with .22"


def test_rules_are_the_same_whatever_the_order_of_the_codes() -> None:
    codes = ("E10.9", "E11.22", "N18.9", "P70", "E11.7")
    expected = rules_of(*codes)
    for order in permutations(codes):
        assert rules_of(*order) == expected


def test_what_one_code_excludes_excludes_it() -> None:
    found = rules_of("E10.9", "E11.22", "E11.9", "P70", "N18.9")
    pairs = {
        (code, rule["with"], rule["source"])
        for code, rules in found.items()
        for rule in rules
        if rule["kind"] == "excludes1"
    }
    assert len(pairs) == 10
    assert {(b, a, source) for a, b, source in pairs} == pairs


def test_of_another_system_nothing_is_said() -> None:
    procedure = suggestion("E11.2", system="procedure")
    assert Rules(BOOKS, INDEX).judge([procedure], SCORES) == (procedure,)
    rules = Rules({}, INDEX)
    assert rules.editions == {}
    assert rules_of("E11.2", "E10.9", rules=rules) == {"E11.2": None, "E10.9": None}


def test_a_label_that_ends_in_a_dot_is_its_code() -> None:
    dotted = CodeIndex(("N18.9", "P70."), ("diagnosis",) * 2, ("", ""))
    found = rules_of("P70.", "E11.9", rules=Rules(BOOKS, dotted))
    assert found["E11.9"] == [AT_BIRTH | {"with": "P70."}]
    assert found["P70."] == [AT_BIRTH | {"with": "E11.9"}]


def test_a_book_of_procedures_judges_procedures_alone() -> None:
    rows = [
        {"code": "39", "title": "", "parent": None},
        {"code": "39.6", "title": "", "parent": "39"},
    ]
    rules = Rules({"icd9proc": pack(make_book("icd9proc", "ICD-9", rows))}, INDEX)
    assert rules.editions == {"procedure": "ICD-9"}
    found = rules.judge([suggestion("39", system="procedure"), suggestion("39")], SCORES)
    assert [one.rules and one.rules[0]["kind"] for one in found] == ["not_billable", None]


def answer_of(*codes: str) -> tuple[Note, Answer]:
    judged = Rules(BOOKS, INDEX).judge([suggestion(code) for code in codes], SCORES)
    model, books = Model("tiny", ""), Rules(BOOKS, INDEX).editions
    return Note("n", "text"), Answer("n", judged, 0.5, None, None, model, books=books)


def test_every_form_of_an_answer_tells_the_rules() -> None:
    coded = answer_of("E10.9", "E11.2", "E14.9", "N18.9")
    files = {write: io.StringIO(newline="") for write in (write_jsonl, write_csv, write_page)}
    for write, file in files.items():
        write([coded], file)
    record = json.loads(files[write_jsonl].getvalue())
    assert record["books"] == {"diagnosis": EDITION}
    assert record["codes"][2]["rules"] == [{"kind": "unknown", "book": EDITION, "nearest": None}]
    assert [rule["kind"] for rule in record["codes"][1]["rules"]] == [
        *("not_billable", "excludes1"),
        "use_additional_code",
    ]
    rows = list(csv.DictReader(io.StringIO(files[write_csv].getvalue(), newline="")))
    assert [*rows[0]][-5:-1] == ["rules", "caution", "words", "unknown_words"]
    assert [row["rules"] for row in rows] == [
        "excludes1 E11.2",
        "not_billable E11.22 E11.21; excludes1 E10.9; use_additional_code N18.9",
        f"unknown in {EDITION}",
        "code_first",
    ]
    page = files[write_page].getvalue()
    assert f"Rules for a diagnosis are of {EDITION}." in page
    assert "<b>Excludes1</b> with E10.9" in page
    assert "<b>Unknown</b> in ICD-10-CM 1900" in page
    assert "Use additional code (E11.2): N18.9" in page


def test_every_form_of_an_answer_tells_a_title_that_is_another_codes(tmp_path: Path) -> None:
    lent = replace(INDEX, title_of={"E11.2": "E11"})
    write_bundle(replace(bundle_of(), codes=lent, training_counts=(1,) * 9), tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").codes.title_of == {"E11.2": "E11"}
    note, answer = answer_of("E10.9", "E11.2")
    codes = (answer.codes[0], replace(answer.codes[1], title_of="E11"))
    coded = (note, replace(answer, codes=codes))
    files = {write: io.StringIO(newline="") for write in (write_jsonl, write_csv, write_page)}
    for write, file in files.items():
        write([coded], file)
    record = json.loads(files[write_jsonl].getvalue())
    assert [code.get("title_of", "own") for code in record["codes"]] == ["own", "E11"]
    rows = list(csv.DictReader(io.StringIO(files[write_csv].getvalue(), newline="")))
    assert [row["title_of"] for row in rows] == ["", "E11"]
    assert files[write_page].getvalue().count("E11.2 (title of E11)") == 1
    assert any("E11.2 (title of E11)" in line for line in glance([coded[1]], 1))


def test_a_line_says_nothing_twice() -> None:
    twice = NOT_TYPE_2 | {"with": "E11.9"}
    assert in_a_line([twice, twice | {"source": "E11"}]) == "excludes1 E11.9"


def test_a_bundle_carries_its_books_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    made = replace(bundle_of(), books={"icd9cm": BOOKS["icd10cm"]})
    digest = write_bundle(made, tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").books == made.books
    assert write_bundle(bundle_of(), tmp_path / "without") != digest
    path = tmp_path / "bundle/book-icd9cm.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"book-icd9cm\.arrow: cut off or changed"):
        read_bundle(tmp_path / "bundle")
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"book-icd9cm\.arrow: missing"):
        read_bundle(tmp_path / "bundle")


def test_a_book_changes_no_score_and_no_code() -> None:
    rows = [{"code": "486", "title": "", "parent": None, "excludes1": []}]
    with_a_book = {"icd9cm": pack(make_book("icd9cm", "ICD-9-CM", rows))}
    notes = notes_of("fever and pneumonia", "")
    [plain, empty], [judged, problem] = (
        Coder(replace(bundle_of(), books=books)).code(notes, threshold=0.0)
        for books in ({}, with_a_book)
    )
    assert [replace(one, rules=None) for one in judged.codes] == list(plain.codes)
    assert (plain.books, judged.books) == ({}, {"diagnosis": "ICD-9-CM"})
    assert problem == replace(empty, books=judged.books)
    told = {one.code: one.rules and [rule["kind"] for rule in one.rules] for one in judged.codes}
    assert told == {
        "038.9": ["unknown"],
        "486": (),
        "780.60": ["unknown"],
        "786.50": ["unknown"],
        "99.15": None,
    }


def test_both_texts_of_a_report_are_judged_by_their_own_scores() -> None:
    rows = [
        {"code": "780.6", "title": "Fever", "parent": None},
        {"code": "780.60", "title": "Fever, unspecified", "parent": "780.6"},
        {"code": "038.9", "title": "Septicemia", "parent": None, "excludes1": ["fever (780.6-)"]},
    ]
    book = {"icd9cm": pack(make_book("icd9cm", "ICD-9-CM", rows))}
    bundle = views()
    with_books = {name: replace(one, books=book) for name, one in bundle.views.items()}
    [plain], [judged] = (
        ViewCoder(made).code([BOTH], threshold=0.0)
        for made in (bundle, replace(bundle, views=with_books))
    )
    assert [replace(one, rules=None) for one in judged.codes] == list(plain.codes)
    assert judged.books == {"diagnosis": "ICD-9-CM"}
    rules = {one.code: one.rules for one in judged.codes}
    assert (rules["780.60"], rules["99.15"]) == ((), None)
    assert rules["486"] == ({"kind": "unknown", "book": "ICD-9-CM", "nearest": None},)
