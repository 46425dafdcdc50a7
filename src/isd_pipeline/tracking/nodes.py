"""What MLflow is told of the outputs of a pipeline's node."""

from collections.abc import Mapping
from typing import Any

from isd_pipeline.tracking import tracker as tracking
from isd_pipeline.tracking.shown import shown_calibration, shown_metrics, shown_tags
from isd_pipeline.tracking.tables import show_table, table_and_rows


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
        parameters = inputs["parameters"]
        table, rows = table_and_rows(inputs["runs"], parameters)
        show_table(tracker, parameters["cohort"], parameters["table"], table, rows)
