"""What MLflow is told of the outputs of a pipeline's node."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.about import NOTE
from isd_pipeline.tracking.cohorts import show_cohort
from isd_pipeline.tracking.notes import run_note
from isd_pipeline.tracking.shown import (
    shown_calibration,
    shown_metrics,
    shown_tags,
    shown_training,
)
from isd_pipeline.tracking.tables import show_table, table_and_rows
from isd_pipeline.tracking.tracker import RunKey, Tracker, why

logger = logging.getLogger(__name__)


def log_outputs(
    inputs: Mapping[str, Any], outputs: Mapping[str, Any], parameters: Mapping[str, Any]
) -> None:
    """Log to the open run, or show a table or a cohort; without a tracker, do nothing."""
    if (tracker := tracking.current()) is None:
        return
    if "training" in outputs:
        _log_training(outputs["training"], RunKey.of(parameters))
    if "metrics" in outputs:
        metrics, note = (
            outputs["metrics"],
            run_note(RunKey.of(parameters), parameters, outputs["metrics"]),
        )
        tracking.log(shown_metrics(metrics))
        tracking.tag({**shown_tags(metrics), NOTE: note})
    if "calibration" in outputs:
        tracking.log(shown_calibration(outputs["calibration"]))
    if "table_numbers" in outputs:
        name = inputs["parameters"]["table"]
        _show(
            name,
            inputs["parameters"],
            lambda: _table(tracker, inputs["runs"], inputs["parameters"]),
        )
    if "report_page" in outputs:
        pages = (outputs["report_page"], outputs["report_tables"])
        _show(
            "the page",
            inputs["parameters"],
            lambda: show_cohort(tracker, inputs["runs"], inputs["parameters"], *pages),
        )


def _log_training(training: Mapping[str, Any], key: RunKey) -> None:
    marks = training["run"]["fingerprints"]
    tracking.tag({f"fingerprint_{name}": value for name, value in marks.items()})
    tracking.belongs(key, marks, training["run"]["weights_sha256"])
    tracking.log(shown_training(training))


def _table(tracker: Tracker, runs: Sequence[Any], parameters: Mapping[str, Any]) -> None:
    table, rows = table_and_rows(runs, parameters)
    show_table(tracker, parameters["cohort"], parameters["table"], table, rows)


def _show(what: str, parameters: Mapping[str, Any], do: Callable[[], None]) -> None:
    """Show what stands in files, too; where MLflow fails, `publish` shows it later from these."""
    try:
        do()
    except Exception as error:
        again = f"`kedro run --pipelines=publish --params=cohort={parameters['cohort']}` will"
        logger.warning("MLflow does not show %s (%s); %s", what, why(error), again)
