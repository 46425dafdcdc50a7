"""What the nodes give is logged under MLflow's names, by the hook; without a tracker nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from isd_pipeline.catalog.results import Run
from isd_pipeline.predictors.artifact import Artifact
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.nodes import log_outputs
from isd_pipeline.tracking.tracker import RunKey, Tracker

METRICS = {"dev": {"map": 0.5}, "test": {"map": 0.25, "collapsed": 1.0}, "run": {"code": "c"}}
CALIBRATION = {
    "temperature": 2.0,
    "before": {"ece": 0.2, "ece_shown": 0.1},
    "after": {"ece": 0.02, "ece_shown": 0.01},
}
TABLE = {"title": "T", "experiments": ["isd"], "reference": "isd"}
PARAMETERS = {
    "cohort": "c", "table": "t", "experiments": {"isd": None}, "paper": {}, "tables": {"t": TABLE}
}  # fmt: skip


@pytest.fixture
def listening(tracker: Tracker) -> Iterator[Tracker]:
    tracker.start(RunKey("c", "isd", 1), {}, {})
    tracking.use(tracker)
    yield tracker
    tracking.close("FINISHED")


def open_run(tracker: Tracker) -> Any:
    return tracker.client.get_run(tracker.run_id).data


def test_what_train_and_evaluate_give_is_logged_to_the_open_run(listening: Tracker) -> None:
    log_outputs({}, {"model": Artifact({}, {}, {"codes": "abc"}), "history": None, "training": {}})
    log_outputs({}, {"metrics": METRICS})
    log_outputs({}, {"calibration": CALIBRATION})
    found = open_run(listening)
    assert found.tags["fingerprint_codes"] == "abc"
    assert found.tags["collapsed"] == "at 0.5"
    assert found.metrics == {
        "dev_final/map": 0.5,
        "test/map": 0.25,
        "test/collapsed": 1.0,
        "test/temperature": 2.0,
        "test/ece": 0.2,
        "test/ece_shown": 0.1,
        "test/ece_calibrated": 0.02,
        "test/ece_shown_calibrated": 0.01,
    }


def test_what_made_a_run_changes_nothing_of_what_it_is(listening: Tracker) -> None:
    log_outputs({}, {"metrics": METRICS})
    first = open_run(listening).tags["content"]
    log_outputs({}, {"metrics": METRICS | {"run": {"code": "another"}}})
    assert open_run(listening).tags["content"] == first


def test_an_epoch_is_logged_as_it_comes(listening: Tracker) -> None:
    tracking.log_epoch(3, {"loss": 0.5, "prediction": 0.4, "dev_map": 0.1, "learning_rate": 0.01})
    history = listening.client.get_metric_history(listening.run_id, "dev/map")
    assert [(one.step, one.value) for one in history] == [(3, 0.1)]
    names = {"loss/loss", "loss/prediction", "dev/map", "learning_rate"}
    assert open_run(listening).metrics.keys() == names


def test_a_table_is_shown_where_its_numbers_are_given(listening: Tracker) -> None:
    run = Run(experiment="isd", seed=1, metrics={"test": {"f1_micro": 0.5}})
    log_outputs({"runs": [run], "parameters": PARAMETERS}, {"table_numbers": {}})
    (shown,) = listening.search("tags.table = 't'")
    assert shown.data.metrics == {"rows/isd.f1_micro_mean": 0.5}
    assert open_run(listening).tags["t"] == "yes"


def test_without_a_tracker_nothing_is_logged(tracker: Tracker) -> None:
    log_outputs({}, {"metrics": METRICS})
    tracking.log_epoch(1, {"loss": 0.5})
    assert tracker.search("") == []
