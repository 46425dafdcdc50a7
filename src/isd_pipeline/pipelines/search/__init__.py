"""Settings tried in a declared space; the best become an experiment."""

from isd_pipeline.pipelines.search.pipeline import create_pipeline as create_pipeline
