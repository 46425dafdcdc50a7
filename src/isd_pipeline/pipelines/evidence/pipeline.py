"""Stage `evidence`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evidence.nodes import (
    make_explainer,
    measure_evidence,
    read_rationales,
    show_readings,
)


def create_pipeline(**_: object) -> Pipeline:
    """Weights, annotated rationales > how well they agree; what was read in some notes."""
    words = ["tokenized_notes", "documents"]
    explaining = [
        "rationales",
        "model",
        "models_of_runs",
        "code_index",
        "vocabulary",
        *words,
        "parameters",
    ]
    measuring = ["rationales", "explainer", "code_index", "vocabulary", *words]
    showing = ["rationales", "explainer", "code_index", *words, "notes", "metrics"]
    return Pipeline(
        [
            Node(read_rationales, ["params:cohorts", "params:cohort"], "rationales"),
            Node(make_explainer, explaining, "explainer"),
            Node(measure_evidence, measuring, ["plausibility", "evidence_pairs"]),
            Node(show_readings, showing, "readings"),
        ]
    )
