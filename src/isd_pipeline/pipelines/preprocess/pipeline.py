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
    return Pipeline(
        [
            Node(tokenize, ["notes", "params:cohorts", "params:cohort"], "tokenized_notes"),
            Node(
                label,
                [
                    "tokenized_notes",
                    "codes",
                    "titles",
                    "cohort_splits",
                    "params:cohorts",
                    "params:cohort",
                ],
                ["labels", "kept_splits", "code_index", "labelling_counts"],
            ),
            Node(
                count_words,
                ["tokenized_notes", "splits", "params:cohorts", "params:cohort"],
                ["vocabulary", "vocabulary_counts"],
            ),
            Node(
                check_cohort,
                [
                    "extraction_counts",
                    "labelling_counts",
                    "vocabulary_counts",
                    "code_index",
                    "params:cohorts",
                    "params:cohort",
                ],
                "cohort_counts",
            ),
            Node(
                encode,
                ["tokenized_notes", "labels", "kept_splits", "vocabulary", "code_index"],
                "documents",
            ),
        ]
    )
