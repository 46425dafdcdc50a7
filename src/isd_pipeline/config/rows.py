"""An experiment's row as it holds on one cohort: merged layers of settings, each with its origin.

From below to above:

    profiles.P          training: of every network; systems.S: of one system
    cohorts.C.train     the same, of this cohort alone
    experiments.ROW     the row
    profiles.P.experiments.ROW, cohorts.C.train.experiments.ROW     what is chosen otherwise there
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from isd_pipeline.config.cohorts import COHORTS
from isd_pipeline.config.reading import choose, flatten, refuse_unknown
from isd_pipeline.models.registry import names as networks
from isd_pipeline.predictors.registry import NETWORK, SYSTEMS, is_seeded, kind_of

EXPERIMENTS = "conf/base/parameters_experiments.yml: experiments"
PROFILES = "conf/base/parameters_profiles.yml: profiles"
SECTIONS = ("model", "objective", "training")
OF_ROW = ("system", "title", "note", *SECTIONS)
OF_PROFILE = ("training", "systems", "experiments")
DEFAULT_SYSTEM = "isd"

Layer = tuple[str, Mapping[str, Any]]  # the dotted key of a section, and what stands there


@dataclass(frozen=True)
class Row:
    """The merged settings of an experiment on a cohort.

    `settings` has the system and, of the sections model, objective and training, the keys that
    are given anywhere. `origins` says by dotted name under which key of the parameters a setting
    was given.
    """

    experiment: str
    settings: dict[str, Any]
    origins: dict[str, str]

    @property
    def system(self) -> str:
        """The system that is trained."""
        return str(self.settings["system"])


def merged_row(parameters: Mapping[str, Any], experiment: str | None = None) -> Row:
    """The row of the run parameters' experiment, or of another, on their cohort.

    Raises:
        ValueError: in one line, for a cohort, profile, experiment or key that is not there.
    """
    name = parameters["experiment"] if experiment is None else experiment
    row = own_row(parameters, name)
    system = row.get("system", DEFAULT_SYSTEM)
    settings: dict[str, Any] = {"system": system}
    origins = {"system": f"experiments.{name}.system" if "system" in row else "the default"}
    for key, layer in _layers(parameters, name, row, system):
        given = {section: layer[section] or {} for section in SECTIONS if section in layer}
        settings = merged(settings, given)
        origins |= {dotted: f"{key}.{dotted}" for dotted in flatten(given)}
    return Row(name, settings, origins)


def own_row(parameters: Mapping[str, Any], experiment: str) -> Mapping[str, Any]:
    """What the file of experiments has under a name, its keys checked; a former name is told."""
    if now := (parameters.get("renamed") or {}).get(experiment):
        raise ValueError(f"experiment {experiment} is now called {now}")
    row = choose(experiment, parameters["experiments"], EXPERIMENTS) or {}
    for key in row:
        refuse_unknown(key, list(OF_ROW), f"{EXPERIMENTS}.{experiment}")
    known = [*networks(), *SYSTEMS]
    refuse_unknown(row.get("system", DEFAULT_SYSTEM), known, f"{EXPERIMENTS}.{experiment}.system")
    return row


def system_of(parameters: Mapping[str, Any], experiment: str) -> str:
    """The system of an experiment, which no cohort changes."""
    return str(own_row(parameters, run_of(experiment)[1]).get("system", DEFAULT_SYSTEM))


def run_of(base_model: str, cohort: str = "") -> tuple[str, str]:
    """The cohort and the experiment of a base model: COHORT/EXPERIMENT, or one of `cohort`."""
    other, _, experiment = base_model.rpartition("/")
    return other or cohort, experiment


def has_one_run(parameters: Mapping[str, Any], experiment: str) -> bool:
    """Whether one run stands for any seed: a linear baseline's, and one of all seeds together."""
    model = own_row(parameters, run_of(experiment)[1]).get("model") or {}
    return not is_seeded(system_of(parameters, experiment)) or bool(model.get("every_seed"))


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two levels of settings, sections key by key."""
    found = dict(under)
    for key, value in over.items():
        old = found.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        found[key] = merged(old, value) if both else value  # type: ignore[arg-type]
    return found


def _layers(
    parameters: Mapping[str, Any], name: str, row: Mapping[str, Any], system: str
) -> Iterator[Layer]:
    """From below to above."""
    bases = list(_bases(parameters))
    for key, base in bases:
        if kind_of(system) == NETWORK and "training" in base:
            yield key, {"training": base["training"]}
        yield f"{key}.systems.{system}", (base.get("systems") or {}).get(system) or {}
    yield f"experiments.{name}", row
    for key, base in bases:
        yield f"{key}.experiments.{name}", (base.get("experiments") or {}).get(name) or {}


def _bases(parameters: Mapping[str, Any]) -> Iterator[Layer]:
    """The cohort's profile, if it has one, and its own section `train`."""
    cohort = parameters["cohort"]
    section = choose(cohort, parameters["cohorts"], COHORTS)
    if profile := section.get("profile"):
        found = choose(profile, parameters.get("profiles") or {}, PROFILES)
        yield f"profiles.{profile}", _checked(found, parameters, f"{PROFILES}.{profile}")
    if train := section.get("train"):
        yield f"cohorts.{cohort}.train", _checked(train, parameters, f"{COHORTS}.{cohort}.train")


def _checked(
    base: Mapping[str, Any], parameters: Mapping[str, Any], source: str
) -> Mapping[str, Any]:
    for key in base:
        refuse_unknown(key, list(OF_PROFILE), source)
    known = {"systems": [*networks(), *SYSTEMS], "experiments": list(parameters["experiments"])}
    for kind, names in known.items():
        for name, layer in (base.get(kind) or {}).items():
            refuse_unknown(name, names, f"{source}.{kind}")
            for key in layer or {}:
                refuse_unknown(key, list(SECTIONS), f"{source}.{kind}.{name}")
    return base
