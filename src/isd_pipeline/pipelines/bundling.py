"""A finished run's files, found through the catalog, as a bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isd_pipeline.models.names import FLOORS, STACK
from isd_pipeline.pipelines.floor.nodes import words_of_documents
from isd_pipeline.pipelines.sections import (
    PreprocessSettings,
    cohort_section,
    experiment_row,
    revision_of,
)

if TYPE_CHECKING:
    import numpy as np

    from isd_pipeline.coding.bundle import Bundle
    from isd_pipeline.data.tables import RecordStream
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.training.checkpoints import Checkpoint

NEEDED = ("model", "code_index", "vocabulary", "documents", "tokenized_notes")
MEASURED = ("scores", "metrics", "calibration")
COMPARED = 3  # test documents, the shortest
SLACK = 0.25  # log-odds that bf16 on a GPU and fp32 may lie apart


def bundle_of_run(cohort: str, experiment: str, seed: int, project: Path) -> Bundle:
    """The bundle of a run that was trained and evaluated; of a stack, its members' models too.

    Raises a FileNotFoundError that names the command to run where a file is missing, and a
    ValueError for a linear floor that is not kept, and where the files are not of one training.
    """
    from isd_pipeline.coding.bundle import Bundle

    key = {"cohort": cohort, "experiment": experiment, "seed": seed}
    parameters, found = _read(key, project, (*NEEDED, *MEASURED))
    model = _whole(found["model"], key, parameters["experiments"], project)
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


def _read(
    key: Mapping[str, Any], project: Path, wanted: Sequence[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The project's parameters, and the run's files by their names in the catalog."""
    from kedro.framework.session import KedroSession
    from kedro.framework.startup import bootstrap_project

    catalog_file = project / "conf/base/catalog.yml"
    if not catalog_file.exists():
        raise FileNotFoundError(f"{catalog_file}: not here; run this in the project's folder")
    bootstrap_project(project.resolve())
    session = KedroSession.create(project.resolve(), runtime_params=dict(key))
    with session:
        context = session.load_context()
        system = _system(context.params, key["experiment"])
        for name in wanted:
            if not context.catalog.exists(name):
                made_by = context.catalog[name].made_by
                if name == "model" or name in MEASURED:
                    made_by = _stage_of(system, made_by)
                raise FileNotFoundError(
                    f"{name} of this run is not there yet. Make it with {_command(made_by, key)}"
                )
        return context.params, {name: context.catalog.load(name) for name in wanted}


def _system(parameters: Mapping[str, Any], experiment: str) -> str:
    cohorts, cohort, experiments = (parameters[n] for n in ("cohorts", "cohort", "experiments"))
    return str(experiment_row(cohorts, cohort, experiments, experiment)["system"])


def _stage_of(system: str, stage: str) -> str:
    """What makes a run's files: of systems that are no networks one stage makes them all."""
    if system in FLOORS:
        return "floor"
    return "stack" if system == STACK else stage


def _whole(
    model: Checkpoint, key: Mapping[str, Any], experiments: Mapping[str, Any], project: Path
) -> Checkpoint:
    """A stack with its members, whose weights go by the member's name; any other as it is."""
    if model.settings["system"] != STACK:
        return model
    parts = {STACK: model}
    for name in model.settings["model"]["members"]:
        floor = (experiments.get(name) or {}).get("system") in FLOORS
        of_member = {**key, "experiment": name, "seed": 1 if floor else key["seed"]}
        parts[name] = _read(of_member, project, ["model"])[1]["model"]
        if parts[name].fingerprints != model.fingerprints:
            again = _command("floor" if floor else "train", of_member)
            raise ValueError(f"{name} is of other data than the stack; run {again} again")
    members = {name: part.settings for name, part in parts.items() if name != STACK}
    weights = {f"{name}/{k}": v for name, part in parts.items() for k, v in part.weights.items()}
    return replace(model, weights=weights, settings={**model.settings, "members": members})


def _refuse_other_data(model: Checkpoint, found: Mapping[str, Any], key: Mapping[str, Any]) -> None:
    from isd_pipeline.pipelines.train.nodes import fingerprints

    if not model.weights:
        raise ValueError(f"{key['experiment']} keeps no weights to bundle: they would be too many")
    here = fingerprints(found["documents"], found["code_index"], found["vocabulary"])
    for name, fingerprint in here.items():
        if model.fingerprints.get(name) != fingerprint:
            again = _command(_stage_of(model.settings["system"], "train"), key)
            raise ValueError(f"the weights were trained with other {name}; run {again} again")


def _refuse_other_weights(
    model: Checkpoint, found: Mapping[str, Any], key: Mapping[str, Any]
) -> None:
    """Numbers that were measured on other weights."""
    scores = _scores(model, found["documents"]["test"], found["tokenized_notes"])
    recorded = found["scores"]["test"][: len(scores)]
    if recorded.shape != scores.shape or abs(recorded - scores).max() > SLACK:
        again = _command(_stage_of(model.settings["system"], "evaluate"), key)
        raise ValueError(
            "the metrics are of other weights, so the threshold and the temperature are not these "
            f"weights' own; run {again} again"
        )


def _scores(model: Checkpoint, documents: Documents, notes: RecordStream) -> np.ndarray:
    """The log-odds of a few documents, the first, as a bundle reads them: [COMPARED, L]."""
    import numpy as np

    from isd_pipeline.coding.readers import NoteWords, reader_of

    read = reader_of(model.settings, model.weights).read
    few = range(min(COMPARED, len(documents)))
    words = words_of_documents(notes, documents.ids[: len(few)].tolist())
    known = [NoteWords(words[n], documents.tokens_of(n), documents.sentences_of(n)) for n in few]
    return np.stack([read(note, False).scores for note in known])


def _command(stage: str, key: Mapping[str, Any]) -> str:
    chosen = ",".join(f"{parameter}={value}" for parameter, value in key.items())
    return f"`kedro run --pipelines={stage} --params {chosen}`"
