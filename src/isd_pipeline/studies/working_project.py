"""A project folder for one piece of work: this project's settings and code, data of its own.

So the stages are Kedro's and the settings stand in a conf/base, as everywhere, and nothing of the
project itself is touched.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from isd_pipeline.data.io.files import write_text


def make_project(project: Path, root: Path, sections: Mapping[str, Mapping[str, Any]]) -> None:
    """Settings of the project `root`, its sources by a link, and the sections of cohorts."""
    (project / "src").mkdir(parents=True)
    shutil.copytree(root / "conf", project / "conf")
    for name in ("pyproject.toml", "src/isd_pipeline"):
        (project / name).symlink_to((root / name).resolve())
    (project / "data").mkdir()
    write_text(project / "conf/local/tracking.yml", 'uri: ""\n')
    for cohort, section in sections.items():
        write_section(project, cohort, section)


def write_section(project: Path, cohort: str, section: Mapping[str, Any]) -> Path:
    """Write a cohort's section into a file of its own; its path."""
    path = project / f"conf/base/parameters_cohorts_{cohort}.yml"
    text = yaml.safe_dump({"cohorts": {cohort: dict(section)}}, sort_keys=False, allow_unicode=True)
    write_text(path, text)
    return path
