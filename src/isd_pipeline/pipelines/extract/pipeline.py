"""Stage `extract`: raw files > notes, codes, titles, mentions, splits."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.extract import nodes

create_pipeline = pipeline_of(
    {
        nodes.extract_tables: ["notes", "codes", "titles", "mentions", "extraction"],
        nodes.split_documents: ["splits", "cohort_splits", "extraction_counts"],
    }
)
