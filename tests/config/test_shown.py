"""Every setting of a run is shown with the file and key that it came from."""

from pathlib import Path

import pytest
import yaml

from isd_pipeline.config.shown import DEFAULT, shown_settings

ROOT = Path(__file__).parents[2]


def write(folder: Path, name: str, **sections: object) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(sections))


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    write(tmp_path, "base/parameters.yml", cohort="other", experiment="isd", seed=1)
    small = {"profile": "few", "train": {"training": {"patience": 4}}}
    write(tmp_path, "base/parameters_cohorts.yml", cohorts={"small": small, "other": {}})
    few = {
        "training": {"patience": 3, "clip": 1.0},
        "experiments": {"wide": {"model": {"width": 8}}},
    }
    write(tmp_path, "base/parameters_profiles.yml", profiles={"few": few})
    rows = {"wide": {"system": "caml", "model": {"width": 4, "dropout": 0.5}}}
    write(tmp_path, "base/parameters_experiments.yml", experiments=rows)
    write(tmp_path, "base/parameters_renamed.yml", renamed={"broad": "wide"})
    (tmp_path / "local").mkdir()
    return tmp_path


def test_each_setting_comes_with_its_value_and_its_place(conf: Path) -> None:
    shown = shown_settings("small", "wide", conf)
    base = conf / "base"
    experiments, profiles = (base / f"parameters_{n}.yml" for n in ("experiments", "profiles"))
    assert shown["system"] == ("caml", f"{experiments}: experiments.wide.system")
    assert shown["model.dropout"] == (0.5, f"{experiments}: experiments.wide.model.dropout")
    few = f"{profiles}: profiles.few"
    assert shown["model.width"] == (8, f"{few}.experiments.wide.model.width")
    assert shown["training.clip"] == (1.0, f"{few}.training.clip")
    cohorts = base / "parameters_cohorts.yml"
    assert shown["training.patience"] == (4, f"{cohorts}: cohorts.small.train.training.patience")
    assert shown["model.kernel_size"].origin == DEFAULT
    assert list(shown).index("training.clip") < list(shown).index("model.kernel_size")


def test_what_conf_local_says_of_an_experiment_is_refused(conf: Path) -> None:
    local = {"wide": {"model": {"dropout": 0.1}}}
    write(conf, "local/parameters_mine.yml", experiments=local)
    place = "local/parameters_mine.yml: experiments.wide.model.dropout is not what conf/base has"
    with pytest.raises(ValueError, match=place):
        shown_settings("small", "wide", conf)


@pytest.mark.parametrize(
    ("cohort", "experiment", "told"),
    [
        ("smal", "wide", "no 'smal'; did you mean 'small'?"),
        ("small", "wid", "no 'wid'; did you mean 'wide'?"),
        ("small", "broad", "experiment broad is now called wide"),
    ],
)
def test_a_name_that_is_not_there_is_one_line(
    conf: Path, cohort: str, experiment: str, told: str
) -> None:
    with pytest.raises(ValueError, match=told.replace("?", r"\?")):
        shown_settings(cohort, experiment, conf)


def test_a_folder_without_parameters_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run this in the project's folder"):
        shown_settings("small", "wide", tmp_path)


def test_everything_in_this_project_can_be_shown() -> None:
    found = shown_settings("codiesp_procedures", "caml", ROOT / "conf")
    assert found["training.learning_rate"].value == 1e-3  # the profile's, once forgotten here
    assert "profiles.few_documents.experiments.caml" in found["training.learning_rate"].origin
