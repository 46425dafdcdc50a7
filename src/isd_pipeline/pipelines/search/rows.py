"""The best row, written where Kedro and DVC find it and no comment of a person's can be lost."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from isd_pipeline.data.io.files import write_text

HEADER = (
    "# Written by `kedro run --pipelines=search`, which writes over an experiment's earlier row.\n"
    "# A row that is to stay moves to parameters_experiments.yml.\n"
)


def write_rows(rows: Mapping[str, Any], path: Path) -> None:
    """Put experiments among those that earlier searches wrote, a line each."""
    lines = [f"  {as_line(name, row)}\n" for name, row in {**read_rows(path), **rows}.items()]
    write_text(path, f"{HEADER}experiments:\n{''.join(lines)}")


def read_rows(path: Path) -> dict[str, Any]:
    """The experiments that searches wrote; none where there is no file."""
    content = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else None
    return (content or {}).get("experiments") or {}


def as_line(name: str, row: Mapping[str, Any]) -> str:
    """A row as people write it in conf/base/parameters_experiments.yml."""
    told = yaml.safe_dump(dict(row), default_flow_style=True, sort_keys=False, width=math.inf)
    return f"{name}: {told.strip()}"
