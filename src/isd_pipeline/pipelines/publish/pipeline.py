"""Stage `publish`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.publish.nodes import publish_runs


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort, as files > the same in MLflow."""
    return Pipeline([Node(publish_runs, ["runs", "parameters"], "published")])
