"""An experiment's row, read and checked: what is to be built and how it is to be trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from isd_pipeline.config.reading import choose, flatten, read_config, refuse_unknown
from isd_pipeline.config.sections import EXPERIMENTS, experiment_row
from isd_pipeline.models.names import FLOORS, STACK
from isd_pipeline.models.registry import load, names

if TYPE_CHECKING:
    from isd_pipeline.models.system import System


@dataclass(frozen=True)
class Plan:
    """A neural experiment: the system and its settings."""

    name: str
    system: System
    model: Any
    objective: Any
    training: Any

    @property
    def settings(self) -> dict[str, Any]:
        """As JSON, for the checkpoint."""
        sections = {
            name: asdict(getattr(self, name)) for name in ("model", "objective", "training")
        }
        return {"system": self.name, **sections}


def read_plan(parameters: Mapping[str, Any]) -> Plan:
    """Check the row of a neural experiment: a misspelt key or a wrong type is one line."""
    from isd_pipeline.training.loop import TrainingConfig

    row, source = _row(parameters)
    if row["system"] in FLOORS:
        raise ValueError(
            f"{source} is a linear floor: run it with `kedro run --pipelines=floor` and the same "
            "--params"
        )
    if row["system"] == STACK:
        raise ValueError(
            f"{source} weighs other experiments: run it with `kedro run --pipelines=stack` and the "
            "same --params"
        )
    for key in row:
        refuse_unknown(key, ["system", "model", "objective", "training"], source)
    refuse_unknown(row["system"], list(names()), f"{source}.system")
    system = load(row["system"])
    classes = {
        "model": system.model_config,
        "objective": system.objective_config,
        "training": TrainingConfig,
    }
    read: dict[str, Any] = {
        name: read_config(cls, row.get(name), f"{source}.{name}") for name, cls in classes.items()
    }
    return Plan(row["system"], system, **read)


def read_floor(parameters: Mapping[str, Any]) -> tuple[str, Any]:
    """Check the row of a linear floor: its name and its settings. Cohorts set nothing for it."""
    from isd_pipeline.predictors.linear_fit import LinearFloorConfig

    row, source = _row(parameters)
    if row["system"] not in FLOORS:
        raise ValueError(
            f"{source} is no linear floor: run it with `kedro run --pipelines=train`, then "
            "`--pipelines=evaluate`, and the same --params"
        )
    settings = {"jobs": parameters["jobs"], **(row.get("model") or {})}
    return row["system"], read_config(LinearFloorConfig, settings, f"{source}.model")


def read_stack(parameters: Mapping[str, Any]) -> Any:
    """Check the row of a stack: its members are experiments, and no stacks themselves."""
    from isd_pipeline.predictors.ensemble import StackConfig

    row, source = _row(parameters)
    if row["system"] != STACK:
        raise ValueError(f"{source} is no stack: its system is {row['system']}")
    config = read_config(StackConfig, row.get("model"), f"{source}.model")
    for name in config.members:
        member = choose(name, parameters["experiments"], f"{source}.model.members") or {}
        if member.get("system") == STACK:
            raise ValueError(f"{source}.model.members: {name} is a stack; name its members instead")
    return config


def shown_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a run under a dotted name, the same names for every run of a system."""
    shown = {name: parameters[name] for name in ("cohort", "experiment", "seed")}
    if _row(parameters)[0]["system"] in FLOORS:
        system, config = read_floor(parameters)
        settings = {"system": system, "model": asdict(config)}
    elif _row(parameters)[0]["system"] == STACK:
        settings = {"system": STACK, "model": asdict(read_stack(parameters))}
    else:
        settings = read_plan(parameters).settings
    return shown | flatten(settings)


def notes_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What is said of some experiments wherever they are shown: of their systems."""
    systems = {
        name: (row or {}).get("system", "isd") for name, row in parameters["experiments"].items()
    }
    return {
        name: load(system).note
        for name, system in systems.items()
        if system in names() and load(system).note
    }


def stacks_of(parameters: Mapping[str, Any]) -> set[str]:
    """The experiments that are stacks."""
    rows = parameters["experiments"].items()
    return {name for name, row in rows if (row or {}).get("system") == STACK}


def _row(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    experiment = parameters["experiment"]
    row = experiment_row(
        parameters["cohorts"], parameters["cohort"], parameters["experiments"], experiment
    )
    if row["system"] in (*FLOORS, STACK):  # what a cohort sets is for networks
        row = {"system": row["system"], **(parameters["experiments"][experiment] or {})}
    return row, f"{EXPERIMENTS}.{experiment}"
