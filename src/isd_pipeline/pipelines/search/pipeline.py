"""Pipeline `search`: no stage of `dvc repro`, since what it finds is for a person to take up."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.search.nodes import search_settings


def create_pipeline(**_: object) -> Pipeline:
    """Train and dev documents, vectors, a declared space > trials, the best row."""
    vectors = ["word_vectors", "code_word_vectors", "code_vectors"]
    inputs = ["development_documents", "code_index", "vocabulary", *vectors, "parameters"]
    return Pipeline([Node(search_settings, inputs, ["trials", "searched_experiment"])])
