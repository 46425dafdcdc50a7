"""The runs on this machine, put into the record of all runs."""

from isd_pipeline.pipelines.record.pipeline import create_pipeline as create_pipeline
