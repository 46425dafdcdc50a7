"""What the nodes give is logged under MLflow's names, by the hook; without a tracker nothing is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isd_pipeline.catalog.results import Run
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.about import NOTE
from isd_pipeline.tracking.nodes import log_outputs
from isd_pipeline.tracking.shown import shown_of_test
from isd_pipeline.tracking.tracker import RunKey, Tracker

METRICS = {"dev": {"map": 0.5}, "test": {"map": 0.25, "collapsed": 1.0}, "run": {"code": "c"}}
CALIBRATION = {
    "temperature": 2.0,
    "before": {"ece": 0.2, "ece_shown": 0.1},
    "after": {"ece": 0.02, "ece_shown": 0.01},
}
TABLE = {"title": "T", "experiments": ["isd"], "reference": "isd"}
PARAMETERS = {
    "cohort": "c", "experiment": "isd", "seed": 1, "table": "t", "tables": {"t": TABLE},
    "experiments": {"isd": {"model": {"n_layers": 0}}}, "cohorts": {"c": {}}, "paper": {},
}  # fmt: skip
MARKS = {"codes": "abc", "data": "0123456789abcdef"}
TRAINING = {"minutes": 2.0, "run": {"fingerprints": MARKS, "weights_sha256": "f00d"}}
FIGURES = {
    "f1_micro": "test",
    "f1_macro_caml_tuned": "test",
    "p_at_15": "test",
    "f1_macro_caml_present": "test_other_f1",
    "recall_micro": "test_precision_recall",
    "r_precision": "test_precision_recall",
    "collapsed_tuned": "test_checks",
}


@pytest.fixture
def listening(tracker: Tracker) -> Iterator[Tracker]:
    tracker.start(RunKey("c", "isd", 1), {}, {})
    tracking.use(tracker)
    yield tracker
    tracking.close("FINISHED")


def open_run(tracker: Tracker) -> Any:
    return tracker.client.get_run(tracker.run_id).data


def test_what_train_and_evaluate_give_is_logged_to_the_open_run(listening: Tracker) -> None:
    for outputs in ({"training": TRAINING}, {"metrics": METRICS}, {"calibration": CALIBRATION}):
        log_outputs({}, outputs, PARAMETERS)
    found = open_run(listening)
    assert found.tags["fingerprint_codes"] == "abc"
    assert found.tags["collapsed"] == "at 0.5"
    assert found.metrics == {
        "dev_final/map": 0.5,
        "test/map": 0.25,
        "test_checks/collapsed": 1.0,
        "test_calibration/temperature": 2.0,
        "test_calibration/ece": 0.2,
        "test_calibration/ece_shown": 0.1,
        "test_calibration/ece_calibrated": 0.02,
        "test_calibration/ece_shown_calibrated": 0.01,
        "training/minutes": 2.0,
    }


def test_a_run_knows_its_data_and_its_model_by_their_hashes_once_and_without_content(
    listening: Tracker,
) -> None:
    for _ in range(2):
        log_outputs({}, {"training": TRAINING}, PARAMETERS)
    log_outputs({}, {"metrics": METRICS}, PARAMETERS)
    run = listening.client.get_run(listening.run_id)
    (data,) = [one.dataset for one in run.inputs.dataset_inputs]
    assert (data.name, data.digest) == ("c", MARKS["data"])
    assert json.loads(data.profile) == MARKS
    (model,) = listening.client.search_logged_models([listening.experiment_id])
    assert model.tags["weights_sha256"] == "f00d"
    assert [one.model_id for one in run.outputs.model_outputs] == [model.model_id]
    assert [one.key for one in model.metrics] == ["test/map"]
    assert not [path for path in Path.cwd().rglob("*") if path.is_file() and "models" in path.parts]


def test_a_runs_page_begins_with_its_figures_and_says_how_to_make_it_again(
    listening: Tracker,
) -> None:
    metrics = {**METRICS, "test": {"f1_micro": 0.25, "f1_micro_tuned": 0.5, "p_at_8": 0.75}}
    log_outputs({}, {"metrics": metrics}, PARAMETERS)
    note = open_run(listening).tags[NOTE]
    assert note.startswith("**isd** on **c**, seed 1: micro-F1 0.500, ")
    assert "| micro-F1 | 0.250 | 0.500 |" in note
    assert "`model.n_layers` 0" in note
    assert "--params=cohort=c,experiment=isd,seed=1`" in note


def test_the_page_of_a_cohort_goes_to_an_mlflow_on_this_machine_alone(
    listening: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(experiment="isd", seed=1, metrics={"test": {"f1_micro_tuned": 0.5}})
    inputs = {"runs": [run], "parameters": PARAMETERS}
    outputs = {"report_page": "<p>page</p>", "report_tables": "## c"}
    monkeypatch.setattr(Tracker, "is_local", False)
    log_outputs(inputs, outputs, PARAMETERS)
    (shown,) = listening.search("tags.parent_of = 'c'")
    assert "| isd | 1 | 0.500 |" in shown.data.tags[NOTE]
    assert listening.client.list_artifacts(shown.info.run_id) == []
    monkeypatch.undo()
    log_outputs(inputs, outputs, PARAMETERS)
    found = {one.path for one in listening.client.list_artifacts(shown.info.run_id)}
    assert found == {"report.html", "results.md"}


def test_every_figure_has_a_group_and_what_papers_print_the_first() -> None:
    groups = {name: shown_of_test(name).partition("/")[0] for name in FIGURES}
    assert groups == FIGURES


def test_what_made_a_run_changes_nothing_of_what_it_is(listening: Tracker) -> None:
    log_outputs({}, {"metrics": METRICS}, PARAMETERS)
    first = open_run(listening).tags["content"]
    log_outputs({}, {"metrics": METRICS | {"run": {"code": "another"}}}, PARAMETERS)
    assert open_run(listening).tags["content"] == first


def test_an_epoch_is_logged_as_it_comes(listening: Tracker) -> None:
    tracking.log_epoch(3, {"loss": 0.5, "prediction": 0.4, "dev_map": 0.1, "learning_rate": 0.01})
    history = listening.client.get_metric_history(listening.run_id, "dev/map")
    assert [(one.step, one.value) for one in history] == [(3, 0.1)]
    names = {"loss/loss", "loss/prediction", "dev/map", "training/learning_rate"}
    assert open_run(listening).metrics.keys() == names


def test_a_table_is_shown_where_its_numbers_are_given(listening: Tracker) -> None:
    run = Run(experiment="isd", seed=1, metrics={"test": {"f1_micro": 0.5}})
    log_outputs({"runs": [run], "parameters": PARAMETERS}, {"table_numbers": {}}, PARAMETERS)
    (shown,) = listening.search("tags.table = 't'")
    assert shown.data.metrics == {"rows/isd.f1_micro_mean": 0.5}
    assert open_run(listening).tags["t"] == "yes"


def test_without_a_tracker_nothing_is_logged(tracker: Tracker) -> None:
    log_outputs({}, {"metrics": METRICS}, PARAMETERS)
    tracking.log_epoch(1, {"loss": 0.5})
    assert tracker.search("") == []
