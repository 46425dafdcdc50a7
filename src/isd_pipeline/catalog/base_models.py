"""A stack and the models it weighs, as one model that reads notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from isd_pipeline.models.names import FLOORS, MEAN, STACK

if TYPE_CHECKING:
    from torch import Tensor

    from isd_pipeline.predictors.ensemble import StackConfig
    from isd_pipeline.training.checkpoints import Checkpoint

Key = tuple[str, int]  # experiment, seed


def with_members(
    model: Checkpoint,
    models_of_runs: Mapping[Key, Callable[[], Checkpoint]],
    parameters: Mapping[str, Any],
) -> Checkpoint:
    """A stack whose weights and settings hold its members', by their names; others as they are.

    Raises a FileNotFoundError where a member's model is missing, and a ValueError where it is of
    other data; both name the command to run.
    """
    if model.settings["system"] != STACK:
        return model
    seeds = model.settings.get("seeds", [parameters["seed"]])  # a stack of before has its own alone
    members = {}
    for name in model.settings["model"]["members"]:
        keys = [(name, seed) for seed in runs_of(name, seeds, parameters)]
        found = {str(key[1]): _of_run(key, model, models_of_runs, parameters) for key in keys}
        members[name] = _mean(model, found) if len(found) > 1 else next(iter(found.values()))
    weights = _joined({STACK: model, **members})
    return replace(model, weights=weights, settings={**model.settings, **_settings(members)})


def seeds_of(config: StackConfig, runs: Iterable[Key], parameters: Mapping[str, Any]) -> list[int]:
    """Of its networks a stack weighs these: its own seed, or every one that all of them have.

    Raises a ValueError for a second run of a stack that weighs every seed.
    """
    own = [parameters["seed"]]
    networks = [name for name in config.members if not _is_floor(name, parameters)]
    if not config.every_seed or not networks:
        return own
    if own != [1]:
        raise ValueError(
            f"{parameters['experiment']} weighs every seed of its members, so it has one run: "
            f"take seed=1, not seed={own[0]}"
        )
    there = list(runs)
    common = [{seed for name, seed in there if name == network} for network in networks]
    return sorted(set.intersection(*common)) or own


def runs_of(name: str, seeds: list[int], parameters: Mapping[str, Any]) -> list[int]:
    """The seeds of a member that a stack weighs: a linear floor has only one."""
    return [1] if _is_floor(name, parameters) else seeds


def stage_of_member(name: str, parameters: Mapping[str, Any], *, scored: bool = False) -> str:
    """The stage that makes a member's model, or those that make its scores too."""
    if _is_floor(name, parameters):
        return "floor"
    return "train,evaluate" if scored else "train"


def stage_command(stage: str, key: Mapping[str, Any]) -> str:
    """The command that runs one stage of one run."""
    chosen = ",".join(f"{name}={key[name]}" for name in ("cohort", "experiment", "seed"))
    return f"`kedro run --pipelines={stage} --params {chosen}`"


def _of_run(
    key: Key,
    stack: Checkpoint,
    models_of_runs: Mapping[Key, Callable[[], Checkpoint]],
    parameters: Mapping[str, Any],
) -> Checkpoint:
    """A member's model, of the same data as the stack."""
    name, seed = key
    stage = stage_of_member(name, parameters)
    command = stage_command(stage, {**parameters, "experiment": name, "seed": seed})
    if key not in models_of_runs:
        raise FileNotFoundError(f"model of {name} is not there yet. Make it with {command}")
    model = models_of_runs[key]()
    if model.fingerprints != stack.fingerprints:
        raise ValueError(f"{name} is of other data than the stack; run {command} again")
    return model


def _mean(stack: Checkpoint, of_seeds: Mapping[str, Checkpoint]) -> Checkpoint:
    """Several trainings as one model, which says what they say in the mean."""
    settings = {"system": MEAN} | _settings(of_seeds)
    return replace(stack, weights=_joined(of_seeds), settings=settings)


def _joined(parts: Mapping[str, Checkpoint]) -> dict[str, Tensor]:
    return {f"{name}/{k}": v for name, part in parts.items() for k, v in part.weights.items()}


def _settings(parts: Mapping[str, Checkpoint]) -> dict[str, Any]:
    return {"members": {name: part.settings for name, part in parts.items()}}


def _is_floor(name: str, parameters: Mapping[str, Any]) -> bool:
    return (parameters["experiments"].get(name) or {}).get("system") in FLOORS
