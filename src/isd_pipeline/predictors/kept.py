"""Linear models and stacks as settings and weights: the way a checkpoint holds a network.

Settings are JSON, weights are tensors. What a network's settings build, `training.systems.rebuild`
fills; what these hold is read back here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from isd_pipeline.models.names import STACK
from isd_pipeline.predictors.ensemble import Stack, StackConfig
from isd_pipeline.predictors.linear import LinearModel
from isd_pipeline.predictors.linear_fit import LinearFloorConfig
from isd_pipeline.text.stems import Language, stemmer


def keep_linear(
    system: str, config: LinearFloorConfig, model: LinearModel | None
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A linear floor; of one that is not kept the settings alone."""
    settings: dict[str, Any] = {"system": system, "model": asdict(config)}
    if model is None:
        return settings, {}
    return settings | {"ngrams": list(model.ngrams)}, _tensors(model.arrays())


def linear_of(settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> LinearModel:
    """The opposite; raises a ValueError where settings and weights do not fit."""
    return LinearModel.of_arrays(_arrays(weights), settings["ngrams"])


def keep_stack(
    config: StackConfig, stack: Stack, language: Language
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A stack without its members; `language` is that of the stems."""
    settings: dict[str, Any] = {"system": STACK, "model": asdict(config), "language": language}
    if stack.match is not None:
        settings["stems"] = list(stack.match.stems)
    return settings, _tensors(stack.arrays())


def stack_of(settings: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Stack:
    """The opposite; raises a ValueError where settings and weights do not fit."""
    members, stems = settings["model"]["members"], settings.get("stems")
    return Stack.of_arrays(_arrays(weights), members, stems, stemmer(settings["language"]))


def _tensors(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in arrays.items()}


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: values.numpy() for name, values in tensors.items()}
