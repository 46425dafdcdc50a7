"""Stage `preprocess`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
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
            node(tokenize, "tokenized_notes"),
            node(label, ["labels", "kept_splits", "code_index", "labelling_counts"]),
            node(count_words, ["vocabulary", "vocabulary_counts"]),
            node(check_cohort, "cohort_counts"),
            node(encode, "documents"),
        ]
    )
