"""Stage `record`: the evaluated runs on this machine > the record in git."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.record import nodes

create_pipeline = pipeline_of({nodes.record_runs: "runs"})
