"""Other experiments' scores and the names in a note, weighed together."""

from isd_pipeline.pipelines.stack.pipeline import create_pipeline

__all__ = ["create_pipeline"]
