"""Stage `preprocess`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.preprocess import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Tables > words, labels, vocabulary, encoded documents."""
    return Pipeline(
        [
            node(nodes.tokenize, "tokenized_notes"),
            node(nodes.label, ["labels", "kept_splits", "code_index", "labelling_counts"]),
            node(nodes.count_words, ["vocabulary", "vocabulary_counts"]),
            node(nodes.check_cohort, "cohort_counts"),
            node(nodes.encode, "documents"),
        ]
    )
