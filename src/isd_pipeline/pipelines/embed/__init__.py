"""Vectors for words and codes."""

from isd_pipeline.pipelines.embed.pipeline import create_pipeline as create_pipeline
