"""Stage `evaluate`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.evaluate import nodes


def create_pipeline(**_: object) -> Pipeline:
    """What was fitted > scores > metrics, whatever the kind of predictor."""
    return Pipeline(
        [
            node(nodes.score_documents, ["scores", "sharpness"]),
            node(nodes.measure, "metrics"),
            node(nodes.stratify, ["strata", "by_code"]),
            node(nodes.calibrate_scores, "calibration"),
            node(nodes.resample_documents, "replicates"),
        ]
    )
