"""Notes into numbers, codes into labels."""

from isd_pipeline.pipelines.preprocess.pipeline import create_pipeline

__all__ = ["create_pipeline"]
