"""Rows, profiles, cohorts > the merged settings of every experiment, a file each."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from isd_pipeline.config.reading import plain
from isd_pipeline.config.rows import merged_row
from isd_pipeline.data.io.files import replacing, write_json


def merge_settings(parameters: Mapping[str, Any]) -> Callable[[Path], None]:
    """What writes a file for every experiment into a folder; titles and notes change nothing."""
    names = parameters["experiments"]
    merged = {name: plain(merged_row(parameters, name).settings) for name in names}

    def write(folder: Path) -> None:
        with replacing(folder) as temporary:
            temporary.mkdir()
            for name, settings in merged.items():
                write_json(temporary / f"{name}.json", settings)

    return write
