"""An experiment's merged row as the dataclasses of its system."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from isd_pipeline.config.cohorts import COHORTS, cohort_section
from isd_pipeline.config.extract import ExtractSettings
from isd_pipeline.config.reading import flatten, read_config, refuse_unknown
from isd_pipeline.config.rows import EXPERIMENTS, SECTIONS, merged_row, own_row, run_of, system_of
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
        refuse_base_models(read["model"], parameters, f"{source}.model")
    if first_cohort(parameters) and getattr(read.get("training"), "keep", "last") != "last":
        raise ValueError(
            f"cohorts.{parameters['cohort']} has `last_of`, so nothing can be chosen on its dev: "
            "write `training: {keep: last}` into its section train"
        )
    return Plan(row.experiment, row.system, read)


def refuse_base_models(model: Any, parameters: Mapping[str, Any], source: str) -> None:
    """Raise a ValueError unless an ensemble's base models are rows that it can weigh.

    They are no ensembles; or they are two views, runs of two cohorts over the same documents in
    two languages, and then each may be one.
    """
    key = f"{source}.base_models"
    runs = {name: run_of(name) for name in model.base_models}
    for _, experiment in runs.values():
        refuse_unknown(experiment, list(parameters["experiments"]), key)
    if model.views:
        _refuse_views(runs, model, parameters, source)
        return
    for name in runs:
        if kind_of(system_of(parameters, name)) == ENSEMBLE:
            raise ValueError(f"{key}: {name} is an ensemble; name its base models instead")


def _refuse_views(
    runs: Mapping[str, tuple[str, str]], model: Any, parameters: Mapping[str, Any], source: str
) -> None:
    key = f"{source}.base_models"
    cohorts = [cohort for cohort, _ in runs.values()]
    if len(cohorts) != 2 or not all(cohorts):
        raise ValueError(f"{key}: two views are two base models, each as COHORT/EXPERIMENT")
    for cohort in cohorts:
        refuse_unknown(cohort, list(parameters["cohorts"]), f"{key}: {COHORTS}")
    for name, (_, experiment) in runs.items():
        of_view = own_row(parameters, experiment).get("model") or {}
        if any("/" in one for one in of_view.get("base_models", ())):
            raise ValueError(f"{key}: {name} is of two views itself; name one of its views")
    languages = [language_of(parameters["cohorts"], cohort) for cohort in cohorts]
    if len(set(languages)) == 1:
        raise ValueError(f"{key}: both views are of one language, {languages[0]}")
    for name in ("descriptions", "every_seed"):
        if getattr(model, name):
            raise ValueError(f"{source}.{name}: true, but its base models are views; set it false")


def language_of(cohorts: Mapping[str, Any], cohort: str) -> str:
    """In which language a cohort's notes are: en or es."""
    return cohort_section(cohorts, cohort, "extract", ExtractSettings).language


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


def titles_of(parameters: Mapping[str, Any]) -> dict[str, str]:
    """What an experiment is in words, of those whose row says it."""
    rows = parameters["experiments"].items()
    return {name: row["title"] for name, row in rows if row and row.get("title")}
