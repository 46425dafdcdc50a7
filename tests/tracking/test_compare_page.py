"""The link opens the runs that were asked for, with their metrics and parameters chosen."""

import json
import re

import pytest

from isd_pipeline.tracking.compare_page import compare_link, start_link
from isd_pipeline.tracking.tracker import RunKey, Tracker


def trained(tracker: Tracker, key: RunKey, width: int, tags: dict[str, str]) -> str:
    tracker.start(key, {"experiment": key.experiment, "seed": key.seed, "w": width, "n": 1}, tags)
    tracker.log({"test/f1_micro": 0.5, "dev/f1_micro_tuned": 0.5, "loss/loss": 1.0})
    run_id = tracker.run_id
    tracker.finish("FINISHED")
    return run_id


def state_of(tracker: Tracker, link: str) -> dict:
    """What MLflow's page finds under the key of the link."""
    key = re.search(r"viewStateShareKey=([\w-]+)", link)[1]
    experiment = tracker.client.get_experiment(tracker.experiment_id)
    return json.loads(experiment.tags[f"mlflow.sharedViewState.{key}"])


def test_the_link_shows_the_newest_runs_of_a_table_or_of_a_cohort_and_no_other(tracker) -> None:
    isd, wide = RunKey("synthetic", "isd", 1), RunKey("synthetic", "wide", 1)
    trained(tracker, isd, 7, {"table3": "yes"})  # the same again, and older
    ids = [trained(tracker, isd, 8, {"table3": "yes"}), trained(tracker, wide, 9, {})]
    tracker.start(RunKey("synthetic", "trial", 1), {}, {})  # not evaluated
    tracker.finish("FINISHED")
    trained(tracker, RunKey("other", "isd", 1), 8, {"table3": "yes"})
    for table, expected in (("table3", ids[:1]), (None, ids)):
        link = compare_link(tracker, "synthetic", table).link
        page = f"http://127.0.0.1:5000/#/experiments/{tracker.experiment_id}/runs"
        assert link.startswith(f"{page}?workflowType=machine_learning&")
        shown = tracker.search(state_of(tracker, link)["searchFilter"])
        assert {run.info.run_id for run in shown} == set(expected)


def test_metrics_that_are_there_and_parameters_that_differ_are_chosen(tracker) -> None:
    for seed in (1, 2):
        trained(tracker, RunKey("synthetic", "isd", seed), 8, {})
    trained(tracker, RunKey("synthetic", "wide", 1), 9, {})
    state = state_of(tracker, compare_link(tracker, "synthetic").link)
    assert state["selectedColumns"] == ["metrics.`test/f1_micro`", "params.`w`"]
    charts = [(chart["type"], chart["metricKey"]) for chart in state["compareRunCharts"]]
    assert charts == [("BAR", "test/f1_micro"), ("LINE", "dev/f1_micro_tuned")]


def test_where_nothing_was_run_the_error_names_what_to_do(tracker) -> None:
    with pytest.raises(ValueError, match=r"dvc repro studies/synthetic/dvc\.yaml:table3"):
        compare_link(tracker, "synthetic", "table3")
    with pytest.raises(ValueError, match="kedro run --pipelines=publish --params cohort=synthetic"):
        compare_link(tracker, "synthetic")


def test_of_many_experiments_the_best_six_are_shown_or_those_that_are_named(tracker) -> None:
    for place in range(8):
        tracker.start(RunKey("synthetic", f"e{place}", 1), {"experiment": f"e{place}"}, {})
        tracker.log({"test/f1_micro": 1.0, "test/f1_micro_tuned": place / 10})
        tracker.finish("FINISHED")
    found = compare_link(tracker, "synthetic")
    assert found.shown == ["e7", "e6", "e5", "e4", "e3", "e2"]
    assert found.left_out == ["e1", "e0"]
    shown = tracker.search(state_of(tracker, found.link)["searchFilter"])
    assert {run.data.tags["experiment"] for run in shown} == {*found.shown}
    assert compare_link(tracker, "synthetic", only=["e0", "e7"]).shown == ["e0", "e7"]
    with pytest.raises(ValueError, match="no 'e9'; known are: e7"):
        compare_link(tracker, "synthetic", only=["e9"])


def test_the_start_page_is_of_trainings_and_says_what_stands_there(tracker) -> None:
    link = start_link(tracker)
    assert link.endswith("/runs?workflowType=machine_learning")
    note = tracker.client.get_experiment(tracker.experiment_id).tags["mlflow.note.content"]
    assert "MLFLOW_DISABLE_TELEMETRY=true" in note
