"""Stage `floor`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evaluate.pipeline import measuring
from isd_pipeline.pipelines.floor.nodes import fit_floor


def create_pipeline(**_: object) -> Pipeline:
    """Words and labels > weights, scores > metrics."""
    fitting = Node(
        fit_floor,
        ["tokenized_notes", "documents", "code_index", "vocabulary", "parameters"],
        ["scores", "training", "model"],
    )
    return Pipeline([fitting, *measuring()])
