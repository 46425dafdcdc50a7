"""The page of one cohort."""

from isd_pipeline.pipelines.report.pipeline import create_pipeline as create_pipeline
