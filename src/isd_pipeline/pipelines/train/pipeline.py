"""Stage `train`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.train.nodes import train

DATA = (
    *("documents", "code_index", "vocabulary"),
    *("word_vectors", "code_word_vectors", "code_vectors"),
    "words_of_notes",
)


def create_pipeline(**_: object) -> Pipeline:
    """What a cohort gives, an experiment's row > what was fitted, its epochs and figures."""
    inputs = [*DATA, "scores_of_runs", "run_context", "parameters"]
    return Pipeline([Node(train, inputs, ["model", "history", "training"])])
