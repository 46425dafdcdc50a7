"""Stage `evidence`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evidence.nodes import (
    make_pointer,
    measure_evidence,
    read_marks,
    show_readings,
)


def create_pipeline(**_: object) -> Pipeline:
    """Weights, marked words > how well they agree; some notes with what was read in them."""
    words = ["tokenized_notes", "documents"]
    pointing = [
        "marks",
        "model",
        "models_of_runs",
        "code_index",
        "vocabulary",
        *words,
        "parameters",
    ]
    measuring = ["marks", "pointer", "code_index", "vocabulary", *words]
    showing = ["marks", "pointer", "code_index", *words, "notes", "metrics"]
    return Pipeline(
        [
            Node(read_marks, ["params:cohorts", "params:cohort"], "marks"),
            Node(make_pointer, pointing, "pointer"),
            Node(measure_evidence, measuring, ["plausibility", "evidence_pairs"]),
            Node(show_readings, showing, "readings"),
        ]
    )
