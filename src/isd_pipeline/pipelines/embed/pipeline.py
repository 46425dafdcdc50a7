"""Stage `embed`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.embed.nodes import learn_vectors


def create_pipeline(**_: object) -> Pipeline:
    """Words > vectors."""
    return Pipeline(
        [
            Node(
                learn_vectors,
                [
                    "tokenized_notes",
                    "splits",
                    "vocabulary",
                    "code_index",
                    "params:cohorts",
                    "params:cohort",
                ],
                ["word_vectors", "code_word_vectors", "code_vectors"],
            )
        ]
    )
