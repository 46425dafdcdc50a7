"""MLflow, made again from files: after a clone, `dvc pull` or a cached stage it would be empty."""

import logging
from collections.abc import Mapping
from typing import Any

from isd_pipeline.catalog.results import Run
from isd_pipeline.config.experiments import notes_of, shown_parameters
from isd_pipeline.config.reports import table_layouts
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.about import NOTE
from isd_pipeline.tracking.belongings import log_data, log_model
from isd_pipeline.tracking.cohorts import show_cohort
from isd_pipeline.tracking.notes import run_note
from isd_pipeline.tracking.shown import (
    content_of,
    shown_calibration,
    shown_figure,
    shown_metrics,
    shown_tags,
    shown_training,
)
from isd_pipeline.tracking.tables import rows_of, show_table
from isd_pipeline.tracking.tracker import RunKey, Tracker, needed

logger = logging.getLogger(__name__)


def publish_runs(
    runs: list[Run], report_page: str, report_tables: str, parameters: Mapping[str, Any]
) -> dict[str, int]:
    """Log every run of the cohort that MLflow does not have with these very numbers.

    Then the cohort with its page, and every table of which each row has a run.
    """
    if (tracker := tracking.current()) is None:
        raise ValueError("conf/base/tracking.yml: uri is empty: there is no MLflow to publish to")
    with needed(tracker):
        counts = _publish_all(tracker, runs, parameters)
        if runs:
            show_cohort(tracker, runs, parameters, report_page, report_tables)
    logger.info("MLflow: %(published)d runs published, %(there_already)d there already", counts)
    return counts


def _publish_all(
    tracker: Tracker, runs: list[Run], parameters: Mapping[str, Any]
) -> dict[str, int]:
    counts = {"published": 0, "there_already": 0}
    for run in runs:
        key = RunKey(parameters["cohort"], run.experiment, run.seed)
        if tracker.has(key, content_of(run.metrics)):
            counts["there_already"] += 1
            continue
        _publish(tracker, run, key, parameters)
        counts["published"] += 1
    for name, table in table_layouts(parameters).items():
        rows = rows_of(table, runs, notes_of(parameters))
        if all(row.seeds for row in rows):
            show_table(tracker, parameters["cohort"], name, table, rows)
    return counts


def _publish(tracker: Tracker, run: Run, key: RunKey, parameters: Mapping[str, Any]) -> None:
    these = {**parameters, "experiment": run.experiment, "seed": run.seed}
    known = run.experiment in parameters["experiments"]
    tracker.start(key, shown_parameters(these) if known else {}, {})
    made_by = {"published": "from files", "git_commit": run.made_by.get("commit") or "not known"}
    if run.fingerprints:
        log_data(tracker, key, run.fingerprints)
    if run.weights:
        log_model(tracker, key, run.weights)
    note = run_note(key, parameters, run.metrics)
    tracker.tag(shown_tags(run.metrics) | made_by | {NOTE: note})
    if run.history is not None:
        for figures in run.history.to_dict("records"):
            step = int(figures.pop("epoch"))
            tracker.log({shown_figure(str(name)): v for name, v in figures.items()}, step)
    calibration = shown_calibration(run.calibration) if run.calibration else {}
    tracker.log(shown_metrics(run.metrics) | calibration)
    tracker.log(shown_training(run.training))
    tracker.finish("FINISHED")
