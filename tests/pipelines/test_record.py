"""From the small files of a run to its line, and what is kept where scores are absent."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from isd_pipeline.catalog.results import Run, contents, read_results
from isd_pipeline.catalog.runs import read_runs
from isd_pipeline.evaluation.resampling import Bootstrap, Sampling
from isd_pipeline.pipelines.compare.nodes import compare_experiments, find_intervals
from isd_pipeline.pipelines.record.nodes import record_runs

EXPERIMENTS = {"isd": {}, "words": {"system": "logistic_regression"}, "both": {"system": "stack"}}
METRICS = {split: {"f1_micro_tuned": 0.5, "threshold_tuned": 0.1} for split in ("dev", "test")}
SAID = {
    "kind": "network",
    "settings": {"system": "isd"},
    "commit": "c0ffee",
    "code": "0123456789abcdef",
    "versions": {"torch": "2.13"},
    "fingerprints": {"codes": "ab"},
    "weights_sha256": "cd",
}
TABLES = {"small": {"title": "T", "experiments": ["isd", "words"], "reference": "words"}}


def written(folder: Path, experiment: str, training: dict, evidence: dict | None = None) -> None:
    run = folder / "runs" / experiment / "seed_1"
    run.mkdir(parents=True)
    files = {"metrics": METRICS, "training": training, "strata": {}, "calibration": {}}
    for name, content in files.items():
        (run / f"{name}.json").write_text(json.dumps(content))
    pd.DataFrame({"epoch": [1], "total": [0.5]}).to_csv(run / "history.csv", index=False)
    if evidence:
        (folder / "evidence" / experiment).mkdir(parents=True)
        (folder / "evidence" / experiment / "seed_1.json").write_text(json.dumps(evidence))


def test_what_a_run_says_of_itself_stands_on_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "isd", {"minutes": 1.0, "on_gpu": 1.0, "run": SAID}, {"documents": 1})
    record_runs(read_runs(tmp_path / "runs"), {"experiments": EXPERIMENTS})(tmp_path / "results/x")
    [run] = read_results(tmp_path / "results/x")
    assert run.training == {"minutes": 1.0, "on_gpu": 1.0}
    assert (run.kind, run.settings, run.weights) == ("network", {"system": "isd"}, "cd")
    assert (run.fingerprints, run.evidence) == ({"codes": "ab"}, {"documents": 1})
    made_by = {name: SAID[name] for name in ("commit", "code", "versions")}
    assert run.made_by == {**made_by, "evaluation_code": None, "device": "gpu", "record": "run"}


def test_a_run_of_before_is_recorded_with_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for experiment in ("both", "words", "isd", "gone"):
        written(tmp_path, experiment, {"minutes": 1.0})
    record_runs(read_runs(tmp_path / "runs"), {"experiments": EXPERIMENTS})(tmp_path / "results/x")
    runs = read_results(tmp_path / "results/x")
    assert [(run.experiment, run.kind) for run in runs] == [
        ("isd", None),
        ("words", None),
        ("both", None),
        ("gone", None),
    ]
    nobody = {"commit": None, "code": None, "versions": None, "device": None}
    nobody |= {"evaluation_code": None, "record": "run"}
    assert runs[0].made_by == nobody
    assert runs[0].settings is None


def run(experiment: str, seed: int, score: float = 0.5) -> Run:
    metrics = {"test": {"f1_micro_tuned": score, "threshold_tuned": 0.1}}
    kind = "baseline" if experiment == "words" else "network"
    return Run(experiment=experiment, seed=seed, kind=kind, metrics=metrics)


def resampled(observed: float) -> Bootstrap:
    draws = observed + np.array([-0.1, 0.0, 0.1])
    return Bootstrap(Sampling(3, 3, 0), {"f1_micro_tuned": observed}, {"f1_micro_tuned": draws})


def test_intervals_are_computed_where_the_replicates_are_and_else_those_of_these_runs_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    runs = [run("isd", 1), run("isd", 2), run("words", 1), run("laat", 1), run("caml", 1)]
    draws = {("isd", 1): resampled(0.5), ("isd", 2): resampled(0.5), ("words", 1): resampled(0.4)}
    of_words = {"runs": contents(runs)["words"], "intervals": {"f1_micro_tuned": [0.3, 0.6]}}
    of_laat = {"runs": {"1": "other"}, "intervals": {"f1_micro_tuned": [0.3, 0.6]}}
    with caplog.at_level(logging.WARNING):
        found = find_intervals(runs, draws, {"words": of_words, "laat": of_laat})
    assert found.keys() == {"isd", "words"}
    assert found["words"] == of_words  # the replicates here are of other numbers
    assert found["isd"]["intervals"]["f1_micro_tuned"] == pytest.approx((0.405, 0.595))
    for name in ("laat", "caml"):
        assert f"{name}: no bootstrap intervals" in caplog.text


class Nothing:
    """Documents of which no code is asked where no score is there."""

    def label_matrix(self, codes: int) -> None:
        return None


def compared(runs: list[Run], recorded: dict) -> dict:
    parameters = {
        "cohort": "x",
        "cohorts": {"x": {"report": {"k": 8}}},
        "experiments": EXPERIMENTS,
        "paper": {},
        "tables": TABLES,
    }
    return compare_experiments(runs, lambda: {}, {}, recorded, {"test": Nothing()}, [], parameters)


def test_a_table_of_the_same_runs_is_kept_where_the_scores_are_absent() -> None:
    runs = [run("isd", 1), run("words", 1)]
    kept = {"runs": contents(runs), "reference": "words", "draws": 9, "rows": [{"p": 0.1}]}
    assert compared(runs, {"small": kept}) == {"small": kept}


def test_a_table_of_other_runs_is_left_out_and_says_what_makes_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = [run("isd", 1), run("words", 1)]
    kept = {"runs": contents(before), "reference": "words", "draws": 9, "rows": [{"p": 0.1}]}
    with caplog.at_level(logging.WARNING):
        found = compared([*before, run("isd", 2)], {"small": kept})
    assert found["small"]["rows"] == []
    assert "`dvc repro studies/x/dvc.yaml:small` makes it" in found["small"]["left_out"]
    assert found["small"]["left_out"] in caplog.text
