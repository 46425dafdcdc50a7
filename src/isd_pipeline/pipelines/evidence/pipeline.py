"""Stage `evidence`."""

from kedro.pipeline import Pipeline

from isd_pipeline.pipelines.by_name import node
from isd_pipeline.pipelines.evidence import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Weights, annotated rationales > how well they agree; what was read in some notes."""
    return Pipeline(
        [
            node(nodes.read_rationales, "rationales"),
            node(nodes.make_explainer, "explainer"),
            node(nodes.measure_evidence, ["plausibility", "evidence_pairs"]),
            node(nodes.show_readings, "readings"),
        ]
    )
