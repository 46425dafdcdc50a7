"""One training: a cohort, an experiment, a seed."""

from isd_pipeline.pipelines.train.pipeline import create_pipeline as create_pipeline
