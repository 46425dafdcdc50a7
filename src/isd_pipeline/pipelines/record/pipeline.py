"""Stage `record`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.record import nodes


def create_pipeline(**_: object) -> Pipeline:
    """The evaluated runs on this machine > the record in git."""
    return Pipeline([node(nodes.record_runs, "runs")])
