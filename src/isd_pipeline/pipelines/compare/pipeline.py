"""Stage `compare`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.compare.nodes import compare_experiments


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > their differences."""
    inputs = [
        "runs",
        "scores_of_runs",
        "replicates_of_runs",
        "documents",
        "code_index",
        "parameters",
    ]
    return Pipeline([Node(compare_experiments, inputs, "comparisons")])
