"""Stage `report`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.report.nodes import make_data_card, make_report


def create_pipeline(**_: object) -> Pipeline:
    """The data of a cohort > its card; with its runs > its page."""
    of_runs = ["runs", "code_tables", "intervals", "comparisons"]
    of_cohort = ["documents", "code_index", "vocabulary", "parameters"]
    return Pipeline(
        [
            Node(
                make_data_card,
                ["documents", "code_index", "vocabulary", "cohort_counts", "parameters"],
                ["data_card", "data_card_page"],
            ),
            Node(
                make_report,
                [*of_runs, *of_cohort, "data_card"],
                ["report_page", "report_tables"],
            ),
        ]
    )
