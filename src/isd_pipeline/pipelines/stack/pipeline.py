"""Stage `stack`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evaluate.pipeline import measuring
from isd_pipeline.pipelines.stack.nodes import stack_runs


def create_pipeline(**_: object) -> Pipeline:
    """Scores of other experiments, words > weights, scores > metrics."""
    weighing = Node(
        stack_runs,
        [
            *("scores_of_runs", "tokenized_notes", "documents", "code_index", "vocabulary"),
            "parameters",
        ],
        ["scores", "training", "model"],
    )
    return Pipeline([weighing, *measuring()])
