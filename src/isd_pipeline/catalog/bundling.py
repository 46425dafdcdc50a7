"""A finished run's files, found through the catalog, as a bundle."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from isd_pipeline.catalog.base_models import is_of_views, stage_command, with_base_models
from isd_pipeline.catalog.code_books import packed_books
from isd_pipeline.catalog.other_cohorts import refuse_other_codes, rows_of
from isd_pipeline.catalog.training_terms import trained_on
from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.trained_on import TrainedOn
from isd_pipeline.coding.usual import Usual, UsualCodes, UsualWords, usual_codes, usual_words
from isd_pipeline.coding.view_bundle import ViewBundle
from isd_pipeline.config.cohorts import cohort_section
from isd_pipeline.config.experiments import language_of
from isd_pipeline.config.extract import revision_of
from isd_pipeline.config.preprocess import PreprocessSettings
from isd_pipeline.config.rows import run_of
from isd_pipeline.predictors import registry
from isd_pipeline.predictors.base import TokenisedNote
from isd_pipeline.predictors.ensemble import Weights
from isd_pipeline.predictors.sparse_arrays import to_numpy
from isd_pipeline.text.splits import fingerprints, words_of_documents
from isd_pipeline.training.checkpoints import Checkpoint

NEEDED = (
    *("model", "scores", "metrics", "calibration", "models_of_runs"),
    *("code_index", "vocabulary", "documents", "tokenized_notes"),
)
DRAWS = "replicates"  # of the test documents, for the card's intervals; a bundle goes without
COMPARED = 3  # test documents, the shortest
SLACK = 0.25  # log-odds that bf16 on a GPU and fp32 may lie apart


def bundle_of_run(cohort: str, experiment: str, seed: int, project: Path) -> Bundle | ViewBundle:
    """The bundle of a run that was trained and evaluated; of an ensemble, its base models too.

    Of an ensemble of two views it holds the bundles of both.

    Raises a FileNotFoundError that names the command to run where a file is missing, and a
    ValueError for a linear baseline that is not kept, and where the files are not of one training.
    """
    key = {"cohort": cohort, "experiment": experiment, "seed": seed}
    parameters, found = _read(key, project)
    if is_of_views(found["model"]):
        return _of_views(parameters, found, key, project)
    return _of_one(parameters, found, key)


def _of_one(
    parameters: Mapping[str, Any], found: Mapping[str, Any], key: Mapping[str, Any]
) -> Bundle:
    model = with_base_models(found["model"], found["models_of_runs"], {**parameters, **key})
    _refuse_other_data(model, found, key)
    ids = found["documents"]["test"].ids[:COMPARED].tolist()
    _refuse_other_weights(_scores(model, found, ids), found, key)
    metrics, cohorts = found["metrics"]["test"], parameters["cohorts"]
    preprocess = cohort_section(cohorts, key["cohort"], "preprocess", PreprocessSettings)
    return Bundle(
        **key,
        revision=revision_of(cohorts, key["cohort"]),
        settings=model.settings,
        codes=found["code_index"],
        training_counts=_training_counts(found),
        vocabulary=found["vocabulary"],
        vocabulary_settings=vars(preprocess.vocabulary),
        threshold_tuned=metrics["threshold_tuned"],
        temperature=found["calibration"]["temperature"],
        fingerprints=model.fingerprints,
        metrics=metrics,
        weights=model.weights,
        books=packed_books(cohorts, key["cohort"], found["code_index"]),
        usual=Usual(
            len(found["documents"]["dev"]),
            _usual_words(found),
            _usual_codes(found, revision_of(cohorts, key["cohort"])),
        ),
        trained_on=_trained_on(found, cohorts, key),
    )


def _of_views(
    parameters: Mapping[str, Any], found: Mapping[str, Any], key: Mapping[str, Any], project: Path
) -> ViewBundle:
    model, ids = found["model"], found["documents"]["test"].ids[:COMPARED].tolist()
    _refuse_other_data(model, found, key)
    views, scores = {}, {}
    for name in model.settings["model"]["base_models"]:  # the order of the weights
        cohort, experiment = run_of(name)
        [seed] = model.settings["runs"][name]
        of_view = {"cohort": cohort, "experiment": experiment, "seed": seed}
        settings, there = _read(of_view, project)
        refuse_other_codes(cohort, there["code_index"], key["cohort"], found["code_index"])
        language = language_of(parameters["cohorts"], cohort)
        views[language] = _of_one(settings, there, of_view)
        scores[language] = _scores(views[language], there, ids)
    metrics = found["metrics"]["test"]
    made = ViewBundle(
        **key,
        views=views,
        weights=Weights.of_arrays(to_numpy(model.weights)),
        training_counts=_training_counts(found),
        threshold_tuned=metrics["threshold_tuned"],
        temperature=found["calibration"]["temperature"],
        fingerprints=model.fingerprints,
        metrics=metrics,
        usual=Usual(
            len(found["documents"]["dev"]),
            None,
            _usual_codes(found, revision_of(parameters["cohorts"], key["cohort"])),
        ),
        trained_on=_of_both(_trained_on(found, parameters["cohorts"], key), views),
    )
    x = made.ensemble.features(scores, [])
    _refuse_other_weights(made.weights.score(x), found, key, "train,evaluate")
    return made


def _trained_on(
    found: Mapping[str, Any], cohorts: Mapping[str, Any], key: Mapping[str, Any]
) -> TrainedOn:
    documents, codes = found["documents"], found["code_index"]
    return trained_on(cohorts, key["cohort"], documents, codes, found["replicates"])


def _of_both(data: TrainedOn, views: Mapping[str, Bundle]) -> TrainedOn:
    """What two views together were trained on: the same reports in both languages."""
    languages = [one.trained_on.language for one in views.values() if one.trained_on]
    return replace(data, language=" and ".join(languages))


def _training_counts(found: Mapping[str, Any]) -> tuple[int, ...]:
    """How many training documents have each code."""
    gold = found["documents"]["train"].label_matrix(len(found["code_index"]))
    return tuple(gold.sum(axis=0).A1.tolist())


def _usual_words(found: Mapping[str, Any]) -> UsualWords:
    """What the dev notes were like."""
    dev, unknown = found["documents"]["dev"], found["vocabulary"].unknown
    words = words_of_documents(found["tokenized_notes"], dev.ids.tolist())
    return usual_words(words, [dev.tokens_of(n) for n in range(len(dev))], unknown)


def _usual_codes(found: Mapping[str, Any], revision: str) -> UsualCodes:
    """What the run said of the dev notes."""
    return usual_codes(
        found["documents"]["dev"].label_matrix(len(found["code_index"])),
        found["scores"]["dev"],
        cut=found["metrics"]["test"]["threshold_tuned"],
        temperature=found["calibration"]["temperature"],
        codes=found["code_index"],
        revision=revision,
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
        found = {name: context.catalog.load(name) for name in NEEDED}
        has_draws = context.catalog.exists(DRAWS)
        return context.params, found | {DRAWS: context.catalog.load(DRAWS) if has_draws else None}


def _refuse_other_data(model: Checkpoint, found: Mapping[str, Any], key: Mapping[str, Any]) -> None:
    if not model.weights:
        raise ValueError(f"{key['experiment']} keeps no weights to bundle: they would be too many")
    here = fingerprints(found["documents"], found["code_index"], found["vocabulary"])
    for name, fingerprint in here.items():
        if model.fingerprints.get(name) != fingerprint:
            again = stage_command("train", key)
            raise ValueError(f"the weights were trained with other {name}; run {again} again")


def _scores(model: Checkpoint | Bundle, found: Mapping[str, Any], ids: Sequence[str]) -> np.ndarray:
    """Log-odds [D, L] of some test documents, read as a bundle reads them."""
    documents, read = found["documents"]["test"], registry.load(model.settings, model.weights).read
    places = rows_of(documents.ids.tolist(), ids, "the test split of a view", "the ensemble")
    words = words_of_documents(found["tokenized_notes"], ids)
    known = map(partial(TokenisedNote.of_document, documents), places, words)
    return np.stack([read(note, False).scores for note in known])


def _refuse_other_weights(
    scores: np.ndarray, found: Mapping[str, Any], key: Mapping[str, Any], stage: str = "evaluate"
) -> None:
    """Numbers measured on other weights: told by the scores of a few documents, the first."""
    recorded = found["scores"]["test"][: len(scores)]
    if recorded.shape != scores.shape or abs(recorded - scores).max() > SLACK:
        again = stage_command(stage, key)
        raise ValueError(
            "the metrics are of other weights, so the threshold and the temperature are not these "
            f"weights' own; run {again} again"
        )
