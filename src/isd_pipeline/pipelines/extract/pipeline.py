"""Stage `extract`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.extract import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Raw files > notes, codes, titles, splits."""
    return Pipeline(
        [
            node(nodes.extract_tables, ["notes", "codes", "titles", "extraction"]),
            node(nodes.split_documents, ["splits", "cohort_splits", "extraction_counts"]),
        ]
    )
