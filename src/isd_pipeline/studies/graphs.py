"""A study: the stages of one cohort over its own lists of experiments, floors and seeds.

DVC has no include. `studies/COHORT/dvc.yaml` is therefore written from `studies/stages.yaml`, with
a stage for each table of conf/base/parameters_tables.yml, and a test holds them together;
`studies/COHORT/study.yaml` is the part people edit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from isd_pipeline.config.reading import choose
from isd_pipeline.config.sections import (
    COHORTS,
    EXPERIMENTS,
    TABLES_FILE,
    is_generated,
    read_tables,
)
from isd_pipeline.data.io.files import write_text
from isd_pipeline.models.names import FLOORS, STACK

HEADER = "# Written by `isd study` from studies/stages.yaml and conf/base/parameters_tables.yml.\n"
LISTS = (
    "# What may be run on this cohort. Nothing is until something asks for it, as a table does.\n"
)
SEEDS = list(range(1, 11))  # the paper's number; study.yaml may have fewer


def render_study(lists: dict[str, Any], root: Path = Path()) -> str:
    """The text of `dvc.yaml` over these lists.

    A table whose rows they lack gets no stage, nor does a stack whose members they lack. Only a
    cohort of ours is generated: the raw files of the others are there or not.
    """
    stages = _read(root / "studies/stages.yaml")["stages"]
    pattern, stacking = stages.pop("TABLE"), stages.pop("STACK")
    stages = {name: stage for name, stage in stages.items() if _spans_something(stage, lists)}
    if not is_generated(_cohorts(root), lists["cohort"]):
        del stages["generate"]
    runs = {*lists["experiments"], *lists["floors"]}
    for name in lists.get("stacks", []):
        model = choose(name, _rows(root), EXPERIMENTS)["model"]
        if runs.issuperset(model["members"]):
            stages[name] = _stack_stage(stacking, name, model, lists["floors"])
    runs |= stages.keys() & set(lists.get("stacks", []))
    for name, table in read_tables(_read(root / TABLES_FILE)).items():
        if runs.issuperset(table.experiments):
            stages[name] = _table_stage(pattern, name, table.experiments)
    document = {
        "vars": ["study.yaml"],
        "stages": {name: {"wdir": "../..", **stage} for name, stage in stages.items()},
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def write_study(cohort: str, root: Path = Path()) -> Path:
    """Write `studies/COHORT/dvc.yaml`, and before it `study.yaml` where there is none."""
    choose(cohort, _cohorts(root), COHORTS)
    folder = root / "studies" / cohort
    if not (folder / "study.yaml").exists():
        lists = _everything(cohort, root)
        text = yaml.safe_dump(lists, sort_keys=False, default_flow_style=None, width=100)
        write_text(folder / "study.yaml", LISTS + text)
    write_text(folder / "dvc.yaml", render_study(_read(folder / "study.yaml"), root))
    return folder / "dvc.yaml"


def _everything(cohort: str, root: Path) -> dict[str, Any]:
    """The lists of a new study: every experiment there is, over the paper's ten seeds."""
    kinds = {name: (row or {}).get("system") for name, row in _rows(root).items()}
    return {
        "cohort": cohort,
        "experiments": [name for name, kind in kinds.items() if kind not in (*FLOORS, STACK)],
        "floors": [name for name, kind in kinds.items() if kind in FLOORS],
        "stacks": [name for name, kind in kinds.items() if kind == STACK],
        "seeds": SEEDS,
    }


def _stack_stage(
    pattern: dict[str, Any], name: str, model: dict[str, Any], floors: list[str]
) -> dict[str, Any]:
    """A stage that waits for its members: of the same seed, or of all; of a floor's only one."""
    stage = yaml.safe_load(yaml.safe_dump(pattern, sort_keys=False).replace("STACK", name))
    every_seed = model.get("every_seed", False)
    runs = "" if every_seed else "/seed_${item.seed}"
    folders = [one + ("/seed_1" if one in floors else runs) for one in model["members"]]
    deps = [dep for dep in stage["deps"] if "MEMBER" not in dep]
    for dep in (dep for dep in stage["deps"] if "MEMBER" in dep):
        deps += [dep.replace("MEMBER", folder) for folder in folders]
    return {**stage, "deps": deps, "matrix": {"seed": [1]} if every_seed else stage["matrix"]}


def _table_stage(pattern: dict[str, Any], name: str, rows: tuple[str, ...]) -> dict[str, Any]:
    stage = yaml.safe_load(yaml.safe_dump(pattern, sort_keys=False).replace("TABLE", name))
    deps: dict[str, None] = {}
    for dep in stage["deps"]:
        deps |= dict.fromkeys(dep.replace("ROW", row) for row in rows)
    return {**stage, "deps": list(deps)}


def _spans_something(stage: dict[str, Any], lists: dict[str, Any]) -> bool:
    """DVC refuses a matrix over an empty list."""
    spans = stage.get("matrix", {}).values()
    return all(lists.get(span.removeprefix("${").removesuffix("}")) for span in spans)


def _cohorts(root: Path) -> dict[str, Any]:
    cohorts: dict[str, Any] = _read(root / "conf/base/parameters_cohorts.yml")["cohorts"]
    return cohorts


def _rows(root: Path) -> dict[str, Any]:
    rows: dict[str, Any] = _read(root / "conf/base/parameters_experiments.yml")["experiments"]
    return rows


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
