"""Stage `report`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.report import nodes


def create_pipeline(**_: object) -> Pipeline:
    """The data of a cohort > its card; with its runs > its page."""
    return Pipeline(
        [
            node(nodes.make_data_card, ["data_card", "data_card_page"]),
            node(nodes.make_report, ["report_page", "report_tables"]),
        ]
    )
