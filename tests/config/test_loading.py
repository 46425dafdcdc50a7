"""Kedro, DVC and `isd` read one configuration: what DVC watches stands in conf/base alone."""

from pathlib import Path

import pytest
import yaml

from isd_pipeline.config.loading import (
    FILES,
    file_of_cohort,
    read_parameters,
    read_tracking,
    refuse_unwatched,
    sections_of,
)
from tests.checkout import ROOT

SMALL = {"extract": {"source": "custom", "raw": "x"}}
SAID = {
    "cohorts": {"small": {"preprocess": {"vocabulary": {"min_docs": 20}}}},
    "profiles": {"few": {"training": {"patience": 1}}},
    "experiments": {"new": {"system": "caml"}},
    "tables": {"mine": {"experiments": ["isd"]}},
    "paper": {"x": {}},
}


def write(path: Path, **sections: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(sections))


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    base = tmp_path / "conf/base"
    write(base / "parameters.yml", cohort="small", experiment="isd", seed=1, jobs=1, device="auto")
    write(base / "parameters_cohorts.yml", cohorts={"small": SMALL})
    write(base / "parameters_experiments.yml", experiments={"isd": None})
    write(base / "parameters_profiles.yml", profiles={"few": {}})
    (tmp_path / "conf/local").mkdir()
    return tmp_path / "conf"


def refused(conf: Path) -> str:
    with pytest.raises(ValueError) as told:  # noqa: PT011
        read_parameters(conf)
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize("section", SAID)
def test_what_dvc_watches_is_refused_in_conf_local_with_file_and_key(
    conf: Path, section: str
) -> None:
    write(conf / "local/mine/parameters_mine.yml", **{section: SAID[section]})
    told = refused(conf)
    assert str(conf / "local/mine/parameters_mine.yml") in told
    assert f": {section}" in told
    assert "conf/base" in told


def test_what_belongs_to_a_machine_may_stand_in_conf_local(conf: Path) -> None:
    write(conf / "local/parameters.yml", device="cpu", jobs=4)
    write(conf / "local/tracking.yml", uri="")
    found = read_parameters(conf)
    assert (found["device"], found["jobs"]) == ("cpu", 4)


def test_commands_are_told_of_mlflow_what_kedro_is(conf: Path) -> None:
    write(conf / "base/tracking.yml", uri="sqlite:///mlflow.db", ui="http://127.0.0.1:5000")
    write(conf / "local/tracking.yml", uri="http://127.0.0.1:7000")
    assert read_tracking(conf)["uri"] == "http://127.0.0.1:7000"
    assert read_tracking(conf)["ui"] == "http://127.0.0.1:5000"


def test_what_conf_local_says_as_conf_base_does_changes_nothing(conf: Path) -> None:
    write(conf / "local/parameters_cohorts.yml", cohorts={"small": SMALL})
    assert read_parameters(conf)["cohorts"] == {"small": SMALL}


def test_another_source_and_the_command_line_are_held_to_conf_base(conf: Path) -> None:
    found = read_parameters(conf)
    changed = {**found, "cohorts": {"small": {**SMALL, "report": {"k": 1}}}}
    refuse_unwatched(found, conf, conf.parent / "elsewhere/local", {})
    with pytest.raises(ValueError, match=r"elsewhere: cohorts.small.report is not what"):
        refuse_unwatched(changed, conf, conf.parent / "elsewhere/local", {})
    with pytest.raises(ValueError, match=r"^--params: cohorts.small.report"):
        refuse_unwatched(changed, conf, conf / "local", {"cohorts": {}})


def test_a_cohort_has_a_file_of_its_own_in_conf_base(conf: Path) -> None:
    own = conf / "base/parameters_cohorts_own.yml"
    write(own, cohorts={"own": SMALL})
    write(conf / "base/.ipynb_checkpoints/parameters_cohorts.yml", cohorts={"own": {}})
    assert read_parameters(conf)["cohorts"] == sections_of("cohorts", conf)
    assert set(sections_of("cohorts", conf)) == {"small", "own"}
    assert file_of_cohort("own", conf) == own
    with pytest.raises(ValueError, match="did you mean 'own'"):
        file_of_cohort("onw", conf)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("parameters_cohorts_b.yml", "cohorts: {small: {}}", "cohorts.small stands in "),
        ("parameters_mine.yml", "cohorts: {own: {}}", "DVC reads it in conf/base/parameters_coh"),
        ("sub/parameters_cohorts.yml", "cohorts: {own: {}}", "DVC reads it in conf/base"),
        ("parameters_tables_b.yml", "tables: {own: {}}", "parameters_tables.yml alone"),
        ("parameters_cohorts_b.yml", "cohorts:", "cohorts is no section of keys"),
        ("parameters_cohorts_b.yml", "cohorts: {own: }", "cohorts.own is no section of keys"),
        ("parameters_cohorts_b.yml", "cohorts: {own: {prepro: {}}}", "no 'prepro'; did you mean"),
        ("parameters_cohorts_b.yml", "cohorts: {2026: {}}", "2026 is read as a number"),
        ("parameters_cohorts_b.yml", "cohorts: {on: {}}", "a name that YAML reads as true"),
        ("parameters_cohorts_b.yml", "- a", "no sections of keys"),
        ("parameters_cohorts_b.yml", "cohorts:\n  own: *small", "line 2: cannot be read as YAML"),
        (
            "parameters_cohorts_b.yml",
            "cohorts: {own: {extract: {raw: '${cohorts.small.extract.raw}'}}}",
            "own.extract.raw is to be filled in",
        ),
    ],
)
def test_what_kedro_would_merge_and_dvc_would_not_find_is_one_line(
    conf: Path, name: str, content: str, told: str
) -> None:
    path = conf / "base" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content)
    found = refused(conf)
    assert told in found
    assert str(path) in found


def test_every_section_of_this_project_stands_in_its_files() -> None:
    found = read_parameters(ROOT / "conf")
    for section in FILES:
        assert found[section] == sections_of(section, ROOT / "conf")
