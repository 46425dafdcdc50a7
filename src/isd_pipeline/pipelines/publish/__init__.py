"""MLflow, made again from the files that DVC keeps."""

from isd_pipeline.pipelines.publish.pipeline import create_pipeline as create_pipeline
