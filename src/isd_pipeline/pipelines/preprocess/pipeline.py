"""Stage `preprocess`: tables > words, labels, vocabulary, encoded documents."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.preprocess import nodes

create_pipeline = pipeline_of(
    {
        nodes.tokenize: "tokenized_notes",
        nodes.label: ["labels", "kept_splits", "code_index", "labelling_counts"],
        nodes.count_words: ["vocabulary", "vocabulary_counts"],
        nodes.check_cohort: "cohort_counts",
        nodes.encode: "documents",
    }
)
