"""Stage `report`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.report.nodes import make_report


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > its page."""
    return Pipeline(
        [
            Node(
                make_report,
                ["runs", "code_tables", "documents", "code_index", "vocabulary", "parameters"],
                ["report_page", "report_tables"],
            )
        ]
    )
