"""DVC's graph and Kedro's are written apart; here they are held together."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from isd_pipeline.config.sections import read_tables

from isd_pipeline.studies.graphs import render_study

ROOT = Path(__file__).parents[2]
RUN = {"cohort": "synthetic", "experiment": "isd", "seed": 1, "table": "table3"}
STAGES = ("generate", "extract", "preprocess", "embed", "train", "evaluate", "floor", "stack")
STAGES += ("evidence",)
STUDIES = sorted(path.parent.name for path in ROOT.glob("studies/*/study.yaml"))


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def tables() -> dict:
    return read_tables(read("conf/base/parameters_tables.yml"))


def dvc_paths(stage: str, file: str = "studies/stages.yaml") -> tuple[set[str], set[str]]:
    """What a stage depends on and what it gives, for one cohort, experiment and seed."""
    settings = read(file)["stages"][{"stack": "STACK"}.get(stage, stage)]

    def paths(*sections: str) -> set[str]:
        listed = [entry for section in sections for entry in settings.get(section, [])]
        names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in listed]
        text = [
            name.replace("TABLE", "table3").replace("ROW", "isd").replace("STACK", "isd")
            for name in names
        ]
        return {re.sub(r"\$\{(?:item\.)?(\w+)\}", lambda m: str(RUN[m[1]]), name) for name in text}

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
    scores, models = "data/07_model_output/synthetic", "data/06_models/synthetic"
    if scores in reads:  # of all runs a stack reads its members'
        assert f"{scores}/MEMBER" in deps
    if models in reads:  # a stack's members' too, and it changes when they do
        assert f"{models}/isd/seed_1" in deps
    assert {path for path in reads - {scores, models} if not covered(path, deps)} == set()
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
    stages = read("studies/stages.yaml")["stages"]
    assert "search" not in stages
    _, found = kedro_paths("search")
    assert len(found) == 2
    for stage in STAGES:
        deps, outs = dvc_paths(stage)
        assert not [path for path in found if covered(path, deps | outs)]


PAGES = [("dvc.yaml", "demo"), ("studies/stages.yaml", "TABLE")]


@pytest.mark.parametrize(("file", "stage"), PAGES)
def test_a_stage_that_makes_a_page_watches_all_it_reads_and_of_the_runs_its_own(
    file: str, stage: str
) -> None:
    deps, outs = dvc_paths(stage, file)
    pipelines = re.search(r"--pipelines=([a-z,]+)", read(file)["stages"][stage]["cmd"])[1].split(
        ","
    )
    made = set().union(*(kedro_paths(name)[1] for name in pipelines))
    for name in pipelines:
        reads = kedro_paths(name)[0] - made
        rows = {"data/08_reporting/synthetic/runs", "data/07_model_output/synthetic"}
        assert {path for path in reads - rows if not covered(path, deps)} == set()
        assert f"src/isd_pipeline/pipelines/{name}" in deps
        for folder in reads & rows:
            assert {dep for dep in deps if dep.startswith(f"{folder}/")}
    assert outs <= made


def test_the_parameters_that_stages_watch_exist() -> None:
    stages = {**read("dvc.yaml")["stages"], **read("studies/synthetic/dvc.yaml")["stages"]}
    for settings in stages.values():
        for entry in settings.get("params", []):
            for file, keys in entry.items():
                content = read(file)
                for key in keys:
                    section, *name = key.split(".")
                    assert section in content, f"{file} has no {section}"
                    if name and not name[0].startswith("$"):
                        assert name[0] in content[section], f"{file} has no {key}"


def test_a_stack_waits_for_its_members_of_the_same_seed_and_for_a_floor() -> None:
    stages = read("studies/synthetic/dvc.yaml")["stages"]
    folder = "data/07_model_output/${cohort}/"
    waits = {dep for dep in stages["isd_with_words"]["deps"] if dep.startswith(folder)}
    assert waits == {
        f"{folder}isd_aligned/seed_${{item.seed}}",
        f"{folder}logistic_regression/seed_1",
    }
    assert "isd_with_words,seed=${item.seed}" in stages["isd_with_words"]["cmd"]


def test_a_stack_of_every_seed_waits_for_all_and_is_run_once() -> None:
    stage = read("studies/codiesp_50/dvc.yaml")["stages"]["isd_ensemble_with_words_and_titles"]
    folder = "data/07_model_output/${cohort}/"
    assert {dep for dep in stage["deps"] if dep.startswith(folder)} == {
        f"{folder}isd_aligned",
        f"{folder}isd_lstm_own_queries",
        f"{folder}logistic_regression/seed_1",
    }
    assert stage["matrix"] == {"seed": [1]}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_lists_what_exists_and_its_stages_are_those_of_all(study: str) -> None:
    lists = read(f"studies/{study}/study.yaml")
    experiments = read("conf/base/parameters_experiments.yml")["experiments"]
    assert lists["cohort"] == study
    assert study in read("conf/base/parameters_cohorts.yml")["cohorts"]
    listed = {*lists["experiments"], *lists["floors"], *lists.get("stacks", [])}
    assert listed <= set(experiments)
    assert (ROOT / "studies" / study / "dvc.yaml").read_text() == render_study(lists, ROOT)
    whole = {name for name, table in tables().items() if listed.issuperset(table.experiments)}
    assert tables().keys() & read(f"studies/{study}/dvc.yaml")["stages"].keys() == whole


def test_only_a_cohort_with_settings_to_generate_it_is_generated() -> None:
    generated = {
        study for study in STUDIES if "generate" in read(f"studies/{study}/dvc.yaml")["stages"]
    }
    cohorts = read("conf/base/parameters_cohorts.yml")["cohorts"]
    assert generated == {name for name in STUDIES if "generate" in cohorts[name]}
    assert "synthetic_3000" in generated


def test_a_new_study_spans_everything_and_an_old_one_keeps_its_lists(tmp_path: Path) -> None:
    from isd_pipeline.studies.graphs import write_study

    copy_graph(tmp_path)
    study = write_study("mimic3_50", tmp_path).with_name("study.yaml")
    lists = yaml.safe_load(study.read_text())
    assert lists["seeds"] == list(range(1, 11))
    rows = {row for table in tables().values() for row in table.experiments}
    assert rows <= {*lists["experiments"], *lists["floors"], *lists["stacks"]}

    study.write_text(yaml.safe_dump({**lists, "experiments": ["isd"], "floors": [], "seeds": [4]}))
    stages = yaml.safe_load(write_study("mimic3_50", tmp_path).read_text())["stages"]
    assert yaml.safe_load(study.read_text())["seeds"] == [4]
    assert "floor" not in stages  # DVC refuses a matrix over an empty list
    assert "table3" not in stages
    assert "isd_with_words" not in stages  # nothing would make its members
    assert "titles" in stages
    with pytest.raises(ValueError, match="no 'mimic3_5'; did you mean 'mimic3_50'"):
        write_study("mimic3_5", tmp_path)


def copy_graph(folder: Path) -> None:
    ignored = shutil.ignore_patterns("dvc.lock")
    for name in ("conf", "studies"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "dvc.yaml", folder)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    copy_graph(folder)
    dvc(folder, "init", "--no-scm", "-q")
    return folder


def dvc(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def trainings(graph: Path, target: str) -> set[str]:
    """The trainings a target asks for. DVC refuses where two stages have one output."""
    nodes = re.findall(r'^"([^"]*)";$', dvc(graph, "dag", "--dot", target), re.MULTILINE)
    return {node for node in nodes if ":train@" in node}


def test_a_table_asks_for_the_trainings_of_its_rows_and_for_nothing_else(graph: Path) -> None:
    seeds = read("studies/synthetic/study.yaml")["seeds"]
    assert len(seeds) == 10
    assert trainings(graph, "studies/synthetic/dvc.yaml:table3") == {
        f"studies/synthetic/dvc.yaml:train@{row}-{seed}"
        for row in tables()["table3"].experiments
        for seed in seeds
    }


def test_a_bare_repro_asks_for_the_demonstration_and_shares_its_trainings(graph: Path) -> None:
    assert set(read("dvc.yaml")["stages"]) == {"demo"}
    asked = trainings(graph, "dvc.yaml:demo")
    assert len(asked) == 4
    assert "studies/synthetic/dvc.yaml:train@isd-1" in asked


def test_the_catalogs_defaults_are_those_of_the_parameters() -> None:
    defaults = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())
    text = (ROOT / "conf/base/catalog.yml").read_text()
    found = set(re.findall(r"\$\{runtime_params:(\w+),(\w+)\}", text))
    assert found == {(name, str(defaults[name])) for name in RUN}


def test_listing_pipelines_imports_nothing_heavy() -> None:
    code = (
        "import sys; from isd_pipeline.pipelines import ("
        " compare, train, evaluate, floor, preprocess, report, search, table);"
        "pipelines = (compare, train, evaluate, floor, preprocess, report, search, table);"
        "[each.create_pipeline() for each in pipelines];"
        "heavy = {'torch', 'mlflow', 'gensim', 'sklearn', 'matplotlib', 'optuna'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
