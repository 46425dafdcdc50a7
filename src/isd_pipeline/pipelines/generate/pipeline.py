"""Stage `generate`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.generate.nodes import generate_hospital


def create_pipeline(**_: object) -> Pipeline:
    """Settings > raw files."""
    return Pipeline(
        [Node(generate_hospital, ["params:cohorts", "params:cohort"], "synthetic_hospital")]
    )
