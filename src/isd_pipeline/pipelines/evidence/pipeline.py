"""Stage `evidence`: weights, marked stretches > how well they agree, what was read."""

from isd_pipeline.pipelines.by_name import pipeline_of
from isd_pipeline.pipelines.evidence import nodes

create_pipeline = pipeline_of(
    {
        nodes.make_explainer: "explainer",
        nodes.measure_evidence: ["plausibility", "evidence_pairs"],
        nodes.show_readings: "readings",
    }
)
