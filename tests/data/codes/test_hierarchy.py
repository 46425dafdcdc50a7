"""The tree over a cohort's codes: by hand, and against all of the official tables."""

from __future__ import annotations

import numpy as np
import pytest

from isd_pipeline.data.codes import hierarchy, icd
from isd_pipeline.data.codes.hierarchy import CodeTree, above, categories, code_tree
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.data.custom.tree import CustomTree


def index(*codes: str, system: str = "diagnosis") -> CodeIndex:
    return CodeIndex(tuple(sorted(codes)), (system,) * len(codes), ("",) * len(codes))


def path(tree: CodeTree, name: str) -> list[str]:
    return [tree.names[node] for node in tree.above(tree.names.index(name))]


@pytest.mark.parametrize(
    ("code", "system", "names"),
    [
        ("038.9", "diagnosis", ["038", "030-041", "001-139"]),
        ("486", "diagnosis", ["480-488", "460-519"]),
        ("042", "diagnosis", ["001-139"]),  # a block of one category
        ("282.62", "diagnosis", ["282.6", "282", "280-289"]),  # a chapter of one block
        ("V30.01", "diagnosis", ["V30.0", "V30", "V30-V39", "V01-V91"]),
        ("V85.30", "diagnosis", ["V85.3", "V85", "V01-V91"]),
        ("E878.8", "diagnosis", ["E878", "E878-E879", "E000-E999"]),
        ("E000.1", "diagnosis", ["E000", "E000-E999"]),
        ("39.61", "procedure", ["39.6", "39", "35-39"]),
        ("00.66", "procedure", ["00.6", "00"]),
        ("03.31", "procedure", ["03.3", "03", "01-05"]),
    ],
)
def test_what_stands_above_a_code_of_icd9(code: str, system: icd.System, names: list[str]):
    assert above(code, system, "icd9") == names


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("I10", ["I10-I1A", "I00-I99"]),
        ("I10.", ["I10-I1A", "I00-I99"]),  # as Edin et al. write it
        ("S72.001A", ["S72.001", "S72.00", "S72.0", "S72", "S70-S79", "S00-T88"]),
        ("T18.9XXA", ["T18.9", "T18", "T15-T19", "S00-T88"]),  # X fills up and is no node
        ("C7A.00", ["C7A.0", "C7A", "C00-D49"]),  # a block of one category
        ("O9A.1", ["O9A", "O94-O9A", "O00-O9A"]),
    ],
)
def test_what_stands_above_a_code_of_icd10(code: str, names: list[str]):
    assert above(code, "diagnosis", "icd10") == names


def test_a_procedure_of_icd10_stands_below_its_axes():
    assert above("0DB78ZX", "procedure", "icd10") == ["0DB", "0D", "0"]
    assert above("0D", "procedure", "icd10") == ["0"]


@pytest.mark.parametrize(
    ("code", "revision", "names"),
    [
        ("038.97", "icd9", ["038.9", "038", "030-041", "001-139"]),
        ("585.95", "icd9", ["585.9", "585", "580-589", "580-629"]),
        ("399.1", "icd9", ["390-459"]),  # neither 399 nor a block around it was ever used
        ("x", "icd9", ["unknown"]),
        ("T18.9XX", "icd10", ["T18.9", "T18", "T15-T19", "S00-T88"]),
        ("I10.9", "icd10", ["I10", "I10-I1A", "I00-I99"]),
        ("I24.7X", "icd10", ["I24", "I20-I25", "I00-I99"]),
        ("I79.77", "icd10", ["I79", "I70-I79", "I00-I99"]),
        ("I03.1", "icd10", ["I00-I99"]),
    ],
)
def test_a_code_that_the_tables_lack_hangs_from_its_nearest_beginning(
    code: str, revision: hierarchy.Revision, names: list[str]
):
    assert above(code, "diagnosis", revision) == names


def test_the_codes_come_first_in_their_order_then_what_stands_above_them():
    codes = CodeIndex(
        ("038.9", "39.61", "585", "585.9"),
        ("diagnosis", "procedure", "diagnosis", "diagnosis"),
        ("",) * 4,
    )
    tree = code_tree(codes, "icd9")
    assert tree.n_codes == 4
    assert tree.names == (
        *("d:038.9", "p:39.61", "d:585", "d:585.9"),
        *("d:001-139", "d:030-041", "d:038", "d:580-589", "d:580-629", "p:35-39", "p:39", "p:39.6"),
    )
    assert path(tree, "d:585.9") == ["d:585", "d:580-589", "d:580-629"]  # a code above a code
    assert path(tree, "p:39.61") == ["p:39.6", "p:39", "p:35-39"]
    assert path(tree, "d:001-139") == []
    assert tree.parents.tolist() == [6, 11, 7, 2, -1, 4, 5, 8, -1, -1, 9, 10]


def test_a_diagnosis_and_a_procedure_of_one_name_are_two_nodes():
    codes = CodeIndex(("B20", "B205YZZ"), ("diagnosis", "procedure"), ("", ""))
    tree = code_tree(codes, "icd10")
    assert "d:B20" in tree.names
    assert path(tree, "p:B205YZZ") == ["p:B20", "p:B2", "p:B"]


@pytest.fixture(scope="module")
def whole_icd9() -> CodeTree:
    """All of the tables' codes, diagnoses and procedures, and 585, since divided."""
    both = {c: s for s in (icd.PROCEDURE, icd.DIAGNOSIS) for c in icd.known_icd9(s)}
    codes = tuple(sorted(both))
    return code_tree(CodeIndex(codes, tuple(both[c] for c in codes), ("",) * len(codes)), "icd9")


def test_every_code_of_icd9_has_a_block_and_a_chapter(whole_icd9: CodeTree):
    roots = {whole_icd9.names[row] for row in np.flatnonzero(whole_icd9.parents < 0)}
    assert len(roots) == 17 + 2 + 18
    assert "d:unknown" not in roots
    for name in whole_icd9.names[: whole_icd9.n_codes]:
        code = name[2:].split(".")[0]
        assert name[0] == "p" or hierarchy._icd9_block(code), name


def test_a_block_lies_within_one_chapter():
    for block in hierarchy._ICD9_BLOCKS.split():
        first, _, last = block.partition("-")
        chapters = {icd.icd9_chapter(code, "diagnosis") for code in (first, last or first)}
        assert len(chapters) == 1


def test_no_node_is_above_itself(whole_icd9: CodeTree):
    assert max(len(list(whole_icd9.above(row))) for row in range(len(whole_icd9))) == 4


def test_chapters_of_icd10_are_those_of_the_package():
    import simple_icd_10_cm as book

    categories = [c for c in book.get_all_codes() if book.is_category(c)]
    pairs = {(above(c, "diagnosis", "icd10")[-1], book.get_ancestors(c)[-1]) for c in categories}
    assert len(pairs) == len({ours for ours, _ in pairs}) == len({theirs for _, theirs in pairs})


OWN = CustomTree(
    (
        ("k", "", "Circulation"),
        ("k1", "k", "Heart"),
        ("k11", "k1", "Infarct"),
        ("k12", "k1", "Angina"),
        ("solo", "", "Nothing"),
    )
)


def test_the_tree_of_a_users_own_codes_is_the_users():
    kinds = ("procedure", *("diagnosis",) * 3)
    codes = CodeIndex(("39.61", "k1", "k11", "solo"), kinds, ("",) * 4, OWN)
    tree = code_tree(codes, "icd9")
    assert tree.names[:4] == ("p:39.61", "o:k1", "o:k11", "o:solo")
    assert path(tree, "o:k11") == ["o:k1", "o:k"]
    assert path(tree, "o:solo") == []
    assert path(tree, "p:39.61") == ["p:39.6", "p:39", "p:35-39"]
    assert "o:k12" not in tree.names  # none of the cohort's, nor above one


def test_a_group_of_own_codes_is_the_parent_and_what_is_directly_below_it():
    codes = CodeIndex(
        ("39.61", "k1", "k11", "k12", "solo"), ("procedure", *("diagnosis",) * 4), ("",) * 5, OWN
    )
    assert categories(codes) == ["p:39", "o:k1", "o:k1", "o:k1", "o:solo"]
    icds = CodeIndex(("038.9", "39.61"), ("diagnosis", "procedure"), ("", ""))
    assert categories(icds) == ["d:038", "p:39"]
