"""Stage `generate`: settings > raw files."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.generate import nodes

create_pipeline = pipeline_of({nodes.generate_hospital: "raw_files"})
