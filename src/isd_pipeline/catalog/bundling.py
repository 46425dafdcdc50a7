"""A finished run's files, found through the catalog, as a bundle."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from isd_pipeline.catalog.base_models import stage_command, with_base_models
from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.extract import revision_of
from isd_pipeline.config.preprocess import PreprocessSettings
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import TokenisedNote
from isd_pipeline.text.splits import fingerprints, words_of_documents
from isd_pipeline.training.checkpoints import Checkpoint

NEEDED = (
    *("model", "scores", "metrics", "calibration", "models_of_runs"),
    *("code_index", "vocabulary", "documents", "tokenized_notes"),
)
COMPARED = 3  # test documents, the shortest
SLACK = 0.25  # log-odds that bf16 on a GPU and fp32 may lie apart


def bundle_of_run(cohort: str, experiment: str, seed: int, project: Path) -> Bundle:
    """The bundle of a run that was trained and evaluated; of an ensemble, its base models too.

    Raises a FileNotFoundError that names the command to run where a file is missing, and a
    ValueError for a linear baseline that is not kept, and where the files are not of one training.
    """
    key = {"cohort": cohort, "experiment": experiment, "seed": seed}
    parameters, found = _read(key, project)
    model = with_base_models(found["model"], found["models_of_runs"], {**parameters, **key})
    _refuse_other_data(model, found, key)
    _refuse_other_weights(model, found, key)
    metrics, cohorts = found["metrics"]["test"], parameters["cohorts"]
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
    """The project's parameters, and the run's files by their names in the catalog."""
    catalog_file = project / "conf/base/catalog.yml"
    if not catalog_file.exists():
        raise FileNotFoundError(f"{catalog_file}: not here; run this in the project's folder")
    bootstrap_project(project.resolve())
    session = KedroSession.create(project.resolve(), runtime_params=dict(key))
    with session:
        context = session.load_context()
        for name in NEEDED:
            if not context.catalog.exists(name):
                command = stage_command(context.catalog[name].made_by, key)
                raise FileNotFoundError(
                    f"{name} of this run is not there yet. Make it with {command}"
                )
        return context.params, {name: context.catalog.load(name) for name in NEEDED}


def _refuse_other_data(model: Checkpoint, found: Mapping[str, Any], key: Mapping[str, Any]) -> None:
    if not model.weights:
        raise ValueError(f"{key['experiment']} keeps no weights to bundle: they would be too many")
    here = fingerprints(found["documents"], found["code_index"], found["vocabulary"])
    for name, fingerprint in here.items():
        if model.fingerprints.get(name) != fingerprint:
            again = stage_command("train", key)
            raise ValueError(f"the weights were trained with other {name}; run {again} again")


def _refuse_other_weights(
    model: Checkpoint, found: Mapping[str, Any], key: Mapping[str, Any]
) -> None:
    """Numbers measured on other weights: told by a few documents, read as a bundle reads them."""
    documents, read = found["documents"]["test"], registry.load(model.settings, model.weights).read
    few = range(min(COMPARED, len(documents)))
    words = words_of_documents(found["tokenized_notes"], documents.ids[: len(few)].tolist())
    known = [TokenisedNote.of_document(documents, n, words[n]) for n in few]
    scores = np.stack([read(note, False).scores for note in known])
    recorded = found["scores"]["test"][: len(scores)]
    if recorded.shape != scores.shape or abs(recorded - scores).max() > SLACK:
        again = stage_command("evaluate", key)
        raise ValueError(
            "the metrics are of other weights, so the threshold and the temperature are not these "
            f"weights' own; run {again} again"
        )
