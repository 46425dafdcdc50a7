"""Stage `report`: the data of a cohort > its card; with its runs > its page."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.report import nodes

create_pipeline = pipeline_of(
    {
        nodes.make_data_card: ["data_card", "data_card_page"],
        nodes.make_report: ["report_page", "report_tables"],
    }
)
