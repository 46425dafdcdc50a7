"""A file of the catalog that is missing or damaged is told with its path and what makes it."""

from pathlib import Path

import pytest
from kedro.io import DatasetError

from isd_pipeline.catalog.datasets import FileDataset

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
