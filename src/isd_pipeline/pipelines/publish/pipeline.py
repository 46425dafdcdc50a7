"""Stage `publish`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.publish.nodes import publish_runs


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort, as files > the same in MLflow."""
    return Pipeline([node(publish_runs, "published")])
