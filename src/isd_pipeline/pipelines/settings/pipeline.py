"""Stage `settings`: the experiments' rows, the cohort's profile > what each training is told."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.settings import nodes

create_pipeline = pipeline_of({nodes.merge_settings: "settings"})
