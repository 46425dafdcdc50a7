"""The numbers of one table of the paper."""

from isd_pipeline.pipelines.table.pipeline import create_pipeline as create_pipeline
