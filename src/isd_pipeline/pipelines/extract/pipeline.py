"""Stage `extract`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents


def create_pipeline(**_: object) -> Pipeline:
    """Raw files > notes, codes, titles, splits."""
    cohort = ["params:cohorts", "params:cohort"]
    splits = ["splits", "cohort_splits", "extraction_counts"]
    return Pipeline(
        [
            Node(extract_tables, cohort, ["notes", "codes", "titles", "extraction"]),
            Node(split_documents, ["notes", "extraction", *cohort], splits),
        ]
    )
