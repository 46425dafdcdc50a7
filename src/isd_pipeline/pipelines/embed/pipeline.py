"""Stage `embed`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.embed.nodes import learn_vectors


def create_pipeline(**_: object) -> Pipeline:
    """Words > vectors."""
    return Pipeline([node(learn_vectors, ["word_vectors", "code_word_vectors", "code_vectors"])])
