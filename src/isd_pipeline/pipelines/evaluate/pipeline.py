"""Stage `evaluate`: what was fitted > scores > metrics, whatever the kind of predictor."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.evaluate import nodes

create_pipeline = pipeline_of(
    {
        nodes.score_documents: ["scores", "sharpness"],
        nodes.measure: "metrics",
        nodes.headline_of: "headline",
        nodes.stratify: ["strata", "by_code"],
        nodes.calibrate_scores: "calibration",
        nodes.finish: "evaluated_runs",
        nodes.resample_documents: "replicates",
    }
)
