"""What there is, as it lies here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from isd_pipeline.commands import listing as command
from isd_pipeline.studies import listing

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "conf").symlink_to(ROOT / "conf")
    (tmp_path / "results").symlink_to(ROOT / "results")
    return tmp_path


def test_a_cohort_is_told_with_its_raw_files_and_its_recorded_runs(project: Path) -> None:
    (project / "data/01_raw/mimic3_50").mkdir(parents=True)
    (project / "data/01_raw/mimic3_full").mkdir()
    (project / "data/01_raw/mimic3_full/NOTEEVENTS.csv.gz").touch()
    (project / "data/05_model_input/mimic3_full").mkdir(parents=True)
    found = {one["name"]: one for one in listing.cohorts(project)}
    assert found["mimic3_50"]["raw_files"] == "missing"  # the folder is empty
    assert (found["mimic3_full"]["raw_files"], found["mimic3_full"]["prepared"]) == ("here", True)
    assert found["synthetic"]["raw_files"] == "made by `generate`"
    runs = (ROOT / "results/codiesp_50/runs.jsonl").read_text().count("\n")
    assert found["codiesp_50"]["recorded_runs"] == runs


def test_everything_is_listed_under_the_name_by_which_commands_take_it(project: Path) -> None:
    assert tuple(listing.KINDS) == command.KINDS
    assert [one["name"] for one in listing.tables(project)][:2] == ["table1", "systems"]
    assert "isd_aligned" in [one["name"] for one in listing.experiments(project)]
    (project / "bundles/one").mkdir(parents=True)
    record = {"cohort": "own", "experiment": "isd", "training_counts": [3, 4], "sha256": "ab"}
    (project / "bundles/one/bundle.json").write_text(json.dumps(record))
    (bundle,) = listing.bundles(project)
    assert (bundle["name"], bundle["codes"]) == ("bundles/one", 2)
    assert f"{len(listing.tables(project)):3} tables: `isd list tables`" in listing.overview(
        project
    )


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    rows = [{"name": "a", "recorded_for": ["x", "y"]}, {"name": "longer", "recorded_for": []}]
    assert listing.as_lines(rows) == ["name    recorded for", "a       x, y", "longer"]


def test_a_summary_for_scripts_has_the_mean_and_the_sd_over_seeds(tmp_path: Path) -> None:
    folder = tmp_path / "results/own"
    folder.mkdir(parents=True)
    runs = [("isd", 1, 0.2), ("isd", 2, 0.4), ("linear_svm", 1, 0.5)]
    lines = [
        {"experiment": name, "seed": seed, "metrics": {"test": {"f1_micro": value}}}
        for name, seed, value in runs
    ]
    (folder / "runs.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    found = listing.summary_of(folder)
    assert found["isd"]["seeds"] == 2
    assert found["isd"]["test"]["f1_micro"]["mean"] == pytest.approx(0.3)
    assert found["isd"]["test"]["f1_micro"]["sd"] == pytest.approx(0.02**0.5)
    assert found["linear_svm"] == {"seeds": 1, "test": {"f1_micro": {"mean": 0.5}}}
