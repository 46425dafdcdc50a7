"""Stage `evaluate`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evaluate.nodes import (
    calibrate_scores,
    draw_documents,
    measure,
    score_documents,
    stratify,
)


def measuring(*more: str) -> list[Node]:
    """Scores > metrics: the same for a network and for a linear floor, which has no `more`."""
    scored = ["scores", "documents", "code_index"]
    return [
        Node(measure, [*scored, *more], "metrics"),
        Node(stratify, [*scored, "metrics"], ["strata", "by_code"]),
        Node(calibrate_scores, scored, "calibration"),
        Node(draw_documents, [*scored, "metrics"], "draws"),
    ]


def create_pipeline(**_: object) -> Pipeline:
    """Weights > scores > metrics."""
    scoring = Node(
        score_documents,
        ["model", "documents", "code_index", "vocabulary", "parameters"],
        ["scores", "sharpness"],
    )
    return Pipeline([scoring, *measuring("sharpness")])
