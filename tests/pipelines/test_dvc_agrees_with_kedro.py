"""DVC's graph and Kedro's are written apart; here they are held together."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RUN = {"cohort": "synthetic", "experiment": "isd", "seed": 1}
STAGES = ("extract", "preprocess", "embed", "train", "evaluate", "floor", "compare", "report")


def dvc_paths(stage: str) -> tuple[set[str], set[str]]:
    """What a stage depends on and what it gives, for one cohort, experiment and seed."""
    settings = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]

    def paths(*sections: str) -> set[str]:
        listed = [entry for section in sections for entry in settings.get(section, [])]
        names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in listed]
        return {re.sub(r"\$\{item\.(\w+)\}", lambda m: str(RUN[m[1]]), name) for name in names}

    return paths("deps"), paths("outs", "metrics", "plots")


def kedro_paths(stage: str) -> tuple[set[str], set[str]]:
    """What a pipeline reads and what it writes, by the catalog."""
    from importlib import import_module

    pipeline = import_module(f"isd_pipeline.pipelines.{stage}").create_pipeline()
    catalog = yaml.safe_load((ROOT / "conf/base/catalog.yml").read_text())

    def paths(names: set[str]) -> set[str]:
        entries = [catalog[name]["filepath"] for name in names if name in catalog]
        return {
            re.sub(r"\$\{runtime_params:(\w+),\w+\}", lambda m: str(RUN[m[1]]), e) for e in entries
        }

    return paths(pipeline.inputs()), paths(pipeline.all_outputs())


def covered(path: str, by: set[str]) -> bool:
    """Whether a path is listed, or lies in a listed folder."""
    return any(path == listed or path.startswith(f"{listed}/") for listed in by)


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_knows_everything_that_a_pipeline_reads_and_writes(stage: str) -> None:
    deps, outs = dvc_paths(stage)
    reads, writes = kedro_paths(stage)
    assert {path for path in reads if not covered(path, deps)} == set()
    assert {path for path in writes if not covered(path, outs)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_dvc_promises_no_file_that_its_pipeline_does_not_write(stage: str) -> None:
    _, outs = dvc_paths(stage)
    _, writes = kedro_paths(stage)
    assert {out for out in outs if not any(covered(path, {out}) for path in writes)} == set()


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_watches_its_own_code(stage: str) -> None:
    deps, _ = dvc_paths(stage)
    assert f"src/isd_pipeline/pipelines/{stage}" in deps
    assert all((ROOT / dep).exists() for dep in deps if dep.startswith("src/"))


def test_a_search_is_no_stage_and_touches_nothing_that_a_stage_reads_or_gives() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert "search" not in stages
    _, found = kedro_paths("search")
    assert len(found) == 2
    for stage in STAGES:
        deps, outs = dvc_paths(stage)
        assert not [path for path in found if covered(path, deps | outs)]


def test_the_parameters_that_stages_watch_exist() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for settings in stages.values():
        for entry in settings.get("params", []):
            for file, keys in entry.items():
                content = yaml.safe_load((ROOT / file).read_text())
                for key in keys:
                    first, *_ = key.split(".")
                    assert first in content, f"{file} has no {first}"


def test_every_listed_experiment_and_cohort_exists() -> None:
    def read(name: str) -> dict:
        return yaml.safe_load((ROOT / "conf/base" / name).read_text())

    experiments = read("parameters_experiments.yml")["experiments"]
    cohorts = read("parameters_cohorts.yml")["cohorts"]
    lists = [read("parameters.yml")["repro"]]
    lists += [yaml.safe_load(p.read_text())["repro"] for p in ROOT.glob("studies/*/study.yaml")]
    for spanned in lists:
        assert set(spanned["cohorts"]) <= set(cohorts)
        assert set(spanned["experiments"]) | set(spanned["floors"]) <= set(experiments)


def test_the_catalogs_defaults_are_those_of_the_parameters() -> None:
    defaults = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())
    text = (ROOT / "conf/base/catalog.yml").read_text()
    found = set(re.findall(r"\$\{runtime_params:(\w+),(\w+)\}", text))
    assert found == {(name, str(defaults[name])) for name in RUN}


@pytest.mark.parametrize("study", [path.name for path in ROOT.glob("studies/*")])
def test_a_study_runs_the_stages_of_the_root(study: str) -> None:
    from isd_pipeline.pipelines.studies import render_study

    assert (ROOT / "studies" / study / "dvc.yaml").read_text() == render_study(study, ROOT)


def test_listing_pipelines_imports_nothing_heavy() -> None:
    code = (
        "import sys; from isd_pipeline.pipelines import compare, train, evaluate, floor;"
        "from isd_pipeline.pipelines import preprocess, report, search;"
        "stages = (compare, train, evaluate, floor, preprocess, report, search);"
        "[p.create_pipeline() for p in stages];"
        "heavy = {'torch', 'mlflow', 'gensim', 'sklearn', 'matplotlib', 'optuna'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
