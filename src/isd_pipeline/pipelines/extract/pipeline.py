"""Stage `extract`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.extract.nodes import extract_tables, split_documents


def create_pipeline(**_: object) -> Pipeline:
    """Raw files > notes, codes, titles, splits."""
    return Pipeline(
        [
            Node(
                extract_tables,
                ["params:cohorts", "params:cohort"],
                ["notes", "codes", "titles", "extraction"],
            ),
            Node(
                split_documents,
                ["notes", "extraction", "params:cohorts", "params:cohort"],
                ["splits", "cohort_splits", "extraction_counts"],
            ),
        ]
    )
