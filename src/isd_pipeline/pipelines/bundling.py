"""A finished run's files, found through the catalog, as a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.pipelines.plans import FLOORS, STACK
from isd_pipeline.pipelines.sections import (
    PreprocessSettings,
    cohort_section,
    experiment_row,
    revision_of,
)

if TYPE_CHECKING:
    import numpy as np

    from isd_pipeline.coding.bundle import Bundle
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.training.checkpoints import Checkpoint

NEEDED = ("model", "code_index", "vocabulary", "documents", "scores", "metrics", "calibration")
COMPARED = 3  # dev documents, the shortest
SLACK = 0.25  # log-odds that bf16 on a GPU and fp32 may lie apart


def bundle_of_run(cohort: str, experiment: str, seed: int, project: Path) -> Bundle:
    """The bundle of a run that was trained and evaluated.

    Raises a FileNotFoundError that names the command to run where a file is missing, and a
    ValueError for a linear floor, and where the files are not of one training.
    """
    from isd_pipeline.coding.bundle import Bundle

    key = {"cohort": cohort, "experiment": experiment, "seed": seed}
    cohorts, found = _read(key, project)
    _refuse_strangers(found, key)
    model, metrics = found["model"], found["metrics"]["test"]
    gold = found["documents"]["train"].label_matrix(len(found["code_index"]))
    preprocess = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings)
    return Bundle(
        cohort=cohort,
        experiment=experiment,
        seed=seed,
        revision=revision_of(cohorts, cohort),
        settings=model.settings,
        codes=found["code_index"],
        training_counts=tuple(gold.sum(axis=0).A1.tolist()),
        vocabulary=found["vocabulary"],
        vocabulary_settings=vars(preprocess.vocabulary),
        threshold_tuned=metrics["threshold_tuned"],
        temperature=found["calibration"]["temperature"],
        fingerprints=model.fingerprints,
        metrics=metrics,
        weights=model.weights,
    )


def _read(key: Mapping[str, Any], project: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The project's cohorts, and the run's files by their names in the catalog."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    catalog_file = project / "conf/base/catalog.yml"
    if not catalog_file.exists():
        raise FileNotFoundError(f"{catalog_file}: not here; run this in the project's folder")
    bootstrap_project(project.resolve())
    session = KedroSession.create(project.resolve(), runtime_params=dict(key))
    with session:
        context = session.load_context()
        _refuse_floor(context.params)
        for name in NEEDED:
            if not context.catalog.exists(name):
                raise FileNotFoundError(
                    f"{name} of this run is not there yet. Make it with "
                    f"{_command(context.catalog[name].made_by, key)}"
                )
        return context.params["cohorts"], {name: context.catalog.load(name) for name in NEEDED}


def _refuse_floor(parameters: Mapping[str, Any]) -> None:
    names = ("cohorts", "cohort", "experiments", "experiment")
    system = experiment_row(*(parameters[name] for name in names))["system"]
    if system in (*FLOORS, STACK):
        kind = "a linear floor" if system in FLOORS else "a stack"
        raise ValueError(f"{parameters['experiment']} is {kind}, which keeps no weights to bundle")


def _refuse_strangers(found: Mapping[str, Any], key: Mapping[str, Any]) -> None:
    """Weights of other data, and numbers that were measured on other weights."""
    from isd_pipeline.pipelines.train.nodes import fingerprints

    model, documents = found["model"], found["documents"]
    here = fingerprints(documents, found["code_index"], found["vocabulary"])
    for name, fingerprint in here.items():
        if model.fingerprints.get(name) != fingerprint:
            raise ValueError(
                f"the weights were trained with other {name}; run {_command('train', key)} again"
            )
    scores = _scores(model, documents["dev"])
    recorded = found["scores"]["dev"][: len(scores)]
    if recorded.shape != scores.shape or abs(recorded - scores).max() > SLACK:
        raise ValueError(
            "the metrics are of other weights, so the threshold and the temperature are not these "
            f"weights' own; run {_command('evaluate', key)} again"
        )


def _scores(checkpoint: Checkpoint, documents: Documents) -> np.ndarray:
    """The log-odds of a few documents, the first: [COMPARED, L]."""
    import numpy as np
    import torch

    from isd_pipeline.training.batches import collate, read
    from isd_pipeline.training.systems import SYSTEMS, rebuild

    settings = checkpoint.settings
    rows, max_tokens = np.arange(min(COMPARED, len(documents))), settings["training"]["max_tokens"]
    sentences = SYSTEMS[settings["system"]].sentences
    batch = collate(documents, rows, max_tokens, sentences=sentences)
    model = rebuild(settings, checkpoint.weights).eval()
    with torch.inference_mode():
        logits: np.ndarray = read(model, batch).logits.numpy()
    return logits


def _command(stage: str, key: Mapping[str, Any]) -> str:
    chosen = ",".join(f"{parameter}={value}" for parameter, value in key.items())
    return f"`kedro run --pipelines={stage} --params {chosen}`"
