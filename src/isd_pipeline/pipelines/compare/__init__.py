"""Whether the differences within a table are more than luck."""

from isd_pipeline.pipelines.compare.pipeline import create_pipeline as create_pipeline
