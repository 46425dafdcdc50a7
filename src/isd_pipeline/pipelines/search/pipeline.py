"""Pipeline `search`: no stage of `dvc repro`, since what it finds is for a person to take up."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.search import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Train and dev documents, vectors, a declared space > trials, the best row."""
    return Pipeline([node(nodes.search_settings, ["trials", "searched_experiment"])])
