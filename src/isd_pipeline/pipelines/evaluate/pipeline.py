"""Stage `evaluate`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evaluate.nodes import (
    calibrate_scores,
    measure,
    resample_documents,
    score_documents,
    stratify,
)


def create_pipeline(**_: object) -> Pipeline:
    """What was fitted > scores > metrics, whatever the kind of predictor."""
    scoring = ["model", "documents", "code_index", "vocabulary", "parameters"]
    scored = ["scores", "documents", "code_index"]
    return Pipeline(
        [
            Node(score_documents, scoring, ["scores", "sharpness"]),
            Node(measure, [*scored, "sharpness", "run_context"], "metrics"),
            Node(stratify, [*scored, "metrics"], ["strata", "by_code"]),
            Node(calibrate_scores, scored, "calibration"),
            Node(resample_documents, [*scored, "metrics"], "replicates"),
        ]
    )
