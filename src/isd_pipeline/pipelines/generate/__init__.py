"""Make the synthetic hospital."""

from isd_pipeline.pipelines.generate.pipeline import create_pipeline as create_pipeline
