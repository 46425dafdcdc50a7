"""Pipeline `search`: no stage of `dvc repro`, since what it finds is for a person to take up."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.search.nodes import search_settings


def create_pipeline(**_: object) -> Pipeline:
    """Train and dev documents, vectors, a declared space > trials, the best row."""
    vectors = ["word_vectors", "code_word_vectors", "code_vectors"]
    given = ["words_of_notes", "run_context", "parameters"]
    inputs = ["development_documents", "code_index", "vocabulary", *vectors, *given]
    return Pipeline([Node(search_settings, inputs, ["trials", "searched_experiment"])])
