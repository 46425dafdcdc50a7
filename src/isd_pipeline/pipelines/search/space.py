"""A declared space of settings, checked before anything is trained in it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.reading import choose, flatten, read_config, refuse_unknown
from isd_pipeline.config.rows import EXPERIMENTS
from isd_pipeline.evaluation.dev_figures import WATCHED

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SEARCH = "conf/base/parameters_search.yml: search"


@dataclass(frozen=True, kw_only=True)
class Dimension:
    """What one setting may be: one of `choices`, or all from `low` to `high`.

    Of two whole numbers only whole ones are tried. With `log`, each order of magnitude is as
    likely as the next.
    """

    choices: tuple[bool | int | float | str | None, ...] = ()
    low: float | int | None = None
    high: float | int | None = None
    log: bool = False

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        if len(bounds) != (0 if self.choices else 2):
            raise ValueError("give either choices, or both low and high")
        if bounds and not bounds[0] < bounds[1]:
            raise ValueError(f"low={self.low} must be below high={self.high}")
        if self.log and not (bounds and bounds[0] > 0):
            raise ValueError("log wants a low above 0")

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that a plan must be able to take."""
        return self.choices or (self.low, self.high)

    @property
    def distribution(self) -> "BaseDistribution":
        """As Optuna calls it."""
        from optuna import distributions

        if self.choices:
            return distributions.CategoricalDistribution(self.choices)
        low, high = self.ends
        if isinstance(low, int) and isinstance(high, int):
            return distributions.IntDistribution(low, high, log=self.log)
        return distributions.FloatDistribution(low, high, log=self.log)


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """A trial worse than the median of the finished ones at an epoch is cut short there.

    Not in its first `warm_up_epochs`, and not before `first_trials` have come to their end.
    """

    warm_up_epochs: int = 5
    first_trials: int = 5


@dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """How one experiment's row is varied: a section of conf/base/parameters_search.yml.

    `metric` is of the development set, at the epoch that the training keeps. The sampler `grid`
    goes through all combinations of choices, in a random order.
    """

    trials: int
    metric: str
    space: dict[str, Dimension]
    sampler: Literal["tpe", "grid"] = "tpe"
    pruning: Pruning | None = None

    def __post_init__(self) -> None:
        refuse_unknown(self.metric, [f"dev_{name}" for name in WATCHED], "metric")
        if self.trials < 1 or not self.space:
            raise ValueError("a search wants one trial and one dimension of space at least")
        ranges = [name for name, dimension in self.space.items() if not dimension.choices]
        if self.sampler == "grid" and ranges:
            raise ValueError(f"sampler grid wants choices alone, and {ranges[0]} is a range")

    @property
    def wanted(self) -> int:
        """How many trials: no more than a grid has points."""
        points = math.prod(len(dimension.choices) for dimension in self.space.values())
        return min(self.trials, points) if self.sampler == "grid" else self.trials


def read_search(parameters: Mapping[str, Any]) -> SearchSettings:
    """Check the experiment's section: every name is a setting of its system, every end fits it."""
    experiment = parameters["experiment"]
    section = choose(experiment, parameters["search"], SEARCH)
    source = f"{SEARCH}.{experiment}"
    settings = read_config(SearchSettings, section, source)
    known = [name for name in flatten(read_plan(parameters).settings) if name != "system"]
    for name, dimension in settings.space.items():
        refuse_unknown(name, known, f"{source}.space")
        for value in dimension.ends:
            changed = searched(parameters, {name: value})
            try:
                read_plan(changed)
            except ValueError as error:
                told = str(error).removeprefix(f"{EXPERIMENTS}.{changed['experiment']}.")
                told = f"{source}.space: {name}: {value} does not fit: {told}"
                raise ValueError(told) from None
    return settings


def searched(parameters: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters, their experiment a new one: its row with the values put in."""
    name = f"{parameters['experiment']}_searched"
    row = parameters["experiments"][parameters["experiment"]] or {}
    for dotted, value in values.items():
        row = _put(row, dotted.split("."), value)
    experiments = {**parameters["experiments"], name: row}
    return {**parameters, "experiment": name, "experiments": experiments}


def _put(row: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    first, *rest = path
    return {**row, first: _put(row.get(first) or {}, rest, value) if rest else value}
