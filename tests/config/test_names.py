"""A name that becomes a folder, a stage or a value of --params is one everywhere, or refused."""

from pathlib import Path

import pytest

from isd_pipeline.config.names import refuse_name, refuse_names

NO_NAMES = [
    *(2026, 1e5, 1000, True, None, "", " ", "own v2", "own.v2", "st_mary's", "a/b", "a\\b", ".."),
    *("née", "ı", "1e5", "_own", "st-mary", "x" * 81, "own\n", "$own", "on", "Null", "NO", "NaN"),
]


@pytest.mark.parametrize("name", NO_NAMES)
def test_what_yaml_or_a_file_system_reads_otherwise_is_no_name(name: object) -> None:
    with pytest.raises(ValueError, match=r"^here: ") as refused:
        refuse_name(name, "here")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["own", "Own2", "mimic3_50", "e5", "x" * 80])
def test_words_of_letters_digits_and_underscores_are_names(name: str) -> None:
    refuse_name(name, "here")


@pytest.mark.parametrize("section", ["cohorts", "experiments", "profiles", "tables"])
def test_names_that_differ_in_case_alone_are_refused_with_the_file(section: str) -> None:
    places = {one: {} for one in ("cohorts", "experiments", "profiles", "tables")}
    places[section] = {"own": Path("a.yml"), "OWN": Path("b.yml")}
    with pytest.raises(ValueError, match=r"b\.yml: \w+: own and OWN differ in case alone"):
        refuse_names(places)


def test_a_name_whose_folder_or_stage_is_taken_is_refused() -> None:
    places = {one: {} for one in ("cohorts", "experiments", "profiles", "tables")}
    for section, name in (("experiments", "evidence"), ("tables", "extract")):
        with pytest.raises(ValueError, match=f"{section}.{name} is taken"):
            refuse_names({**places, section: {name: Path("a.yml")}})
