"""Stage `generate`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.generate.nodes import generate_hospital


def create_pipeline(**_: object) -> Pipeline:
    """Settings > raw files."""
    return Pipeline([node(generate_hospital, "synthetic_hospital")])
