"""Stage `report`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.report.nodes import make_report


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > its page."""
    of_runs = ["runs", "code_tables", "draws_of_runs", "comparisons"]
    of_cohort = ["documents", "code_index", "vocabulary", "parameters"]
    return Pipeline([Node(make_report, [*of_runs, *of_cohort], ["report_page", "report_tables"])])
