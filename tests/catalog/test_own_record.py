"""The record of this machine alone is told apart from the one in git, and held against it."""

from dataclasses import replace
from pathlib import Path

import pytest

from isd_pipeline.catalog.own_record import against_git, record_of
from isd_pipeline.catalog.results import Run, write_results


def run(experiment: str, f1: float, weights: str = "a1") -> Run:
    of_split = {"f1_micro_tuned": f1}
    metrics = {"dev": of_split, "test": of_split}
    return Run(experiment=experiment, seed=1, metrics=metrics, weights=weights)


RUNS = [run("isd", 0.25), run("laat", 0.5)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for place in ("results", "data/results"):
        (tmp_path / place / "small").mkdir(parents=True)
    write_results(tmp_path / "results/small", RUNS)
    return tmp_path


def own(root: Path, *runs: Run) -> str:
    write_results(root / "data/results/small", runs)
    return against_git("small", root)


def test_the_record_of_this_machine_is_read_where_there_is_one(root: Path) -> None:
    assert record_of("small", root) == root / "results/small"
    assert against_git("small", root) == ""
    own(root, *RUNS)
    assert record_of("small", root) == root / "data/results/small"


def test_what_another_machine_did_not_record_is_not_compared(root: Path) -> None:
    assert own(root, run("caml", 0.5)) == ""
    assert own(root, *RUNS, run("caml", 0.5)).startswith("All 2 runs are the same to the bit as")


def test_other_numbers_are_told_beside_those_in_git(root: Path) -> None:
    told = own(root, run("isd", 0.2512), RUNS[1])
    assert told.startswith("1 of 2 runs are the same to the bit as those recorded in results/small")
    assert "0.2512 for 0.2500 (isd)" in told
    assert "laat" not in told


def test_the_same_figures_of_other_weights_are_not_the_same_to_the_bit(root: Path) -> None:
    assert own(root, replace(RUNS[0], weights="b2"), RUNS[1]).startswith("1 of 2 runs")
    assert own(root, replace(RUNS[0], weights=None), RUNS[1]).startswith("All 2 runs")


def test_runs_of_another_hospital_are_not_held_against_each_other(root: Path) -> None:
    before, after = ({"data": mark, "codes": "c"} for mark in ("0", "1"))
    write_results(root / "results/small", [replace(RUNS[0], fingerprints=before)])
    assert "of other data" in own(root, replace(RUNS[0], fingerprints=after))
    assert own(root, replace(RUNS[0], fingerprints=before)).startswith("All 1 runs")
