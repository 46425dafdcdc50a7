"""Which module fits and loads a system: its kind. Every system that is named nowhere is a network.

A kind is a module of this package with

    sections(system)                        the settings it reads, by section
    fit(system, sections, data, options)    a `base.Fitted`
    load(settings, weights, device)         a `base.Predictor`

It is imported when it is asked for, so that a training imports its own kind alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

    from isd_pipeline.predictors.base import Predictor

NETWORK, BASELINE, ENSEMBLE, MEAN = "network", "baseline", "ensemble", "mean"
SYSTEMS = {
    "logistic_regression": ("linear", BASELINE),
    "linear_svm": ("linear", BASELINE),
    "noisy_or": ("cooccurrence.predictor", BASELINE),
    "mention_dictionary": ("mentions.predictor", BASELINE),
    "ensemble": ("ensemble", ENSEMBLE),
}
READS = {  # by kind, the catalog's files that its training reads beside the documents
    NETWORK: ("word_vectors", "code_word_vectors", "code_vectors"),
    BASELINE: ("words_of_notes",),
    ENSEMBLE: ("words_of_notes", "scores_of_runs"),
}
MENTIONS = ("mentions_of_notes", "words_of_notes")  # and those of networks that learn from marks
PART = {"mean": ("mean", MEAN)}  # several trainings of one system, read as one by an ensemble


def kind_of(system: str) -> str:
    """Network, baseline or ensemble."""
    return (SYSTEMS | PART).get(system, ("", NETWORK))[1]


def reads(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The catalog's files that a training of these merged settings reads beside the documents."""
    of_kind = READS[kind_of(settings["system"])]
    more = MENTIONS if learns_from_marks(settings) else ()
    return of_kind + tuple(name for name in more if name not in of_kind)


def learns_from_marks(settings: Mapping[str, Any]) -> bool:
    """Whether a system of these sections of settings learns from what people marked."""
    system = settings.get("system", "")  # of sections without it: a network's
    if system == "mention_dictionary":
        return True
    if kind_of(system) != NETWORK:
        return False
    objective, training = (settings.get(name) or {} for name in ("objective", "training"))
    weight = (objective.get("weights") or {}).get("attention", 0)
    return bool(weight or objective.get("attention") or training.get("mention_notes"))


def is_seeded(system: str) -> bool:
    """Whether a seed moves its scores: a linear baseline has one run, which stands for any seed."""
    return kind_of(system) != BASELINE


def module_name(system: str) -> str:
    """The dotted name of the module of a system's kind."""
    return f"isd_pipeline.predictors.{(SYSTEMS | PART).get(system, (NETWORK, ''))[0]}"


def predictor(system: str) -> Any:
    """The module of a system's kind."""
    return import_module(module_name(system))


def load(
    settings: Mapping[str, Any], weights: Mapping[str, Tensor], device: str = "cpu"
) -> Predictor:
    """What was fitted, ready again; a ValueError where settings and weights do not fit."""
    found: Predictor = predictor(settings["system"]).load(settings, weights, device)
    return found
