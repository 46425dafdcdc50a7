"""Stage `table`: the runs of a cohort > a table's rows over their seeds."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.table import nodes

create_pipeline = pipeline_of({nodes.make_table: "table_numbers"})
