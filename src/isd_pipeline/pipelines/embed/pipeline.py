"""Stage `embed`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.embed import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Words > vectors."""
    vectors = ["word_vectors", "code_word_vectors", "code_vectors"]
    return Pipeline([node(nodes.learn_vectors, vectors)])
