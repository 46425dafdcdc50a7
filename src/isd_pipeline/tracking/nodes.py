"""What MLflow is told of the outputs of a pipeline's node."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.shown import shown_calibration, shown_metrics, shown_tags
from isd_pipeline.tracking.tables import show_table, table_and_rows
from isd_pipeline.tracking.tracker import Tracker, why

logger = logging.getLogger(__name__)


def log_outputs(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
    """Log to the open run, or show a table; without a tracker, do nothing."""
    if (tracker := tracking.current()) is None:
        return
    if "model" in outputs:
        marks = outputs["model"].fingerprints.items()
        tracking.tag({f"fingerprint_{name}": value for name, value in marks})
    if "metrics" in outputs:
        tracking.log(shown_metrics(outputs["metrics"]))
        tracking.tag(shown_tags(outputs["metrics"]))
    if "calibration" in outputs:
        tracking.log(shown_calibration(outputs["calibration"]))
    if "table_numbers" in outputs:
        _show(tracker, inputs["runs"], inputs["parameters"])


def _show(tracker: Tracker, runs: Sequence[Any], parameters: Mapping[str, Any]) -> None:
    """Show a table; where MLflow fails, `publish` shows it later from the files."""
    cohort, name = parameters["cohort"], parameters["table"]
    table, rows = table_and_rows(runs, parameters)
    try:
        show_table(tracker, cohort, name, table, rows)
    except Exception as error:
        again = f"`kedro run --pipelines=publish --params=cohort={cohort}` will"
        logger.warning("MLflow does not show %s (%s); %s", name, why(error), again)
