"""Stage `extract`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents


def create_pipeline(**_: object) -> Pipeline:
    """Raw files > notes, codes, titles, splits."""
    return Pipeline(
        [
            node(extract_tables, ["notes", "codes", "titles", "extraction"]),
            node(split_documents, ["splits", "cohort_splits", "extraction_counts"]),
        ]
    )
