"""Stage `table`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.table.nodes import make_table


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > a table's rows over their seeds."""
    return Pipeline([Node(make_table, ["runs", "parameters"], "table_numbers")])
