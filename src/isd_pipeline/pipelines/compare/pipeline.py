"""Stage `compare`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.compare import nodes


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > how surely their numbers hold, and their differences."""
    return Pipeline(
        [
            node(nodes.find_intervals, "intervals"),
            node(nodes.compare_experiments, "comparisons"),
        ]
    )
