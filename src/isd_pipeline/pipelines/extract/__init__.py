"""Hospital files into tables of notes, codes, titles and splits."""

from isd_pipeline.pipelines.extract.pipeline import create_pipeline as create_pipeline
