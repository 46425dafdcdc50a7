"""A linear model under the neural ones."""

from isd_pipeline.pipelines.floor.pipeline import create_pipeline

__all__ = ["create_pipeline"]
