"""An experiment's merged row as the dataclasses of its system."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from isd_pipeline.config.reading import flatten, read_config, refuse_unknown
from isd_pipeline.config.rows import EXPERIMENTS, SECTIONS, merged_row, system_of
from isd_pipeline.predictors.registry import ENSEMBLE, kind_of, predictor


@dataclass(frozen=True)
class Plan:
    """An experiment: its system, and of each section that the system has the checked settings."""

    experiment: str
    system: str
    sections: Mapping[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """As JSON, defaults included, for the artifact."""
        return {"system": self.system, **{name: asdict(s) for name, s in self.sections.items()}}


def read_plan(parameters: Mapping[str, Any]) -> Plan:
    """Check the row of an experiment: a misspelt key or a wrong type is one line."""
    row = merged_row(parameters)
    source = f"{EXPERIMENTS}.{row.experiment}"
    classes = predictor(row.system).sections(row.system)
    for name in SECTIONS:
        if name in row.settings:
            refuse_unknown(name, list(classes), source)
    read = {
        name: read_config(cls, row.settings.get(name), f"{source}.{name}")
        for name, cls in classes.items()
    }
    if kind_of(row.system) == ENSEMBLE:
        key = f"{source}.model.base_models"
        for name in read["model"].base_models:
            refuse_unknown(name, list(parameters["experiments"]), key)
            if kind_of(system_of(parameters, name)) == ENSEMBLE:
                raise ValueError(f"{key}: {name} is an ensemble; name its base models instead")
    if first_cohort(parameters) and getattr(read.get("training"), "keep", "last") != "last":
        raise ValueError(
            f"cohorts.{parameters['cohort']} has `last_of`, so nothing can be chosen on its dev: "
            "write `training: {keep: last}` into its section train"
        )
    return Plan(row.experiment, row.system, read)


def first_cohort(parameters: Mapping[str, Any]) -> str:
    """The cohort whose runs were chosen on dev, where the run's cohort is its last training."""
    section = parameters["cohorts"][parameters["cohort"]].get("extract") or {}
    return str(section.get("last_of", ""))


def shown_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting of a run under a dotted name, the same names for every run of a system."""
    shown = {name: parameters[name] for name in ("cohort", "experiment", "seed")}
    return shown | flatten(read_plan(parameters).settings)


def notes_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What has to be said with the name of some experiments, wherever they are shown."""
    rows = parameters["experiments"].items()
    return {name: row["note"] for name, row in rows if row and row.get("note")}
