"""Stage `train`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.train.nodes import train_model


def create_pipeline(**_: object) -> Pipeline:
    """Documents, vectors, an experiment's row > weights, history."""
    return Pipeline(
        [
            Node(
                train_model,
                [
                    "documents",
                    "code_index",
                    "vocabulary",
                    "word_vectors",
                    "code_word_vectors",
                    "code_vectors",
                    "parameters",
                ],
                ["model", "history", "training"],
            )
        ]
    )
