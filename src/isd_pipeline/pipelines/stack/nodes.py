"""What several experiments say of a code, and whether its name stands in the note, weighed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.pipelines.floor.nodes import words_of_splits
from isd_pipeline.pipelines.plans import FLOORS, read_stack
from isd_pipeline.pipelines.sections import (
    ExtractSettings,
    PreprocessSettings,
    cohort_section,
    revision_of,
)

if TYPE_CHECKING:
    from isd_pipeline.data.cohorts import CodeIndex
    from isd_pipeline.data.tables import RecordStream
    from isd_pipeline.models.title_match import Match
    from isd_pipeline.text.documents import Documents

Scores = Mapping[str, np.ndarray]


def stack_runs(
    scores_of_runs: Mapping[tuple[str, int], Callable[[], Scores]],
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    parameters: Mapping[str, Any],
) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """Weigh on dev, score dev and test [D, L]; nothing is trained on the training split here."""
    from isd_pipeline.models.stack import features, stack

    config, began = read_stack(parameters), time.monotonic()
    members = [_member(scores_of_runs, name, parameters) for name in config.members]
    matches = _matches(tokenized_notes, documents, code_index, parameters) if config.titles else {}
    gold = {split: documents[split].label_matrix(len(code_index)) for split in ("train", "dev")}
    frequency = np.asarray(gold["train"].sum(axis=0)).ravel()
    known = {
        split: features([one[split] for one in members], matches.get(split), frequency)
        for split in ("dev", "test")
    }
    dev, test = stack(known["dev"], gold["dev"], known["test"], config, parameters["seed"])
    minutes = (time.monotonic() - began) / 60
    return {"dev": dev, "test": test}, {"minutes": minutes, "on_gpu": 0.0}


def _member(
    runs: Mapping[tuple[str, int], Callable[[], Scores]], name: str, parameters: Mapping[str, Any]
) -> Scores:
    """The scores of a member's run of this seed, or of a linear floor's only one."""
    floor = parameters["experiments"].get(name, {}).get("system") in FLOORS
    seed = 1 if floor else parameters["seed"]
    if (name, seed) not in runs:
        stages = "floor" if floor else "train,evaluate"
        raise FileNotFoundError(
            f"{name}, seed {seed}, has no scores of {parameters['cohort']} yet: run `kedro run "
            f"--pipelines={stages} --params cohort={parameters['cohort']},experiment={name},"
            f"seed={seed}` first"
        )
    return runs[name, seed]()


def _matches(
    tokenized_notes: RecordStream,
    documents: Mapping[str, Documents],
    code_index: CodeIndex,
    parameters: Mapping[str, Any],
) -> dict[str, Match]:
    from isd_pipeline.data.names import names_of
    from isd_pipeline.models.title_match import TitleMatch
    from isd_pipeline.text.stems import stemmer
    from isd_pipeline.text.tokens import tokenize

    cohorts, cohort = parameters["cohorts"], parameters["cohort"]
    language = cohort_section(cohorts, cohort, "extract", ExtractSettings).language
    words = words_of_splits(tokenized_notes, documents)
    rule = cohort_section(cohorts, cohort, "preprocess", PreprocessSettings).text_rule
    names = [
        [" ".join(tokenize(name, rule).words.to_pylist()) for name in of_code]
        for of_code in names_of(code_index, revision_of(cohorts, cohort))
    ]
    match = TitleMatch(names, words["train"], stemmer(language))
    return {split: match(words[split]) for split in ("dev", "test")}
