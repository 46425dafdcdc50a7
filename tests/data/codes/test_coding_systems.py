"""Codes as people write them, and the titles they get."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isd_pipeline.data.codes import icd
from isd_pipeline.data.codes.coding_systems import (
    OFFICIAL,
    OwnTable,
    _pcs,
    _pcs_title,
    fault_of,
    is_listed,
    kind_of,
    lost_zeros,
    titles_of,
    write_code,
)


@pytest.mark.parametrize(
    ("cell", "system", "written"),
    [
        ("0389", "icd9cm", "038.9"),
        (" 038.9 ", "icd9cm", "038.9"),
        ("e8788", "icd9cm", "E878.8"),
        ("v30.01", "icd9cm", "V30.01"),
        ("0331", "icd9proc", "03.31"),
        ("66", "icd9proc", "66"),
        ("e119", "icd10cm", "E11.9"),
        ("I10.", "icd10cm", "I10"),
        ("S72.001A", "icd10cm", "S72.001A"),
        ("0dqb", "icd10pcs", "0DQB"),
        ("0016070", "icd10pcs", "0016070"),
        ("0273", "icd10pcs", "0273"),
    ],
)
def test_a_code_is_written_one_way_whatever_its_dot_case_and_blanks(cell, system, written):
    assert write_code(cell, system) == written


@pytest.mark.parametrize(
    ("cell", "system", "said"),
    [
        ("38.9", "icd9cm", "a number"),
        ("41", "icd9cm", "a number"),
        ("4280.0", "icd9cm", "a number"),
        ("3.31", "icd9proc", "a number"),
        ("16070", "icd10pcs", "a number"),
        ("1.6E+05", "icd10pcs", "a number"),
        ("401.9", "icd10cm", "perhaps an ICD-9-CM diagnosis"),
        ("E11.65", "icd9cm", "perhaps an ICD-10-CM diagnosis"),
        ("E11.9, I10", "icd10cm", "several codes in one cell"),
        ("E11.9 I10", "icd10cm", "several codes in one cell"),
        ("['E11.9']", "icd10cm", "several codes in one cell"),
        ("I10 Essential hypertension", "icd10cm", "something beside the code"),
        ("ICD-10:I10", "icd10cm", "something beside the code"),
        ("E11.9+", "icd10cm", "something beside the code"),
        ("g63.2 *", "icd10cm", "something beside the code"),
        ("J18.9 (G)", "icd10cm", "something beside the code"),
        ("401.9 - hypertension", "icd9cm", "something beside the code"),
        ("0DTJ4ZZ Resection of Appendix", "icd10pcs", "something beside the code"),
        ("acute kidney failure", "icd10cm", "no ICD-10-CM diagnosis code"),
        ("acute kidney failure", "icd10pcs", "no ICD-10-PCS procedure code"),
    ],
)
def test_what_is_no_code_is_told_apart_and_not_repeated(cell, system, said):
    assert write_code(cell, system) is None
    told = fault_of(cell, system)
    assert said in told
    assert cell not in told.replace("(038.9 became 38.9, 0016070 became 16070)", "")


@pytest.mark.parametrize("system", [*OFFICIAL, "own"])
@pytest.mark.parametrize("word", ["NAN", "null", "NAT", "NA", "-"])  # some have the shape of PCS
def test_a_word_for_a_missing_code_is_a_code_of_no_system(word, system):
    assert write_code(word, system) is None


@given(st.sampled_from(OFFICIAL), st.text("0123456789ABEVXZ.", min_size=1, max_size=8))
def test_to_write_a_code_again_changes_nothing_and_the_dot_can_be_left_out(system, cell):
    written = write_code(cell, system)
    if written is not None:
        assert write_code(written, system) == written
        assert write_code(icd.undot(written), system) == written
        assert write_code(f" {written.lower()}\t", system) == written


def test_codes_that_were_numbers_once_are_known_by_the_zeros_they_lack():
    assert lost_zeros(["389.00", "401.9"], 2, "icd9cm") is False  # 389 is a hearing loss
    assert lost_zeros(["401.9", "428.0"], 500, "icd9cm") is True
    assert lost_zeros(["401.9", "038.9"], 500, "icd9cm") is False
    assert lost_zeros(["862.0", "862"], 2, "icd9cm") is False
    assert lost_zeros(["V30.01"], 900, "icd9cm") is False
    assert lost_zeros(["E11.9"], 900, "icd10cm") is False


def test_a_short_column_is_told_by_codes_that_only_exist_with_a_zero():
    # 0413 (a streptococcus) without its zero is 413, angina; 0418 is 418, which is nothing
    assert is_listed("041.8", "icd9cm")
    assert not is_listed("418", "icd9cm")
    assert lost_zeros(["418"], 1, "icd9cm") is True


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("BQ01", "Plain Radiography of Left Hip"),  # "Hip" and "Hip," are one word
        ("0NS0", "Reposition Skull"),  # not "Skull, Approach"
        ("0210", "Bypass Coronary Artery, One Artery"),
        ("3E0P", "Introduction into Female Reproductive"),  # of this or that
        ("0890", "Drainage of Right Eye, External Approach"),  # there is no other
        ("DW11", "Dose Rate Brachytherapy of Head and Neck"),  # high and low
        ("0NBS", "Excision"),  # in no table: of all that begin with 0NB
        ("F13Z00Z", "Hearing Screening Assessment using Occupational Hearing Equipment"),
    ],
)
def test_a_procedure_cut_short_is_called_by_the_words_that_all_below_it_share(code, title):
    lender = "0NB" if code == "0NBS" else None
    assert titles_of([("icd10pcs", code)])[0] == [(code, icd.PROCEDURE, title, lender)]


def test_titles_are_the_codes_own_or_those_of_the_nearest_above():
    rows, counts = titles_of(
        [
            ("icd9cm", "038.9"),
            ("icd9cm", "585"),
            ("icd9proc", "33.1"),
            ("icd10cm", "T18.9XX"),
            ("icd10pcs", "0DQB"),
            ("icd10pcs", "0DQB0ZZ"),
            ("icd9cm", "001.77"),
        ]
    )
    titles = {code: title for code, _, title, _ in rows}
    lent = {code: lender for code, _, _, lender in rows if lender}
    assert titles["038.9"] == "Unspecified septicemia"
    assert titles["585"] == "Chronic kidney disease, unspecified"
    assert titles["T18.9XX"] == "Foreign body of alimentary tract, part unspecified"
    assert titles["0DQB"] == "Repair Ileum"
    assert titles["0DQB0ZZ"] == "Repair Ileum, Open Approach"
    assert "001.77" not in titles  # nothing above it has a title, and 001.9 is another code
    assert titles["33.1"] == "Incision of lung"
    assert lent == {"585": "585.9", "T18.9XX": "T18.9"}
    assert counts == {
        "titles_of_an_ancestor": 1,
        "titles_of_a_descendant": 1,
        "codes_without_title": 1,
    }
    assert {kind_of("icd10pcs"), kind_of("icd9proc")} == {icd.PROCEDURE}


@pytest.mark.parametrize(
    ("code", "title", "lender"),
    [("780.6", "Fever, unspecified", "780.60"), ("599.7", "Hematuria, unspecified", "599.70")],
)
def test_a_subcategory_is_called_by_what_stands_below_it_and_not_beside(code, title, lender):
    assert titles_of([("icd9cm", code)])[0] == [(code, icd.DIAGNOSIS, title, lender)]


@pytest.mark.parametrize("system", ["icd9cm", "icd9proc"])
def test_every_title_of_icd9_is_the_codes_own_or_of_a_code_below_or_above(system):
    kind = kind_of(system)
    table = {icd.dot(code, kind): title.strip() for code, title in icd.icd9_table(kind)}
    known = icd.known_icd9(kind)
    rows, counts = titles_of((system, code) for code in known)
    assert {code for code, _, _, _ in rows} == known
    lent = 0
    for code, _, title, lender in rows:
        assert title == table[lender or code]
        assert lender is None or (lender.startswith(code) and code not in table)
        lent += lender is not None
    assert counts["titles_of_a_descendant"] == lent == len(known) - len(table)
    assert counts["titles_of_an_ancestor"] == counts["codes_without_title"] == 0


def test_every_title_of_icd10cm_is_the_codes_own_and_a_longer_one_has_its_ancestors():
    import simple_icd_10_cm as book

    codes = [c for c in book.get_all_codes() if book.is_category(c) or book.is_subcategory(c)]
    rows, counts = titles_of(("icd10cm", code) for code in codes)
    assert counts == {"titles_of_an_ancestor": 0, "codes_without_title": 0}
    assert {code: title for code, _, title, _ in rows} == {
        code: book.get_description(code) for code in codes
    }


def test_every_word_of_a_title_of_a_cut_pcs_code_is_in_the_titles_of_all_below_it():
    codes, names = _pcs()
    below: dict[str, list[set[str]]] = {}
    for code, name in zip(codes, names, strict=True):
        below.setdefault(code[:4], []).append({word.rstrip(",") for word in name.split()})
    rows, _ = titles_of(("icd10pcs", code) for code in below)
    for code, _, title, _ in rows:
        said = {word.rstrip(",") for word in title.split()}
        assert all(said <= words for words in below[code]) or not _pcs_title(code)


def test_an_own_table_has_its_titles_and_those_above_and_keeps_codes_as_they_are():
    table = OwnTable("local", {"a-1": "first", "a": "group", "a-2": ""}, {"a-2": "a", "a-1": "a"})
    rows, counts = titles_of([("local", "a-1"), ("local", "a-2"), ("local", "z")], table)
    assert rows == [("a-1", icd.DIAGNOSIS, "first", None), ("a-2", icd.DIAGNOSIS, "group", "a")]
    assert counts == {"titles_of_an_ancestor": 1, "codes_without_title": 1}
    assert write_code(" a-1 ", "local", table) == "a-1"
    assert write_code("NA", "local", table) is None
    assert not is_listed("z", "local", table)


def test_a_table_of_an_official_system_gives_titles_in_another_language():
    table = OwnTable("icd10cm", {"E11.9": "Diabetes mellitus tipo 2"})
    rows, _ = titles_of([("icd10cm", "E11.9"), ("icd10cm", "I10")], table)
    assert [title for _, _, title, _ in rows] == [
        "Diabetes mellitus tipo 2",
        "Essential (primary) hypertension",
    ]
