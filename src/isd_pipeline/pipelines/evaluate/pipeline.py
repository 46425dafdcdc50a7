"""Stage `evaluate`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.evaluate.nodes import (
    calibrate_scores,
    measure,
    resample_documents,
    score_documents,
    stratify,
)


def create_pipeline(**_: object) -> Pipeline:
    """What was fitted > scores > metrics, whatever the kind of predictor."""
    return Pipeline(
        [
            node(score_documents, ["scores", "sharpness"]),
            node(measure, "metrics"),
            node(stratify, ["strata", "by_code"]),
            node(calibrate_scores, "calibration"),
            node(resample_documents, "replicates"),
        ]
    )
