"""What several experiments say of a code, and whether its name stands in the note, weighed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.catalog.base_models import Key, runs_of, seeds_of, stage_command, stage_of_member
from isd_pipeline.config.experiments import read_stack
from isd_pipeline.config.sections import (
    ExtractSettings,
    PreprocessSettings,
    cohort_section,
    revision_of,
)
from isd_pipeline.text.splits import fingerprints, words_of_splits

if TYPE_CHECKING:
    from scipy import sparse

    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.io.tables import RecordStream
    from isd_pipeline.predictors.description_match import TitleMatch
    from isd_pipeline.predictors.ensemble import Stack
    from isd_pipeline.text.documents import Documents
    from isd_pipeline.text.stems import Language
    from isd_pipeline.text.vocabulary import Vocabulary
    from isd_pipeline.training.checkpoints import Checkpoint

Scores = Mapping[str, np.ndarray]


def stack_runs(
    scores_of_runs: Mapping[Key, Callable[[], Scores]],
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    vocabulary: Vocabulary,
    parameters: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, float], Checkpoint]:
    """Weigh on dev, score dev and test [D, L]; nothing is trained on the training split here."""
    from isd_pipeline.predictors.kept import keep_stack
    from isd_pipeline.training.checkpoints import Checkpoint

    config, began = read_stack(parameters), time.monotonic()
    seeds = seeds_of(config, scores_of_runs, parameters)
    members = {name: _member(scores_of_runs, name, seeds, parameters) for name in config.members}
    words, language = words_of_splits(tokenized_notes, documents), _language(parameters)
    match = _match(words["train"], code_index, language, parameters) if config.titles else None
    gold = {split: documents[split].label_matrix(len(code_index)) for split in ("train", "dev")}
    scores, stack = _weigh(members, match, words, gold, parameters)
    settings, weights = keep_stack(config, stack, language)
    settings |= {"seed": parameters["seed"], "seeds": seeds}
    marks = fingerprints(documents, code_index, vocabulary)
    minutes = (time.monotonic() - began) / 60
    figures = {"minutes": minutes, "on_gpu": 0.0, "seeds": float(len(seeds))}
    return scores, figures, Checkpoint(weights, settings, marks)


def _weigh(
    members: Mapping[str, Scores],
    match: TitleMatch | None,
    words: Mapping[str, Sequence[Sequence[str]]],
    gold: Mapping[str, sparse.csr_matrix],
    parameters: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], Stack]:
    """The scores of dev, cross-fitted, and of test, and the stack that gave these."""
    from isd_pipeline.predictors.ensemble import Stack, features, stack

    frequency = gold["train"].sum(axis=0).A1.astype(np.float64)
    known = {
        split: features(
            [scores[split] for scores in members.values()],
            None if match is None else match(words[split]),
            frequency,
        )
        for split in ("dev", "test")
    }
    dev, weights = stack(known["dev"], gold["dev"], read_stack(parameters), parameters["seed"])
    fitted = Stack(tuple(members), weights, frequency, match)
    return {"dev": dev, "test": weights.score(known["test"])}, fitted


def _member(
    scores_of_runs: Mapping[Key, Callable[[], Scores]],
    name: str,
    seeds: list[int],
    parameters: Mapping[str, Any],
) -> Scores:
    """A member's scores: of one run, or the mean over several."""
    keys = [(name, seed) for seed in runs_of(name, seeds, parameters)]
    for key in keys:
        if key not in scores_of_runs:
            stages = stage_of_member(name, parameters, scored=True)
            command = stage_command(stages, {**parameters, "experiment": name, "seed": key[1]})
            raise FileNotFoundError(
                f"{name}, seed {key[1]}, has no scores of {parameters['cohort']} yet: "
                f"run {command} first"
            )
    of_seeds = [scores_of_runs[key]() for key in keys]
    return {split: np.mean([one[split] for one in of_seeds], axis=0) for split in ("dev", "test")}


def _language(parameters: Mapping[str, Any]) -> Language:
    cohorts, cohort = parameters["cohorts"], parameters["cohort"]
    return cohort_section(cohorts, cohort, "extract", ExtractSettings).language


def _match(
    train: Sequence[Sequence[str]],
    code_index: CodeIndex,
    language: Language,
    parameters: Mapping[str, Any],
) -> TitleMatch:
    from isd_pipeline.data.codes.synonyms import names_of
    from isd_pipeline.predictors.description_match import TitleMatch
    from isd_pipeline.text.stems import stemmer
    from isd_pipeline.text.tokens import tokenize

    cohorts, cohort = parameters["cohorts"], parameters["cohort"]
    rule = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings).text_rule
    names = [
        [" ".join(tokenize(name, rule).words.to_pylist()) for name in of_code]
        for of_code in names_of(code_index, revision_of(cohorts, cohort))
    ]
    return TitleMatch.of_names(names, train, stemmer(language))
