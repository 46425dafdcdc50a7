"""A node takes the data sets that the parameters of its function are named after."""

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import Any

from kedro.pipeline import Node, Pipeline

# Handed over by themselves, beside `parameters` as a whole.
RUN_PARAMETERS = ("cohorts", "cohort", "engine")
# The stages of the whole road, which `kedro run` runs where no pipeline is named.
WHOLE = ("data_to_report", "__default__")
WHOLE_ROAD = ["extract", "preprocess", "embed", "train", "evaluate", "record", "compare", "report"]


def stages_of(names: Sequence[str] | None) -> list[str]:
    """The stages that `kedro run --pipelines=NAMES` runs, the whole road in its parts."""
    asked = names or ["data_to_report"]
    return [stage for name in asked for stage in (WHOLE_ROAD if name in WHOLE else (name,))]


def pipeline_of(outputs: Mapping[Callable[..., Any], str | list[str]]) -> Callable[..., Pipeline]:
    """The `create_pipeline` of a stage: its functions, each with what it makes."""
    return lambda **_: Pipeline([_node(function, made) for function, made in outputs.items()])


def _node(function: Callable[..., Any], outputs: str | list[str]) -> Node:
    """The node of a function, its inputs said once: in the function's signature."""
    names = signature(function).parameters
    inputs = [f"params:{name}" if name in RUN_PARAMETERS else name for name in names]
    return Node(function, inputs, outputs)
