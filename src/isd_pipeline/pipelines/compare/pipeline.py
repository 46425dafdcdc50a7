"""Stage `compare`: the runs of a cohort > how surely their numbers hold, and their differences."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.compare import nodes

create_pipeline = pipeline_of(
    {nodes.find_intervals: "intervals", nodes.compare_experiments: "comparisons"}
)
