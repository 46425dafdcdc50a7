"""Stage `evidence`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.evidence.nodes import (
    make_explainer,
    measure_evidence,
    read_rationales,
    show_readings,
)


def create_pipeline(**_: object) -> Pipeline:
    """Weights, annotated rationales > how well they agree; what was read in some notes."""
    return Pipeline(
        [
            node(read_rationales, "rationales"),
            node(make_explainer, "explainer"),
            node(measure_evidence, ["plausibility", "evidence_pairs"]),
            node(show_readings, "readings"),
        ]
    )
