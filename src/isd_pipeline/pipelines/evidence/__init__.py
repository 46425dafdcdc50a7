"""What a trained model read: its evidence against what people marked, and Table 5 of some notes."""

from isd_pipeline.pipelines.evidence.pipeline import create_pipeline as create_pipeline
