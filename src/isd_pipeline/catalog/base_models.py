"""An ensemble's base models among the runs of a cohort: their scores, and their models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.rows import system_of
from isd_pipeline.predictors.registry import ENSEMBLE, MEAN, is_seeded, kind_of

if TYPE_CHECKING:
    from torch import Tensor

    from isd_pipeline.predictors.base import Scores
    from isd_pipeline.predictors.ensemble import EnsembleConfig
    from isd_pipeline.training.checkpoints import Checkpoint

Key = tuple[str, int]  # experiment, seed


def base_scores(
    config: EnsembleConfig,
    scores_of_runs: Mapping[Key, Callable[[], Scores]],
    parameters: Mapping[str, Any],
) -> dict[str, dict[int, Callable[[], Scores]]]:
    """By base model and seed, what reads its scores.

    A FileNotFoundError names the command that makes what is missing.
    """
    seeds = seeds_of(config, scores_of_runs, parameters)
    found: dict[str, dict[int, Callable[[], Scores]]] = {}
    for name in config.base_models:
        own = seeds if is_seeded(system_of(parameters, name)) else [1]
        for seed in own:
            if (name, seed) not in scores_of_runs:
                key = {**parameters, "experiment": name, "seed": seed}
                raise FileNotFoundError(
                    f"{name}, seed {seed}, has no scores of {parameters['cohort']} yet: "
                    f"run {stage_command('train,evaluate', key)} first"
                )
        found[name] = {seed: scores_of_runs[name, seed] for seed in own}
    return found


def seeds_of(
    config: EnsembleConfig, runs: Iterable[Key], parameters: Mapping[str, Any]
) -> list[int]:
    """Of its networks an ensemble weighs these: its own seed, or every one that all of them have.

    Raises a ValueError for a second run of an ensemble that weighs every seed.
    """
    own = [parameters["seed"]]
    networks = [name for name in config.base_models if is_seeded(system_of(parameters, name))]
    if not config.every_seed or not networks:
        return own
    if own != [1]:
        raise ValueError(
            f"{parameters['experiment']} weighs every seed of its base models, so it has one run: "
            f"take seed=1, not seed={own[0]}"
        )
    there = list(runs)
    common = [{seed for name, seed in there if name == network} for network in networks]
    return sorted(set.intersection(*common)) or own


def with_base_models(
    model: Checkpoint,
    models_of_runs: Mapping[Key, Callable[[], Checkpoint]],
    parameters: Mapping[str, Any],
) -> Checkpoint:
    """An ensemble whose weights and settings hold its base models', by name; others as they are.

    Raises a FileNotFoundError where a base model is missing, and a ValueError where it is of
    other data; both name the command to run.
    """
    if kind_of(model.settings["system"]) != ENSEMBLE:
        return model
    if is_of_views(model):
        views = " or ".join(model.settings["model"]["base_models"])
        raise ValueError(
            f"{parameters['experiment']} weighs two views, each the run of a cohort: what explains "
            f"a note is its view's; ask for that of {views}"
        )
    parts = {}
    for name, seeds in model.settings["runs"].items():
        found = {
            str(seed): _of_run((name, seed), model, models_of_runs, parameters) for seed in seeds
        }
        if len(found) > 1:  # several trainings as one model, which says what they say in the mean
            mean = {"system": MEAN, **_settings(found)}
            parts[name] = replace(model, weights=_joined(found), settings=mean)
        else:
            [parts[name]] = found.values()
    weights = _joined({ENSEMBLE: model, **parts})
    return replace(model, weights=weights, settings={**model.settings, **_settings(parts)})


def is_of_views(model: Checkpoint) -> bool:
    """Whether it is an ensemble of runs of other cohorts, which are no part of its weights."""
    return any("/" in name for name in model.settings.get("runs", ()))


def stage_command(stage: str, key: Mapping[str, Any]) -> str:
    """The command that runs one stage of one run."""
    chosen = ",".join(f"{name}={key[name]}" for name in ("cohort", "experiment", "seed"))
    return f"`kedro run --pipelines={stage} --params {chosen}`"


def _of_run(
    key: Key,
    ensemble: Checkpoint,
    models_of_runs: Mapping[Key, Callable[[], Checkpoint]],
    parameters: Mapping[str, Any],
) -> Checkpoint:
    """A base model, of the same data as the ensemble."""
    name, seed = key
    command = stage_command("train", {**parameters, "experiment": name, "seed": seed})
    if key not in models_of_runs:
        raise FileNotFoundError(f"model of {name} is not there yet. Make it with {command}")
    model = models_of_runs[key]()
    shared = ensemble.fingerprints.items()  # a base model may have read more: mentions, an encoder
    if any(model.fingerprints.get(name) != value for name, value in shared):
        raise ValueError(f"{name} is of other data than the ensemble; run {command} again")
    return model


def _joined(parts: Mapping[str, Checkpoint]) -> dict[str, Tensor]:
    return {f"{name}/{k}": v for name, part in parts.items() for k, v in part.weights.items()}


def _settings(parts: Mapping[str, Checkpoint]) -> dict[str, Any]:
    return {"base_models": {name: part.settings for name, part in parts.items()}}
