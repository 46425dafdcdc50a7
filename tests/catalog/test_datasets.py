"""A file of the catalog that is missing or damaged is told with its path and what makes it."""

from pathlib import Path

import pytest
from kedro.io import DatasetError

from isd_pipeline.catalog.datasets import FileDataset, places

JSON = "isd_pipeline.catalog.formats:read_json"


def test_a_file_cut_in_half_is_told_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "ids.json"
    path.write_text('["a", "b')
    dataset = FileDataset(filepath=str(path), load=JSON, lazy=True)
    with pytest.raises(ValueError, match=r"ids\.json: damaged \(.*\); make it again"):
        dataset.load()()


def test_a_missing_file_names_the_pipeline_that_makes_it(tmp_path: Path) -> None:
    dataset = FileDataset(filepath=str(tmp_path / "ids.json"), load=JSON, made_by="preprocess")
    with pytest.raises(DatasetError, match=r"not there yet\. Make it with .*=preprocess`"):
        dataset.load()


@pytest.mark.parametrize(
    ("path", "made_by", "stage"),
    [
        ("data/02_intermediate/own/notes.parquet", "extract", "extract"),
        ("data/04_feature/own/words", "embed", "embed"),
        ("data/05_model_input/own", "preprocess", "preprocess"),
        ("data/06_models/own/isd/seed_1", "train", ""),  # its stage has another name
    ],
)
def test_what_a_cohort_lacks_is_named_with_the_stage_that_makes_all_of_it(
    path: str, made_by: str, stage: str, tmp_path: Path
) -> None:
    missing = FileDataset(filepath=str(tmp_path / path), load="builtins:len", made_by=made_by)
    with pytest.raises(DatasetError) as told:
        missing.load()
    named = f"`isd study own` and `dvc repro studies/own/dvc.yaml:{stage}` make what it needs, too"
    assert str(told.value).endswith(named) is bool(stage)
    assert f"`kedro run --pipelines={made_by}`" in str(told.value)


def test_results_are_told_from_the_project_several_files_by_their_folder(tmp_path: Path) -> None:
    names = ("data/a/one.json", "data/a/two.json", "data/b/three.json")
    made = [FileDataset(filepath=str(tmp_path / name), load="builtins:len") for name in names]
    assert places([*made, object()], tmp_path) == ["data/a", "data/b/three.json"]
