"""Stage `generate`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.generate import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Settings > raw files."""
    return Pipeline([node(nodes.generate_hospital, "synthetic_hospital")])
