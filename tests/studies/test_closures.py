"""What a stage watches is what its nodes import, no more and no less."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from isd_pipeline.models import registry as networks
from isd_pipeline.predictors.registry import SYSTEMS, module_name
from isd_pipeline.studies.closures import closure, code_hash, code_of

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
PREFIX = "src/isd_pipeline/"
# They say by name where code is, which is watched.
LEFT_OUT = {"isd_pipeline", "isd_pipeline.models.registry"}


def code(*pipelines: str, systems: tuple[str, ...] = ()) -> set[str]:
    return {path.removeprefix(PREFIX) for path in code_of(pipelines, systems, ROOT)}


@cache
def file_of(module: str) -> Path | None:
    path = SRC.joinpath(*module.split("."))
    for file in (path / "__init__.py", path.with_suffix(".py")):
        if file.exists():
            return file
    return None


@cache
def imports_of(file: Path) -> set[str]:
    """The modules of this package that a file imports, by a reading of its own: no grimp."""
    found: set[str] = set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for part in node.body
        for inner in ast.walk(part)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if file_of(name) else node.module for name in inner}
    return {name for name in found if name.split(".")[0] == "isd_pipeline"}


def reached(start: set[str]) -> set[Path]:
    """Every file that is reached from some modules, those of packages without code left out."""
    waiting, seen = list(start), set()
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            parts = module.split(".")
            waiting += [".".join(parts[:n]) for n in range(1, len(parts))]
            waiting += imports_of(file_of(module))
    files = {file_of(module) for module in seen - LEFT_OUT}
    return {file for file in files if file.name != "__init__.py" or says_more(file)}


@cache
def says_more(file: Path) -> bool:
    """Whether a package's file has more than a docstring and a version."""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    return any(isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef) for node in body)


def seeds(pipelines: list[str], systems: tuple[str, ...]) -> set[str]:
    """Where a stage's code starts: its nodes, its files' readers and writers, its systems."""
    from importlib import import_module

    catalog = read("conf/base/catalog.yml")
    found = {f"isd_pipeline.pipelines.{name}.pipeline" for name in pipelines}
    for name in pipelines:
        made = import_module(f"isd_pipeline.pipelines.{name}").create_pipeline()
        entries = [("load", made.datasets()), ("save", made.all_outputs())]
        for way, datasets in entries:
            for one in datasets & catalog.keys():
                module = catalog[one].get(way, "").partition(":")[0]
                found |= {module} if module.startswith("isd_pipeline.") else set()
    for system in systems:
        found.add(module_name(system))
        if system in networks.names():
            found.add(networks.module_name(system))
    return found


@cache
def read(name: str) -> dict:
    return yaml.load((ROOT / name).read_text(), Loader=yaml.CSafeLoader)


def stages() -> list[tuple[str, dict]]:
    found = read("studies/synthetic/dvc.yaml")["stages"]
    return [*found.items(), *read("dvc.yaml")["stages"].items()]


@pytest.mark.parametrize(("name", "stage"), stages(), ids=[name for name, _ in stages()])
def test_a_stage_watches_the_closure_and_nothing_else(name: str, stage: dict) -> None:
    """Missing or superfluous: recomputed here by another reading of the sources than grimp's."""
    pipelines = re.search(r"--pipelines=([a-z,]+)", stage["cmd"])[1].split(",")
    experiments = read("conf/base/parameters_experiments.yml")["experiments"]
    rows = {name: row or {} for name, row in experiments.items()}
    names = stage.get("matrix", {}).get("experiment", [])
    if "evidence" in pipelines:  # the code of its base models explains it too
        names = [
            *names,
            *(b for n in names for b in rows[n].get("model", {}).get("base_models", ())),
        ]
    systems = {rows[name].get("system", "isd") for name in names}
    wanted = {
        f"src/{f.relative_to(SRC).as_posix()}" for f in reached(seeds(pipelines, (*systems,)))
    }
    watched = {dep for dep in stage["deps"] if dep.startswith("src/")}
    files = {dep for dep in watched if dep.endswith((".jinja", ".js", ".toml"))}
    assert watched - files == wanted
    named = {Path(dep).name for dep in files}
    texts = "".join((ROOT / path).read_text() for path in wanted)
    opened = {n.rpartition("/")[2] for n in re.findall(r'"([\w/]+\.(?:jinja|js|toml))"', texts)}
    assert named == opened - {"pyproject.toml"}  # which tells the project's folder and no more


def test_a_training_watches_its_own_system_and_no_other() -> None:
    own = code("train", systems=("laat",))
    assert {"models/laat.py", "predictors/network.py", "training/loop.py"} <= own
    others = {f"models/{name}.py" for name in ("caml", "cnn_gru", "ha_gru", "hypercore")}
    assert not own & (others | {"predictors/ensemble.py", "predictors/linear.py"})
    assert not [path for path in own if path.startswith(("models/isd", "synthetic/", "reports/"))]


def test_a_new_line_of_the_registry_makes_no_training_stale() -> None:
    """Where a line leads is in the closure by itself."""
    for system in networks.names():
        found = code("train", systems=(system,))
        assert "models/registry.py" not in found
        own = networks.module_name(system).removeprefix("isd_pipeline.").replace(".", "/")
        assert f"{own}.py" in found


def test_what_chooses_the_kept_epoch_is_watched_by_every_training() -> None:
    for system in (*networks.names(), *SYSTEMS):
        assert {"evaluation/metrics.py", "evaluation/thresholds.py"} <= code(
            "train", systems=(system,)
        )


def test_extraction_watches_no_synthetic_phrase_and_generation_no_reader_of_mimic_iv() -> None:
    assert not [path for path in code("extract") if path.startswith("synthetic/")]
    assert [path for path in code("generate") if path.startswith("synthetic/")]


def test_evaluation_and_evidence_watch_the_code_of_the_model_that_they_read() -> None:
    for pipeline in ("evaluate", "evidence"):
        assert {"models/laat.py", "predictors/attention.py"} <= code(pipeline, systems=("laat",))


def test_the_closure_holds_all_that_a_stages_nodes_do_import() -> None:
    """What Python itself loads for a node is in the closure of its module."""
    command = (
        "import sys; import isd_pipeline.pipelines.train.nodes;"
        "print(*[name for name in sys.modules if name.startswith('isd_pipeline')])"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True
    )
    found = closure(("isd_pipeline.pipelines.train.nodes",))
    silent = {n for n in loaded.stdout.split() if file_of(n).name == "__init__.py"} - found
    assert {*loaded.stdout.split()} - silent - LEFT_OUT <= found
    assert not [name for name in silent - LEFT_OUT if says_more(file_of(name))]


def test_the_hash_of_code_changes_with_a_byte_and_with_a_name(tmp_path: Path) -> None:
    for name, text in (("a.py", "x = 1\n"), ("b.py", "x = 1\n"), ("c.py", "x = 2\n")):
        (tmp_path / name).write_text(text)
    hashes = {code_hash([name], tmp_path) for name in ("a.py", "b.py", "c.py")}
    assert len(hashes | {code_hash(["a.py", "b.py"], tmp_path)}) == 4
    assert code_hash(["a.py", "b.py"], tmp_path) == code_hash(["b.py", "a.py"], tmp_path)
