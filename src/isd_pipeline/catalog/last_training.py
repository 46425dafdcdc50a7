"""The last training of a cohort: its dev trains too, since all that dev is for was chosen before.

A cohort with `extract: {last_of: COHORT}` has that cohort's documents. What its runs say of dev,
and how an ensemble weighs, is taken from the run of the same experiment and seed there, which had
not seen dev. Only what is said of test is new.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.catalog.base_models import stage_command
from isd_pipeline.catalog.runs import ByDocument, OfCohort
from isd_pipeline.config.experiments import first_cohort

if TYPE_CHECKING:
    from isd_pipeline.predictors.artifact import Artifact


def first_dev_scores(
    found: Mapping[OfCohort, Callable[[], ByDocument]],
    ids: list[str],
    parameters: Mapping[str, Any],
) -> np.ndarray:
    """The first training's scores of these documents of dev, [D, L].

    Raises a FileNotFoundError where it was not evaluated, and a ValueError for other documents.
    """
    known, scores = _first(found, "train,evaluate", parameters)["dev"]
    place = {document: n for n, document in enumerate(known)}
    if place.keys() != set(ids):
        raise ValueError(
            f"dev has {len(ids)} documents and that of {first_cohort(parameters)} {len(known)}, "
            "not all the same; prepare both cohorts from one source"
        )
    ordered: np.ndarray = scores[[place[document] for document in ids]]
    return ordered


def first_model(
    found: Mapping[OfCohort, Callable[[], "Artifact"]], parameters: Mapping[str, Any]
) -> "Artifact":
    """The first training's model; raises a FileNotFoundError where it is not there."""
    model: Artifact = _first(found, "train", parameters)
    return model


def _first(found: Mapping[OfCohort, Callable[[], Any]], stage: str, parameters: Any) -> Any:
    key = (first_cohort(parameters), parameters["experiment"], parameters["seed"])
    if key not in found:
        command = stage_command(stage, {**parameters, "cohort": key[0]})
        raise FileNotFoundError(f"the first training is not there yet. Make it with {command}")
    return found[key]()
