"""Scores and metrics of one trained model."""

from isd_pipeline.pipelines.evaluate.pipeline import create_pipeline as create_pipeline
