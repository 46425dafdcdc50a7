"""What stands above a morphology of ICD-O-3."""

import pytest

from isd_pipeline.data.codes.hierarchy import categories, code_tree
from isd_pipeline.data.codes.icdo3 import above, is_morphology, rows_over
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.custom.tree import CustomTree
from isd_pipeline.evaluation.strata import chapters_of


@pytest.mark.parametrize("code", ["8140/3", "8000/6", "8140/33", "8140/3/H", "9690/31/H"])
def test_a_morphology_may_have_a_grade_and_the_mark_h(code):
    assert is_morphology(code)


@pytest.mark.parametrize("code", ["", "8140", "814/3", "7140/3", "8140/5", "8140/333", "8140/3/h"])
def test_what_is_no_morphology_is_told_apart(code):
    assert not is_morphology(code)


def test_every_number_of_a_group_is_in_it_and_those_between_are_in_none():
    top = {number: above(f"{number}0/3")[-1] for number in map(str, range(800, 1000))}
    assert [top[number] for number in ("813", "814", "838", "839")] == [
        *("812-813", "814-838", "814-838", "839-842")
    ]
    assert top["843"] == "843"
    outside = {number for number in top if not rows_over(f"{number}0/3")[-1][2]}
    assert outside == {*("960", "961", "962", "963", "964", "977", "978", "979")}


def test_all_behaviours_and_grades_of_a_histology_are_one_category():
    codes = ("8000/6", "8140/2", "8140/3", "8140/33/H", "8430/3")
    rows = [(code, above(code)[0], "") for code in codes]
    rows += [row for code in codes for row in rows_over(code)]
    index = CodeIndex(codes, ("diagnosis",) * 5, codes, CustomTree.over(codes, rows))
    assert categories(index) == ["o:8000", *["o:8140"] * 3, "o:8430"]
    assert chapters_of(index.codes, index.systems, index.custom) == {
        "800 unspecified": [0],
        "814-838 adenomas and adenocarcinomas": [1, 2, 3],
        "843 mucoepidermoid": [4],
    }
    tree = code_tree(index, "icd10")
    assert [tree.names[node] for node in tree.above(3)] == ["o:8140", "o:814", "o:814-838"]
