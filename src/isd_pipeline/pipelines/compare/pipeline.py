"""Stage `compare`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.compare.nodes import compare_experiments, find_intervals


def create_pipeline(**_: object) -> Pipeline:
    """The runs of a cohort > how surely their numbers hold, and their differences."""
    return Pipeline(
        [
            node(find_intervals, "intervals"),
            node(compare_experiments, "comparisons"),
        ]
    )
