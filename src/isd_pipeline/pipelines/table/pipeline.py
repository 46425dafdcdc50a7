"""Stage `table`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.table import nodes


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > a table's rows over their seeds."""
    return Pipeline([node(nodes.make_table, "table_numbers")])
