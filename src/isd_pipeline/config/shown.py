"""Every setting of an experiment on a cohort, and the file and key that it came from."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.loading import parameter_files, read_parameters
from isd_pipeline.config.reading import flatten
from isd_pipeline.config.rows import merged_row

DEFAULT = "default"


class Shown(NamedTuple):
    """A setting's value, and where it was given."""

    value: Any
    origin: str


def shown_settings(
    cohort: str, experiment: str, conf: Path, read: Mapping[str, Any] | None = None
) -> dict[str, Shown]:
    """By dotted name, those that are given first and then the defaults of the system.

    `read` are the parameters of `conf`, where they were read already.

    Raises:
        FileNotFoundError: there are no parameters in this folder.
        ValueError: in one line, for a name that is not there or a setting that does not fit, and
            where conf/local says what DVC reads in conf/base.
    """
    parameters = {**(read or read_parameters(conf)), "cohort": cohort, "experiment": experiment}
    files = dict(parameter_files(conf))
    row = merged_row(parameters)
    values = flatten(read_plan(parameters).settings)
    given = {}
    for name, key in row.origins.items():
        file = next((path for path in files if key in flatten(files[path])), "")
        given[name] = f"{file}: {key}" if "." in key else DEFAULT
    return {name: Shown(values[name], given[name]) for name in values if name in given} | {
        name: Shown(value, DEFAULT) for name, value in values.items() if name not in given
    }
