"""A stack and the models it weighs, as one model that reads notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from isd_pipeline.models.names import FLOORS, STACK

if TYPE_CHECKING:
    from isd_pipeline.training.checkpoints import Checkpoint


def with_members(
    model: Checkpoint,
    models_of_runs: Mapping[tuple[str, int], Callable[[], Checkpoint]],
    parameters: Mapping[str, Any],
) -> Checkpoint:
    """A stack whose weights and settings hold its members', by their names; others as they are.

    Raises a FileNotFoundError where a member's model is missing, and a ValueError where it is of
    other data; both name the command to run.
    """
    if model.settings["system"] != STACK:
        return model
    parts = {STACK: model}
    for name in model.settings["model"]["members"]:
        seed, stage = seed_and_stage(name, parameters)
        command = stage_command(stage, {**parameters, "experiment": name, "seed": seed})
        if (name, seed) not in models_of_runs:
            raise FileNotFoundError(f"model of {name} is not there yet. Make it with {command}")
        parts[name] = models_of_runs[name, seed]()
        if parts[name].fingerprints != model.fingerprints:
            raise ValueError(f"{name} is of other data than the stack; run {command} again")
    members = {name: part.settings for name, part in parts.items() if name != STACK}
    weights = {f"{name}/{k}": v for name, part in parts.items() for k, v in part.weights.items()}
    return replace(model, weights=weights, settings={**model.settings, "members": members})


def seed_and_stage(name: str, parameters: Mapping[str, Any]) -> tuple[int, str]:
    """Which run of a member a stack weighs, and what makes its model: a floor has one seed."""
    is_floor = (parameters["experiments"].get(name) or {}).get("system") in FLOORS
    return (1, "floor") if is_floor else (parameters["seed"], "train")


def stage_command(stage: str, key: Mapping[str, Any]) -> str:
    """The command that runs one stage of one run."""
    chosen = ",".join(f"{name}={key[name]}" for name in ("cohort", "experiment", "seed"))
    return f"`kedro run --pipelines={stage} --params {chosen}`"
