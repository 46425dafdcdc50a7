"""Who computes what can be computed part by part."""

from collections.abc import Mapping
from typing import Any

from isd_pipeline.config.reading import read_config
from isd_pipeline.data.io.parts import Engine

SOURCE = "conf/base/parameters.yml: engine"


def read_engine(section: Mapping[str, Any] | str | None) -> Engine:
    """The engine of a section; of its name alone with every other setting as it is by default."""
    return read_config(Engine, {"name": section} if isinstance(section, str) else section, SOURCE)
