"""Stage `embed`: words > vectors."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.embed import nodes

create_pipeline = pipeline_of(
    {nodes.learn_vectors: ["word_vectors", "code_word_vectors", "code_vectors"]}
)
