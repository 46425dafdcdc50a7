"""The merged settings of every experiment on one cohort."""

from isd_pipeline.pipelines.settings.pipeline import create_pipeline as create_pipeline
