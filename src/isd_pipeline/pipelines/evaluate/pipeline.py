"""Stage `evaluate`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evaluate.nodes import measure, score_documents


def measuring() -> Node:
    """Scores > metrics: the same for a network and for a linear floor."""
    return Node(
        measure, ["scores", "documents", "code_index"], ["metrics", "by_frequency", "by_code"]
    )


def create_pipeline(**_: object) -> Pipeline:
    """Weights > scores > metrics."""
    scoring = Node(
        score_documents,
        ["model", "documents", "code_index", "vocabulary", "parameters"],
        "scores",
    )
    return Pipeline([scoring, measuring()])
