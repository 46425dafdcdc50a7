"""Stage `compare`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.compare.nodes import compare_experiments, find_intervals


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > how surely their numbers hold, and their differences."""
    of_runs = ["runs", "scores_of_runs", "replicates_of_runs", "recorded_comparisons"]
    return Pipeline(
        [
            Node(find_intervals, ["runs", "replicates_of_runs", "recorded_intervals"], "intervals"),
            Node(
                compare_experiments,
                [*of_runs, "documents", "code_index", "parameters"],
                "comparisons",
            ),
        ]
    )
