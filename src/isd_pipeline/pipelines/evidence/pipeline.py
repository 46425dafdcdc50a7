"""Stage `evidence`."""

from kedro.pipeline import Node, Pipeline

from isd_pipeline.pipelines.evidence.nodes import measure_evidence, read_marks, show_readings


def create_pipeline(**_: object) -> Pipeline:
    """Weights, marked words > how well they agree; some notes with what was read in them."""
    fitted = ["model", "models_of_runs", "code_index", "vocabulary"]
    words = ["tokenized_notes", "documents"]
    return Pipeline(
        [
            Node(read_marks, ["params:cohorts", "params:cohort"], "marks"),
            Node(
                measure_evidence,
                ["marks", *fitted, *words, "parameters"],
                ["plausibility", "evidence_pairs"],
            ),
            Node(
                show_readings,
                ["marks", *fitted, *words, "notes", "metrics", "parameters"],
                "readings",
            ),
        ]
    )
