"""What a cohort is told that names no settings follows from its notes and codes, and is said."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from isd_pipeline.config.loading import read_parameters
from isd_pipeline.config.rows import merged_row
from isd_pipeline.config.sizes import COUNTS, follows_size, refuse_uncounted, with_sizes
from tests.checkout import ROOT

PROJECT = read_parameters(ROOT / "conf")
OWN = {"extract": {"source": "custom", "raw": "x"}}


def sized(project: Path, notes: int, codes: int, section: dict[str, Any] = OWN) -> Any:
    path = project / COUNTS.format("own")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"train_documents": notes, "labels": codes}))
    parameters = {**PROJECT, "cohorts": {"own": section}, "cohort": "own"}
    return with_sizes(parameters, project)


@pytest.mark.parametrize(
    ("notes", "codes", "profile"),
    [
        (1, 1, "very_few_documents"),
        (300, 5000, "very_few_documents"),
        (301, 15, "few_documents"),
        (2000, 15, "few_documents"),
        (2001, 15, "some_documents"),
        (15001, 50, "mimic3_50"),
        (15001, 51, ""),
    ],
)
def test_settings_follow_from_how_many_notes_and_codes_there_are(
    tmp_path: Path, notes: int, codes: int, profile: str
) -> None:
    found = sized(tmp_path, notes, codes)
    section = found.parameters["cohorts"]["own"]
    assert section.get("profile", "") == profile
    assert f"{notes:,} training notes and {codes:,} codes take" in found.told["own"]
    assert (profile or "the paper's") in found.told["own"]


@pytest.mark.parametrize("notes", [100, 1000, 10_000, 100_000])
def test_code_vectors_are_as_wide_as_the_models_they_are_for(tmp_path: Path, notes: int) -> None:
    parameters = sized(tmp_path, notes, 100).parameters
    width = (parameters["cohorts"]["own"].get("embed") or {}).get("codes", {}).get("width", 256)
    for experiment in ("isd", "isd_lstm", "isd_aligned"):
        model = merged_row(parameters, experiment).settings.get("model", {})
        assert model.get("width", 256) == width


@pytest.mark.parametrize("name", ["profile", "embed", "train"])
def test_a_cohort_that_names_any_keeps_what_it_names(tmp_path: Path, name: str) -> None:
    section = {**OWN, name: "few_documents" if name == "profile" else {}}
    found = sized(tmp_path, 100, 10, section)
    assert found.parameters["cohorts"]["own"] == section
    assert "it takes the paper's, for 47,723 notes" in found.told["own"]


def test_before_the_notes_are_counted_that_is_said(tmp_path: Path) -> None:
    found = with_sizes({**PROJECT, "cohorts": {"own": OWN}}, tmp_path)
    assert found.parameters["cohorts"]["own"] == OWN
    assert "which `preprocess` counts" in found.told["own"]


def test_no_cohort_of_this_project_changes_by_its_size() -> None:
    assert not [name for name, section in PROJECT["cohorts"].items() if follows_size(section)]


def test_a_row_of_the_table_with_a_key_that_nothing_reads_is_refused(tmp_path: Path) -> None:
    parameters = {**PROJECT, "sizes": {"a": {"note": 3}}}
    with pytest.raises(ValueError, match=r"sizes\.a has no 'note'; did you mean 'notes'"):
        with_sizes(parameters, tmp_path)


def test_one_run_does_not_take_settings_by_size_before_it_has_counted(tmp_path: Path) -> None:
    waits = {**PROJECT, "cohorts": {"own": OWN}, "cohort": "own"}
    named = {**waits, "cohorts": {"own": {**OWN, "profile": "few_documents"}}}
    road = ["extract", "preprocess", "embed", "train"]
    with pytest.raises(ValueError, match=r"`kedro run --pipelines=extract,preprocess --params coh"):
        refuse_uncounted(road, waits, tmp_path)
    refuse_uncounted(road[:2], waits, tmp_path)
    refuse_uncounted(road[2:], waits, tmp_path)
    refuse_uncounted(road, named, tmp_path)
    sized(tmp_path, 100, 10)
    refuse_uncounted(road, waits, tmp_path)


@pytest.mark.parametrize("within", ["", "deep/notes.csv"])
def test_one_run_does_not_take_the_size_of_former_data(tmp_path: Path, within: str) -> None:
    waits = {**PROJECT, "cohorts": {"own": OWN}, "cohort": "own"}
    road = ["extract", "preprocess", "embed", "train"]
    sized(tmp_path, 100, 10)
    counts, raw = tmp_path / COUNTS.format("own"), tmp_path / "x" / within
    raw.parent.mkdir(parents=True, exist_ok=True)
    raw.write_text("id,text")
    at = counts.stat().st_mtime
    for path in {raw, raw.parent, tmp_path / "x"}:
        os.utime(path, (at - 9, at - 9))
    refuse_uncounted(road, waits, tmp_path)
    os.utime(raw, (at + 9, at + 9))
    with pytest.raises(ValueError, match="is newer than what `preprocess` counted"):
        refuse_uncounted(road, waits, tmp_path)
    refuse_uncounted(road[2:], waits, tmp_path)
