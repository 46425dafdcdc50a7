"""Stage `record`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.record.nodes import record_runs


def create_pipeline(**_: object) -> Pipeline:
    """The evaluated runs on this machine > the record in git."""
    return Pipeline([Node(record_runs, ["evaluated_runs", "parameters"], "runs")])
