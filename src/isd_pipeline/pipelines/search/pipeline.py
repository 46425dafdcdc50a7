"""Pipeline `search`: no stage of `dvc repro`, since what it finds is for a person to take up."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.search.nodes import search_settings


def create_pipeline(**_: object) -> Pipeline:
    """Train and dev documents, vectors, a declared space > trials, the best row."""
    return Pipeline(
        [
            Node(
                search_settings,
                [
                    "development_documents",
                    "code_index",
                    "vocabulary",
                    "word_vectors",
                    "code_word_vectors",
                    "code_vectors",
                    "words_of_notes",
                    "run_context",
                    "parameters",
                ],
                ["trials", "searched_experiment"],
            )
        ]
    )
