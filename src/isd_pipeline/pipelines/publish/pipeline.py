"""Stage `publish`: the runs of a cohort, as files > the same in MLflow."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.publish import nodes

create_pipeline = pipeline_of({nodes.publish_runs: "published"})
