"""The whole road of a cohort and an experiment: what `kedro run` runs."""

from isd_pipeline.pipelines.data_to_report.pipeline import create_pipeline as create_pipeline
