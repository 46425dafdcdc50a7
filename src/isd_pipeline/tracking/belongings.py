"""What a run in MLflow belongs to: its data and its model, by their hashes and without content."""

import hashlib
import json
from collections.abc import Mapping

from isd_pipeline.tracking.tracker import RunKey, Tracker


def log_data(tracker: Tracker, key: RunKey, fingerprints: Mapping[str, str]) -> None:
    """The cohort as one of MLflow's data sets: fingerprints of its documents, codes and words."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source, marks = (
        json.dumps({"cohort": key.cohort}),
        json.dumps(dict(fingerprints), sort_keys=True),
    )
    digest = fingerprints.get("data") or hashlib.sha256(marks.encode()).hexdigest()[:16]
    data = Dataset(key.cohort, digest, "cohort", source, profile=marks)
    use = [InputTag("mlflow.data.context", "training")]
    tracker.client.log_inputs(tracker.run_id, [DatasetInput(data, use)])


def log_model(tracker: Tracker, key: RunKey, weights: str) -> None:
    """The model as one of MLflow's, named by the SHA-256 of its weights, which stay where they are.

    A run has one: sent twice, it is there once.
    """
    from mlflow.entities import LoggedModelOutput

    if tracker.model_of(tracker.run_id):
        return
    name = f"{key.cohort}-{key.experiment}-seed_{key.seed}"
    tags = {**key.tags, "weights_sha256": weights}
    client = tracker.client
    model = client.create_logged_model(tracker.experiment_id, name, tracker.run_id, tags)
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(tracker.run_id, [LoggedModelOutput(model.model_id, 0)])
