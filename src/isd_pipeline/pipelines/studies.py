"""A study: the project's `dvc.yaml` over its own lists of cohorts, experiments and seeds.

DVC has no include. `studies/NAME/dvc.yaml` is therefore written from the one at the root, and a
test holds the two together; `studies/NAME/study.yaml` is the part people edit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from isd_pipeline.data.files import write_text

HEADER = "# Written from the root's dvc.yaml by `isd study {name}`; edit study.yaml, or that one.\n"


def render_study(name: str, root: Path = Path()) -> str:
    """The text of `studies/NAME/dvc.yaml`: the root's stages, run from the root."""
    stages = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    lists = yaml.safe_load((root / "studies" / name / "study.yaml").read_text(encoding="utf-8"))
    document = {
        "vars": ["study.yaml"],
        "stages": {
            stage: {"wdir": "../..", **settings}
            for stage, settings in stages.items()
            if _has_work(settings, lists["repro"])
        },
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    return HEADER.format(name=name) + text


def write_study(name: str, root: Path = Path()) -> Path:
    """Write `studies/NAME/dvc.yaml` and return its path."""
    path = root / "studies" / name / "dvc.yaml"
    write_text(path, render_study(name, root))
    return path


def _has_work(stage: dict[str, Any], lists: dict[str, Any]) -> bool:
    """The synthetic hospital is made only for a study of it; an empty list spans nothing."""
    if "matrix" not in stage:
        return "synthetic" in lists["cohorts"]
    keys = [value.removeprefix("${repro.").removesuffix("}") for value in stage["matrix"].values()]
    return all(lists[key] for key in keys)
