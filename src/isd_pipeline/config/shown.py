"""Every setting of an experiment on a cohort, and the file and key that it came from."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.reading import flatten
from isd_pipeline.config.rows import merged, merged_row

DEFAULT = "default"


class Shown(NamedTuple):
    """A setting's value, and where it was given."""

    value: Any
    origin: str


def shown_settings(cohort: str, experiment: str, conf: Path) -> dict[str, Shown]:
    """By dotted name, those that are given first and then the defaults of the system.

    Raises:
        FileNotFoundError: there are no parameters in this folder.
        ValueError: in one line, for a name that is not there or a setting that does not fit.
    """
    files = dict(_files(conf))
    parameters: dict[str, Any] = {}
    for content in files.values():
        parameters = merged(parameters, content)
    parameters |= {"cohort": cohort, "experiment": experiment}
    row = merged_row(parameters)
    values = flatten(read_plan(parameters).settings)
    given = {}
    for name, key in row.origins.items():
        file = next((path for path in reversed(files) if key in flatten(files[path])), "")
        given[name] = f"{file}: {key}" if "." in key else DEFAULT
    return {name: Shown(values[name], given[name]) for name in values if name in given} | {
        name: Shown(value, DEFAULT) for name, value in values.items() if name not in given
    }


def _files(conf: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The parameters' files; what conf/local says lies over conf/base, and comes last."""
    base, local = (sorted(conf.glob(f"{name}/parameters*.yml")) for name in ("base", "local"))
    if not base + local:
        raise FileNotFoundError(
            f"{conf}/base: no parameters here; run this in the project's folder"
        )
    for path in base + local:
        yield path, yaml.safe_load(path.read_text(encoding="utf-8")) or {}
