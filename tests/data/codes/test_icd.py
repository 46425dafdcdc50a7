"""Codes as text: dots, categories, chapters, by hand and for every code that could be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isd_pipeline.data.codes import icd

diagnoses = st.from_regex(r"[0-9]{3,5}|V[0-9]{2,4}|E[0-9]{3,4}", fullmatch=True).filter(str.isascii)
procedures = st.from_regex(r"[0-9]{2,4}", fullmatch=True).filter(str.isascii)
diagnoses10 = st.from_regex(r"[A-Z][0-9][0-9A-Z][0-9A-Z]{0,4}", fullmatch=True)
procedures10 = st.from_regex(r"[0-9A-HJ-NP-Z]{7}", fullmatch=True)
coded10 = st.one_of(
    st.tuples(diagnoses10, st.just("diagnosis")), st.tuples(procedures10, st.just("procedure"))
)
coded = st.one_of(
    st.tuples(diagnoses, st.just("diagnosis")), st.tuples(procedures, st.just("procedure"))
)


@pytest.mark.parametrize(
    ("code", "system", "dotted"),
    [
        ("0389", "diagnosis", "038.9"),
        ("4019", "diagnosis", "401.9"),
        ("486", "diagnosis", "486"),
        ("V3001", "diagnosis", "V30.01"),
        ("V30", "diagnosis", "V30"),
        ("E8788", "diagnosis", "E878.8"),
        ("E912", "diagnosis", "E912"),
        ("0331", "procedure", "03.31"),
        ("966", "procedure", "96.6"),
        ("66", "procedure", "66"),
    ],
)
def test_the_dot_stands_where_the_book_has_it(code, system, dotted):
    assert icd.dot(code, system) == dotted


@given(coded)
def test_a_dot_can_be_taken_out_again_and_no_two_codes_get_one_label(code_and_system):
    code, system = code_and_system
    assert icd.undot(icd.dot(code, system)) == code
    assert icd.is_undotted(code, system)
    assert not icd.dot(code, system).endswith(".")


@given(coded10)
def test_a_dot_of_icd10_can_be_taken_out_again_and_edin_et_al_differ_in_three_characters_alone(
    code_and_system,
):
    code, system = code_and_system
    assert icd.is_undotted(code, system, "icd10")
    label, theirs = icd.dot(code, system, "icd10"), icd.edin_label(code, system, "icd10")
    assert icd.undot(label) == icd.undot(theirs) == code
    assert not label.endswith(".")
    assert (theirs != label) == (system == "diagnosis" and len(code) == 3)
    assert icd.category(label, system) == icd.category(theirs, system)
    assert icd.category(label, system) == f"{system[0]}:{code[:3]}"


@given(coded)
def test_edin_et_als_labels_of_icd9_are_the_clean_ones(code_and_system):
    code, system = code_and_system
    assert icd.edin_label(code, system, "icd9") == icd.dot(code, system)


@given(st.one_of(coded, coded10))
def test_a_dotted_code_is_no_undotted_one(code_and_system):
    code, system = code_and_system
    for revision in ("icd9", "icd10"):
        label = icd.dot(code, system, revision)
        assert "." not in label or not icd.is_undotted(label, system, revision)


@pytest.mark.parametrize(
    ("code", "system", "revision"),
    [
        ("I10", "diagnosis", "icd9"),
        ("0389", "diagnosis", "icd10"),
        ("i10", "diagnosis", "icd10"),
        ("I1", "diagnosis", "icd10"),
        ("E11650000", "diagnosis", "icd10"),
        ("0DB78Z", "procedure", "icd10"),
        ("0DB78IX", "procedure", "icd10"),  # neither I nor O in ICD-10-PCS
        ("ab12", "procedure", "icd9"),
        ("", "diagnosis", "icd9"),
    ],
)
def test_what_has_not_the_shape_of_a_revision(code, system, revision):
    assert not icd.is_undotted(code, system, revision)


@pytest.mark.parametrize(
    ("code", "section"),
    [
        ("0DB78ZX", "0 medical and surgical"),
        ("10E0XZZ", "1 obstetrics"),
        ("BW03ZZZ", "B imaging"),
        ("0DQB", "0 medical and surgical"),  # cut short, as in CodiEsp
        ("XW033E5", "X new technology"),
        ("E1165", "unknown"),
        ("EW03ZZZ", "unknown"),
    ],
)
def test_the_section_of_a_procedure_of_icd10(code, section):
    assert icd.icd10_section(code) == section


@pytest.mark.parametrize(
    ("code", "label"),
    [
        ("0331", "33.1"),
        ("0066", "66."),
        ("0040", "40."),
        ("0159", "15.9"),
        ("9960", "99.60"),
        ("0001", "1."),
    ],
)
def test_caml_reads_a_procedure_as_an_integer(code, label):
    assert icd.caml_procedure(code) == label


def test_a_procedure_with_a_letter_cannot_be_an_integer():
    with pytest.raises(ValueError, match="no procedure code"):
        icd.caml_procedure("3E0")


@given(procedures)
def test_every_procedure_has_a_dot_in_camls_space(code):
    assert icd.caml_procedure(code).replace(".", "") == str(int(code))
    assert "." in icd.caml_procedure(code)


@pytest.mark.parametrize(
    ("code", "system", "group"),
    [
        ("038.9", "diagnosis", "d:038"),
        ("V30.01", "diagnosis", "d:V30"),
        ("E878.8", "diagnosis", "d:E878"),
        ("39.72", "procedure", "p:39"),
        ("397.1", "diagnosis", "d:397"),
        ("N44.8", "diagnosis", "d:N44"),
        ("0DB78ZX", "procedure", "p:0DB"),
        ("0DBB", "procedure", "p:0DB"),
    ],
)
def test_the_category_is_what_stands_before_the_dot(code, system, group):
    assert icd.category(code, system) == group


def test_parents_lead_to_the_category():
    assert icd.parents("T18.9XX") == ["T18.9X", "T18.9", "T18"]
    assert icd.parents("486") == []


@pytest.mark.parametrize(
    ("code", "system", "chapter"),
    [
        ("001.0", "diagnosis", "001-139 infectious"),
        ("139.8", "diagnosis", "001-139 infectious"),
        ("140.0", "diagnosis", "140-239 neoplasms"),
        ("401.9", "diagnosis", "390-459 circulatory"),
        ("999.9", "diagnosis", "800-999 injury"),
        ("V30.01", "diagnosis", "V01-V91 supplementary"),
        ("E878.8", "diagnosis", "E000-E999 external causes"),
        ("03.31", "procedure", "01-05 nervous"),
        ("00.66", "procedure", "00 procedures not elsewhere classified"),
        ("99.60", "procedure", "87-99 miscellaneous"),
        ("36.15", "procedure", "35-39 cardiovascular"),
        ("x", "diagnosis", "unknown"),
    ],
)
def test_icd9_chapters(code, system, chapter):
    assert icd.icd9_chapter(code, system) == chapter


@pytest.mark.parametrize(
    ("code", "chapter"),
    [
        ("D49.9", "C00-D49 neoplasms"),
        ("D50.0", "D50-D89 blood"),
        ("H59.0", "H00-H59 eye"),
        ("H60.0", "H60-H95 ear"),
        ("I10", "I00-I99 circulatory"),
        ("O9A.1", "O00-O9A pregnancy"),
        ("C7A.0", "C00-D49 neoplasms"),
        ("Z20.818", "Z00-Z99 factors"),
        ("QA0.0", "Q00-Q99 congenital"),
        ("401.9", "unknown"),
        ("W19.XXX", "V00-Y99 external causes"),
    ],
)
def test_icd10_chapters(code, chapter):
    assert icd.icd10_chapter(code) == chapter
