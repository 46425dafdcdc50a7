"""Runs of another cohort over the same documents, put in this cohort's order.

Two kinds of run ask for them. An ensemble of two views of one report weighs a run of each cohort.
A last training, whose cohort has `extract: {last_of: COHORT}` and trains on dev too, takes what is
said of dev, and how an ensemble weighs, from the run of the same experiment and seed there, which
had not seen dev.

A cohort orders its documents by their length (text/documents.py), which differs between languages;
and one may lack a document that the other has. So scores are put together by document id.

Axes: D documents, L codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.catalog.base_models import Key, stage_command
from isd_pipeline.config.experiments import first_cohort
from isd_pipeline.config.rows import has_one_run, run_of
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.predictors.base import Scores
from isd_pipeline.text.documents import Documents, read_ids

if TYPE_CHECKING:
    from isd_pipeline.predictors.artifact import Artifact
    from isd_pipeline.predictors.ensemble import EnsembleConfig

SCORED = ("dev", "test")


@dataclass(frozen=True)
class OtherCohort:
    """What is on disk of a cohort: codes, the ids of dev and test in their order, and its runs."""

    name: str
    codes: CodeIndex
    ids: Mapping[str, Sequence[str]]
    scores_of_runs: Mapping[Key, Callable[[], Scores]]
    models_of_runs: Mapping[Key, Callable[[], Artifact]]


Open = Callable[[str], OtherCohort]


def open_cohorts(data: Path) -> Open:
    """What reads a cohort of a project's folder `data`, by its name."""
    return partial(_open_cohort, Path(data))


def _open_cohort(data: Path, cohort: str) -> OtherCohort:
    from isd_pipeline.catalog.runs import find_scores
    from isd_pipeline.predictors.artifact import find_artifacts

    codes, documents = data / "03_primary" / cohort / "code_index.json", data / "05_model_input"
    if not codes.exists():
        raise FileNotFoundError(
            f"{codes}: not there yet. Make it with "
            f"`kedro run --pipelines=extract,preprocess --params cohort={cohort}`"
        )
    return OtherCohort(
        cohort,
        CodeIndex.open(codes),
        {split: read_ids(documents / cohort / split) for split in SCORED},
        find_scores(data / "07_model_output" / cohort),
        find_artifacts(data / "06_models" / cohort),
    )


def view_scores(
    config: EnsembleConfig,
    cohort_of: Open,
    documents: Mapping[str, Documents],
    codes: CodeIndex,
    parameters: Mapping[str, Any],
) -> dict[str, dict[int, Callable[[], Scores]]]:
    """By view and seed, what reads its scores [D, L] in the order of `documents`.

    Raises:
        FileNotFoundError: a view has no scores yet; the command that makes them is named.
        ValueError: a view's cohort has other codes, or lacks documents of dev or test.
    """
    found: dict[str, dict[int, Callable[[], Scores]]] = {}
    for name in config.base_models:
        cohort, experiment = run_of(name)
        key = (experiment, seed_of_view(name, parameters))
        other = cohort_of(cohort)
        refuse_other_codes(cohort, other.codes, parameters["cohort"], codes)
        read = _run(other.scores_of_runs, key, "train,evaluate", other)
        found[name] = {
            key[1]: partial(_in_order, read, key, other, documents, parameters["cohort"])
        }
    return found


def seed_of_view(name: str, parameters: Mapping[str, Any]) -> int:
    """Which run of a view an ensemble weighs: that of its own seed, or the only one."""
    return 1 if has_one_run(parameters, name) else int(parameters["seed"])


def first_dev_scores(
    cohort_of: Open,
    documents: Mapping[str, Documents],
    codes: CodeIndex,
    parameters: Mapping[str, Any],
) -> np.ndarray:
    """The first training's scores [D, L] of dev, in the order of `documents`.

    Raises a FileNotFoundError where it was not evaluated, and a ValueError for other codes or
    where it lacks documents of dev.
    """
    other, key, cohort = _first(cohort_of, parameters)
    refuse_other_codes(other.name, other.codes, cohort, codes)
    read = _run(other.scores_of_runs, key, "train,evaluate", other)
    return _in_order(read, key, other, {"dev": documents["dev"]}, cohort)["dev"]


def first_model(cohort_of: Open, codes: CodeIndex, parameters: Mapping[str, Any]) -> Artifact:
    """The first training's model.

    Raises a FileNotFoundError where it is not there, and a ValueError for other codes.
    """
    other, key, cohort = _first(cohort_of, parameters)
    refuse_other_codes(other.name, other.codes, cohort, codes)
    read: Callable[[], Artifact] = _run(other.models_of_runs, key, "train", other)
    return read()


def _first(cohort_of: Open, parameters: Mapping[str, Any]) -> tuple[OtherCohort, Key, str]:
    """The cohort of the first training, and which run there is this one's."""
    first = first_cohort(parameters)
    assert first is not None  # asked of last trainings alone
    return cohort_of(first), (parameters["experiment"], parameters["seed"]), parameters["cohort"]


def _run(runs: Mapping[Key, Any], key: Key, stages: str, other: OtherCohort) -> Any:
    if key not in runs:
        command = stage_command(stages, _named(key, other))
        raise FileNotFoundError(
            f"{other.name}/{key[0]}, seed {key[1]}, is not there yet: run {command} first"
        )
    return runs[key]


def refuse_other_codes(other: str, of_other: CodeIndex, cohort: str, codes: CodeIndex) -> None:
    """Raise a ValueError where another cohort has other codes than this one."""
    if of_other.fingerprint != codes.fingerprint:
        raise ValueError(
            f"{other} has other codes than {cohort} ({len(of_other)} and {len(codes)}, or other "
            "titles), so that their scores cannot be put together; make both from one release with "
            f"`kedro run --pipelines=extract,preprocess --params cohort={other}`, or name another "
            "cohort"
        )


def rows_of(ids: Sequence[str], wanted: Sequence[str], where: str, cohort: str) -> list[int]:
    """The place of each wanted document among `ids`; a ValueError where some are not there."""
    place = {identifier: n for n, identifier in enumerate(ids)}
    lacking = sum(one not in place for one in wanted)
    if lacking:
        raise ValueError(
            f"{where} lacks {lacking} of the {len(wanted)} documents that {cohort} has in its own; "
            "make both from one release with `kedro run --pipelines=extract,preprocess`"
        )
    return [place[one] for one in wanted]


def _in_order(
    read: Callable[[], Scores],
    key: Key,
    other: OtherCohort,
    documents: Mapping[str, Documents],
    cohort: str,
) -> dict[str, np.ndarray]:
    scores, found = read(), {}
    for split in (split for split in SCORED if split in documents):
        shape, expected = scores[split].shape, (len(other.ids[split]), len(other.codes))
        if shape != expected:
            raise ValueError(
                f"{other.name}/{key[0]}: its scores of {split} are {shape}, its documents and "
                f"codes {expected}; run {stage_command('train,evaluate', _named(key, other))} again"
            )
        ids = documents[split].ids.tolist()
        rows = rows_of(other.ids[split], ids, f"{other.name}'s {split} split", cohort)
        found[split] = scores[split][rows]
    return found


def _named(key: Key, other: OtherCohort) -> dict[str, Any]:
    return {"cohort": other.name, "experiment": key[0], "seed": key[1]}
