"""The record of runs: what is written is read again, and a line that is there stays as it is."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from isd_pipeline.catalog.formats import read_json
from isd_pipeline.catalog.results import Run, contents, merge, read_results

ROOT = Path(__file__).parents[2]
BREAKDOWNS = {
    "frequency": [{"stratum": "1-10", "codes": 3, "f1_micro": 0.1 + 0.2}],
    "length": [{"stratum": "all", "documents": 7, "f1_micro": None}],
}
CALIBRATION = {"temperature": 1 / 3, "after": {"bins": {"true": [1, 2], "cells": [3, 4]}}}


def run(experiment: str = "isd", seed: int = 1, score: float = 0.1, **more: object) -> Run:
    found: dict = {
        "kind": "network",
        "settings": {"system": "isd", "model": {"width": 8}},
        "made_by": {"commit": "c0ffee", "code": None, "device": "cpu", "record": "run"},
        "training": {"minutes": 1.5, "on_gpu": 0.0},
        "metrics": {split: {"f1_micro_tuned": score} for split in ("dev", "test")},
        "history": pd.DataFrame({"epoch": [1, 2], "total": [0.1 + 0.2, 1e-17]}),
        "breakdowns": BREAKDOWNS,
        "calibration": CALIBRATION,
    }
    return Run(experiment=experiment, seed=seed, **{**found, **more})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)  # the lock stands in the checkout's scratch folder
    return Path("results/small")


def test_every_number_comes_back_with_its_type(folder: Path) -> None:
    evidence = {"documents": 2, "sources": {"model": {"first": 0.7}}}
    other = run("linear_svm", history=None, evidence=evidence, breakdowns={}, weights="ab")
    longer = run("laat", history=pd.DataFrame({"epoch": [1], "dev_map": [0.5], "total": [0.25]}))
    assert merge(folder, [run(), other, longer]) == {
        "added": 3,
        "kept": 0,
        "made again": 0,
        "replaced": 0,
    }
    again = {found.experiment: found for found in read_results(folder)}
    assert again == {"isd": run(), "linear_svm": other, "laat": longer}
    assert type(again["isd"].breakdowns["frequency"][0]["codes"]) is int
    assert again["isd"].breakdowns["length"][0] == BREAKDOWNS["length"][0]
    assert again["linear_svm"].history is None
    for name, columns in (("isd", ["epoch", "total"]), ("laat", ["epoch", "total", "dev_map"])):
        assert list(again[name].history.columns) == columns
    assert again["isd"].history.equals(run().history)


def test_a_run_is_one_line_in_the_order_of_the_experiments_and_then_of_the_seeds(
    folder: Path,
) -> None:
    runs = [run("b", 10), run("a", 2), run("gone", 1), run("b", 9)]
    merge(folder, runs, order=["b", "a"])
    assert [found.key for found in read_results(folder)] == [
        ("b", 9),
        ("b", 10),
        ("a", 2),
        ("gone", 1),
    ]
    assert len((folder / "runs.jsonl").read_text().splitlines()) == 4


def test_an_equal_run_leaves_its_line_and_its_files_as_they_are(folder: Path) -> None:
    merge(folder, [run(made_by={"commit": "first", "record": "history"})])
    files = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    assert merge(folder, [run(training={"minutes": 99.0})])["kept"] == 1
    assert files == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def test_a_recorded_run_takes_over_the_evidence_that_was_made_since(folder: Path) -> None:
    merge(folder, [run(made_by={"commit": "first"}, breakdowns={})])
    line = (folder / "runs.jsonl").read_text()
    evidence = {"documents": 2, "sources": {}}
    merge(folder, [run(made_by={"commit": "second"}, evidence=evidence)])
    assert (folder / "runs.jsonl").read_text() == line
    [found] = read_results(folder)
    assert (found.evidence, found.breakdowns) == (evidence, BREAKDOWNS)


def test_other_numbers_replace_a_run_and_are_told(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    merge(folder, [run(), run(seed=2)])
    with caplog.at_level(logging.WARNING):
        counts = merge(folder, [run(seed=2, score=0.25), run(seed=3)])
    assert counts == {"kept": 0, "made again": 0, "added": 1, "replaced": 1}
    assert [found.metrics["test"]["f1_micro_tuned"] for found in read_results(folder)] == [
        0.1,
        0.25,
        0.1,
    ]
    assert "small, isd, seed 2: other numbers" in caplog.text
    assert "0.1 before, 0.25 now" in caplog.text


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda line: line[:40], "no whole run"),
        (lambda line: "<<<<<<< HEAD", "no whole run"),
        (lambda line: line.replace('"weights"', '"wieghts"'), "not a run's keys"),
        (lambda line: line.replace('"seed":2', '"seed":1'), "a run twice"),
    ],
)
def test_a_damaged_line_is_one_error_with_its_place_and_the_remedy(
    folder: Path, damage: object, what: str
) -> None:
    merge(folder, [run(), run(seed=2)])
    first, second = (folder / "runs.jsonl").read_text().splitlines()
    (folder / "runs.jsonl").write_text(f"{first}\n{damage(second)}\n")
    with pytest.raises(ValueError, match=rf"results/small/runs.jsonl, line 2: {what}") as told:
        merge(folder, [run(seed=3)])
    assert "`git checkout -- results/small/runs.jsonl`" in str(told.value)


def test_a_line_is_json_that_every_reader_knows(folder: Path) -> None:
    merge(folder, [run(settings={"training": {"clip": float("inf"), "rates": (1, 2.5)}})])
    line = json.loads((folder / "runs.jsonl").read_text(), parse_constant=pytest.fail)
    assert line["settings"] == {"training": {"clip": ".inf", "rates": [1, 2.5]}}


def test_the_content_of_a_run_is_that_of_its_metrics_alone() -> None:
    assert run().content == run(training={}, kind=None).content != run(score=0.2).content
    assert contents([run(seed=2), run()]) == {"isd": {"1": run().content, "2": run().content}}


@pytest.mark.parametrize("cohort", sorted(path.name for path in (ROOT / "results").iterdir()))
def test_the_record_of_this_repository_is_whole_and_its_intervals_are_of_its_runs(
    cohort: str,
) -> None:
    runs = read_results(ROOT / "results" / cohort)
    intervals = read_json(ROOT / "results" / cohort / "intervals.json")
    assert {name: found["runs"] for name, found in intervals.items()} == contents(runs)
    for one in runs:
        assert one.breakdowns.keys() >= {"frequency", "chapter", "length"}
        assert (one.history is None) == (one.kind != "network")
        assert one.device
        assert one.settings["system"] == "ensemble" or one.kind != "ensemble"


def test_without_a_record_there_are_no_runs(folder: Path) -> None:
    assert read_results(folder) == []
    assert replace(run(), training={}).device == ""
