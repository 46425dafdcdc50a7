"""Notes into numbers, codes into labels."""

from isd_pipeline.pipelines.preprocess.pipeline import create_pipeline as create_pipeline
