"""Two views of one report: runs of two cohorts over the same documents, put in one order.

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
from isd_pipeline.config.rows import has_one_run, run_of
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.predictors.base import Scores
from isd_pipeline.text.documents import Documents, read_ids

if TYPE_CHECKING:
    from isd_pipeline.predictors.ensemble import EnsembleConfig

SCORED = ("dev", "test")


@dataclass(frozen=True)
class OtherCohort:
    """What is on disk of a cohort: codes, the ids of dev and test in their order, runs' scores."""

    name: str
    codes: CodeIndex
    ids: Mapping[str, Sequence[str]]
    scores_of_runs: Mapping[Key, Callable[[], Scores]]


def open_cohorts(data: Path) -> Callable[[str], OtherCohort]:
    """What reads a cohort of a project's folder `data`, by its name."""
    return partial(_open_cohort, Path(data))


def _open_cohort(data: Path, cohort: str) -> OtherCohort:
    from isd_pipeline.catalog.runs import find_scores

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
    )


def view_scores(
    config: EnsembleConfig,
    cohort_of: Callable[[str], OtherCohort],
    documents: Mapping[str, Documents],
    codes: CodeIndex,
    parameters: Mapping[str, Any],
) -> dict[str, dict[int, Callable[[], Scores]]]:
    """By view and seed, what reads its scores [D, L] in the order of `documents`.

    Raises:
        FileNotFoundError: a view has no scores yet; the command that makes them is named.
        ValueError: a view's cohort has other codes, or lacks documents of dev or test.
    """
    wanted = {split: documents[split].ids.tolist() for split in SCORED}
    found: dict[str, dict[int, Callable[[], Scores]]] = {}
    for name in config.base_models:
        cohort, experiment = run_of(name)
        seed = seed_of_view(name, parameters)
        other, key = cohort_of(cohort), {"cohort": cohort, "experiment": experiment, "seed": seed}
        refuse_other_codes(cohort, other.codes, parameters["cohort"], codes)
        if (experiment, seed) not in other.scores_of_runs:
            raise FileNotFoundError(
                f"{name}, seed {seed}, has no scores yet: run "
                f"{stage_command('train,evaluate', key)} first"
            )
        read = other.scores_of_runs[experiment, seed]
        found[name] = {seed: partial(_in_order, read, other, wanted, parameters["cohort"], key)}
    return found


def seed_of_view(name: str, parameters: Mapping[str, Any]) -> int:
    """Which run of a view an ensemble weighs: that of its own seed, or the only one."""
    return 1 if has_one_run(parameters, name) else int(parameters["seed"])


def refuse_other_codes(other: str, of_other: CodeIndex, cohort: str, codes: CodeIndex) -> None:
    """Raise a ValueError where a view's cohort has other codes than the ensemble's."""
    if of_other.fingerprint != codes.fingerprint:
        raise ValueError(
            f"{other} has other codes than {cohort} ({len(of_other)} and {len(codes)}, or other "
            "titles): views are of the same codes; make both from one release with `kedro run "
            f"--pipelines=extract,preprocess --params cohort={other}`, or name another cohort"
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
    other: OtherCohort,
    wanted: Mapping[str, Sequence[str]],
    cohort: str,
    key: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    scores, found = read(), {}
    for split, ids in wanted.items():
        shape, expected = scores[split].shape, (len(other.ids[split]), len(other.codes))
        if shape != expected:
            raise ValueError(
                f"{key['cohort']}/{key['experiment']}: its scores of {split} are {shape}, its "
                f"documents and codes {expected}; run {stage_command('train,evaluate', key)} again"
            )
        rows = rows_of(other.ids[split], ids, f"{other.name}'s {split} split", cohort)
        found[split] = scores[split][rows]
    return found
