"""Stage `embed`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.embed.nodes import learn_vectors


def create_pipeline(**_: object) -> Pipeline:
    """Words > vectors."""
    read = ["tokenized_notes", "splits", "vocabulary", "code_index"]
    vectors = ["word_vectors", "code_word_vectors", "code_vectors"]
    return Pipeline([Node(learn_vectors, [*read, "params:cohorts", "params:cohort"], vectors)])
