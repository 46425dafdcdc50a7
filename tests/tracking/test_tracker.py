"""MLflow is told what happened, once, also after a kill; never more than numbers."""

import subprocess
import sys

from isd_pipeline.hooks import TrackingHook
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.tracker import RunKey, Tracker

KEY = RunKey("synthetic", "isd", 1)


def run_of(tracker: Tracker, run_id: str):
    return tracker.client.get_run(run_id)


def test_runs_of_one_cohort_share_a_parent_and_have_the_same_parameter_names(tracker) -> None:
    ids = []
    for experiment in ("isd", "isd_aligned"):
        tracker.start(RunKey("synthetic", experiment, 1), {"seed": 1, "width": 8}, {})
        ids.append(tracker.run_id)
        tracker.log({"loss": 0.5}, step=1)
        tracker.log({"loss": 0.25}, step=2)
        tracker.finish("FINISHED")
    runs = [run_of(tracker, run_id) for run_id in ids]
    assert len({run.data.tags["mlflow.parentRunId"] for run in runs}) == 1
    assert [run.info.run_name for run in runs] == ["isd, seed 1", "isd_aligned, seed 1"]
    assert all(run.data.params == {"seed": "1", "width": "8"} for run in runs)
    history = tracker.client.get_metric_history(ids[0], "loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]


def test_a_run_whose_process_died_is_marked_killed_and_taken_up_again(tracker) -> None:
    tracker.start(KEY, {}, {"resume_key": "abc"})
    first = tracker.run_id
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True
    )
    tracker.tag({"process": dead.stdout.decode().strip()})

    other = Tracker(tracker.settings)
    other.start(RunKey("synthetic", "isd", 2), {}, {"resume_key": "other"})
    assert run_of(tracker, first).info.status == "KILLED"

    other.start(KEY, {}, {"resume_key": "abc"})
    assert other.run_id == first
    assert run_of(tracker, first).info.status == "RUNNING"


def test_evaluation_adds_to_the_newest_run_of_its_training(tracker) -> None:
    tracker.start(KEY, {}, {"resume_key": "1"})
    tracker.finish("FINISHED")
    tracker.start(KEY, {}, {"resume_key": "2"})
    newest = tracker.run_id
    tracker.finish("FINISHED")
    tracker.reopen(KEY)
    assert tracker.run_id == newest


def test_a_run_that_failed_says_with_what_kind_of_error_and_none_of_its_words(tracker) -> None:
    tracker.start(KEY, {}, {})
    run_id = tracker.run_id
    tracking.use(tracker)
    TrackingHook().on_pipeline_error(FloatingPointError("epoch 1: ZZCANARY is not finite"))
    failed = run_of(tracker, run_id)
    assert (failed.info.status, failed.data.tags["failed_with"]) == ("FAILED", "FloatingPointError")
    assert "ZZCANARY" not in str(failed.to_dictionary())


def test_a_tag_where_no_run_is_open_is_no_error(tracker) -> None:
    tracking.use(tracker)
    tracking.tag({"failed_with": "ValueError"})
    tracking.close("FAILED")
