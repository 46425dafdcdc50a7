"""Stage `train`: what a cohort gives, an experiment's row > what was fitted, epochs, figures."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.train import nodes

create_pipeline = pipeline_of({nodes.train: ["model", "history", "training"]})
