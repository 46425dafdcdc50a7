"""Stage `train`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.train import nodes


def create_pipeline(**_: object) -> Pipeline:
    """What a cohort gives, an experiment's row > what was fitted, its epochs and figures."""
    return Pipeline([node(nodes.train, ["model", "history", "training"])])
