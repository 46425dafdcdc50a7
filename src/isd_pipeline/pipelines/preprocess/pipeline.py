"""Stage `preprocess`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.preprocess.nodes import (
    check_cohort,
    count_words,
    encode,
    label,
    tokenize,
)


def create_pipeline(**_: object) -> Pipeline:
    """Tables > words, labels, vocabulary, encoded documents."""
    cohort = ["params:cohorts", "params:cohort"]
    counts = ["extraction_counts", "labelling_counts", "vocabulary_counts"]
    labelled = ["labels", "kept_splits", "code_index", "labelling_counts"]
    return Pipeline(
        [
            Node(tokenize, ["notes", *cohort], "tokenized_notes"),
            Node(label, ["tokenized_notes", "codes", "titles", "cohort_splits", *cohort], labelled),
            Node(
                count_words,
                ["tokenized_notes", "splits", *cohort],
                ["vocabulary", "vocabulary_counts"],
            ),
            Node(check_cohort, [*counts, "code_index", *cohort], "cohort_counts"),
            Node(
                encode,
                ["tokenized_notes", "labels", "kept_splits", "vocabulary", "code_index"],
                "documents",
            ),
        ]
    )
