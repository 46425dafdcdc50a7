"""Stage `publish`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.publish import nodes


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort, as files > the same in MLflow."""
    return Pipeline([node(nodes.publish_runs, "published")])
