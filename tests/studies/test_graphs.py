"""DVC's graph is written from Kedro's pipelines, the catalog and the rows, and held to them."""

import re
import shutil
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from isd_pipeline.config.reports import read_tables
from isd_pipeline.pipelines.evaluate.nodes import HEADLINE
from isd_pipeline.predictors.registry import MENTIONS, READS, kind_of
from isd_pipeline.studies.graphs import Study, render_demo, render_study, write_study

ROOT = Path(__file__).parents[2]
RUN = {"cohort": "synthetic", "experiment": "isd", "seed": 1, "table": "table3"}
RUN["results"] = "results"
PLAIN = ("settings", "generate", "extract", "preprocess", "embed")
OF_RUNS = ("train_isd", "train_isd_marked", "train_logistic_regression", "train_ensemble_isd")
OF_RUNS += ("evaluate_isd", "evaluate_ensemble", "evidence_isd")
STUDIES = sorted(path.parent.name for path in ROOT.glob("studies/*/study.yaml"))
OF_MENTIONS = ("exact", "phrases", "predictor", "similar", "trees")
SCORES, MODELS = "data/07_model_output/synthetic", "data/06_models/synthetic"
OTHER_COHORTS = "data"  # of which a training of views alone reads some files


@cache
def read(name: str) -> dict:
    return yaml.load((ROOT / name).read_text(), Loader=yaml.CSafeLoader)


def tables() -> dict:
    return read_tables(read("conf/base/parameters_tables.yml"))


def all_rows() -> dict:
    """A study of every row that another cohort lists, too."""
    listed = read("studies/synthetic_3000/study.yaml")
    marked = ["bilstm_label_attention_marked", "isd_aligned_marked"]
    rows = [*listed["experiments"], *marked]
    return {**listed, "cohort": "synthetic", "experiments": rows, "seeds": list(range(1, 11))}


@pytest.fixture(scope="module")
def stages() -> dict:
    return Study(all_rows(), ROOT).stages()


def names(entries: list) -> set[str]:
    """Paths, of entries that may have settings."""
    return {entry if isinstance(entry, str) else next(iter(entry)) for entry in entries}


def dvc_paths(stage: dict) -> tuple[set[str], set[str]]:
    """The files that a stage reads and gives, for one experiment and seed; not the code."""

    def paths(*sections: str) -> set[str]:
        listed = names([entry for section in sections for entry in stage.get(section, [])])
        filled = {re.sub(r"\$\{(?:item\.)?(\w+)\}", lambda m: str(RUN[m[1]]), n) for n in listed}
        return {path for path in filled if not path.startswith(("src/", "conf/"))}

    return paths("deps", "params"), paths("outs", "metrics", "plots")


def kedro_paths(*pipelines: str, **run: str) -> tuple[dict[str, str], dict[str, str]]:
    """What pipelines read and write, by the catalog."""
    catalog = read("conf/base/catalog.yml")
    made = [import_module(f"isd_pipeline.pipelines.{one}").create_pipeline() for one in pipelines]
    written = set().union(*(one.all_outputs() for one in made))
    read_here = set().union(*(one.inputs() for one in made)) - written
    chosen = {**RUN, **run}

    def paths(datasets: set[str]) -> dict[str, str]:
        entries = {name: catalog[name]["filepath"] for name in datasets if name in catalog}
        filled = {
            name: re.sub(r"\$\{runtime_params:(\w+),\w+\}", lambda m: str(chosen[m[1]]), path)
            for name, path in entries.items()
        }
        return filled

    return paths(read_here), paths(written)


def covered(path: str, by: set[str]) -> bool:
    """Whether a path is listed, lies in a listed folder, or is one of which files are listed."""
    return any(
        path == one or path.startswith(f"{one}/") or one.startswith(f"{path}/") for one in by
    )


def pipelines_of(stage: dict) -> list[str]:
    return re.search(r"--pipelines=([a-z,]+)", stage["cmd"])[1].split(",")


@pytest.mark.parametrize("name", PLAIN + OF_RUNS)
def test_dvc_knows_everything_that_a_pipeline_reads_and_writes(name: str, stages: dict) -> None:
    deps, outs = dvc_paths(stages[name])
    reads, writes = kedro_paths(*pipelines_of(stages[name]))
    if name.startswith("train_"):  # of what may be read, the system's kind reads its own
        system = {"ensemble_isd": "ensemble", "isd_marked": "isd"}.get(name[6:], name[6:])
        own = {*READS[kind_of(system)], *(MENTIONS if name.endswith("_marked") else ())}
        lazy = set().union(*READS.values(), MENTIONS) - own
        reads = {dataset: path for dataset, path in reads.items() if dataset not in lazy}
    reads = {d: path for d, path in reads.items() if path not in (MODELS, OTHER_COHORTS)}
    assert {path for path in reads.values() if not covered(path, deps)} == set()
    assert {path for path in writes.values() if not covered(path, outs)} == set()


@pytest.mark.parametrize("name", PLAIN + OF_RUNS)
def test_dvc_watches_no_file_that_is_not_read_and_promises_none_that_is_not_written(
    name: str, stages: dict
) -> None:
    deps, outs = dvc_paths(stages[name])
    reads, writes = kedro_paths(*pipelines_of(stages[name]))
    reads = {dataset: path for dataset, path in reads.items() if path != OTHER_COHORTS}
    allowed = {*reads.values(), "data/01_raw/synthetic", "data/05_settings/synthetic"}
    assert {path for path in deps if not covered(path, allowed)} == set()
    assert {
        out for out in outs if not any(covered(path, {out}) for path in writes.values())
    } == set()


def test_only_a_training_that_learns_from_marks_waits_for_the_mentions(stages: dict) -> None:
    waiting = {
        name
        for name, stage in stages.items()
        if name.startswith("train_") and any("mentions.parquet" in dep for dep in stage["deps"])
    }
    assert waiting == {"train_isd_marked", "train_isd_lstm_marked"}
    assert stages["train_isd_marked"]["matrix"]["experiment"] == ["isd_aligned_marked"]
    assert "isd_aligned_marked" in stages["evaluate_isd"]["matrix"]["experiment"]


def test_the_mention_dictionary_waits_for_the_mentions_and_watches_its_own_code() -> None:
    lists = {"cohort": "cantemist", "seeds": [1, 2]}
    lists["experiments"] = ["mention_dictionary", "logistic_regression", "isd_aligned"]
    made = Study(lists, ROOT).stages()
    stage = made["train_mention_dictionary_marked"]
    files = {"data/02_intermediate/${cohort}/mentions.parquet"}
    files |= {f"src/isd_pipeline/predictors/mentions/{name}.py" for name in OF_MENTIONS}
    assert files <= names(stage["deps"])
    assert stage["matrix"] == {"experiment": ["mention_dictionary"], "seed": [1]}
    for other in ("train_logistic_regression", "train_isd"):
        assert not files & names(made[other]["deps"])


def test_a_last_training_waits_for_the_first_and_no_other_training_does(stages: dict) -> None:
    lists = {"experiments": ["logistic_regression", "ensemble_words"], "seeds": [1]}
    found = Study({**lists, "cohort": "codiesp_es_full_last"}).stages()
    run = "codiesp_es_full/${item.experiment}/seed_${item.seed}"
    prepared = [
        f"data/{part}"
        for part in ("03_primary/codiesp_es_full/code_index.json", "05_model_input/codiesp_es_full")
    ]
    for name, stage in found.items():
        elsewhere = [dep for dep in stage["deps"] if "codiesp_es_full/" in f"{dep}/"]
        if name.startswith("evaluate_"):
            assert elsewhere == [*prepared, f"data/07_model_output/{run}"]
        else:
            weighed = name == "train_ensemble_words"
            assert elsewhere == ([*prepared, f"data/06_models/{run}"] if weighed else [])
    first = Study({**lists, "cohort": "codiesp_es_full"}).stages()
    assert not [d for stage in first.values() for d in stage["deps"] if "_last" in d]


def test_a_search_is_no_stage_and_touches_nothing_that_a_stage_reads_or_gives(
    stages: dict,
) -> None:
    assert not [name for name, stage in stages.items() if "search" in pipelines_of(stage)]
    _, found = kedro_paths("search")
    assert len(found) == 2
    for stage in stages.values():
        deps, outs = dvc_paths(stage)
        assert not [path for path in found.values() if path in deps | outs]


@pytest.mark.parametrize("name", ["demo", "table3"])
def test_a_stage_that_makes_a_page_watches_all_it_reads_and_of_the_runs_its_own(
    name: str, stages: dict
) -> None:
    stage = {**stages, **read("dvc.yaml")["stages"]}[name]
    deps, _ = dvc_paths(stage)
    reads, _ = kedro_paths(*pipelines_of(stage))
    of_runs = {"evaluated_runs", "code_tables", "scores_of_runs", "replicates_of_runs"}
    own = {dataset: path for dataset, path in reads.items() if dataset not in of_runs}
    record = {path for path in own.values() if path.startswith("results/")}  # added to, not watched
    assert {path for path in own.values() if not covered(path, deps)} <= record
    for folder in {reads[dataset] for dataset in of_runs}:
        assert {dep for dep in deps if dep.startswith(f"{folder}/")}


def test_what_dvc_calls_a_metric_is_a_short_row_of_a_run_and_it_draws_no_page_that_loads_scripts(
    stages: dict,
) -> None:
    metrics = {name: names(one["metrics"]) for name, one in stages.items() if "metrics" in one}
    assert metrics
    for name, files in metrics.items():
        assert name.startswith("evaluate_")
        assert {Path(one).name for one in files} == {"headline.json"}
    assert len(HEADLINE) <= 9  # and a column for the path
    assert not [name for name, stage in stages.items() if "plots" in stage]


def test_the_demonstration_writes_no_file_that_is_in_git() -> None:
    stage = read("dvc.yaml")["stages"]["demo"]
    assert stage["cmd"].endswith(",results=data/results")
    _, written = kedro_paths(*pipelines_of(stage), results="data/results")
    assert len(written) > 5
    assert [path for path in written.values() if not path.startswith("data/")] == []


def test_the_parameters_that_stages_watch_exist(stages: dict) -> None:
    for settings in {**read("dvc.yaml")["stages"], **stages}.values():
        for entry in settings.get("params", []):
            for file, keys in entry.items():
                if file.startswith("data/"):  # the whole of what the stage `settings` gives
                    assert keys is None
                    continue
                for key in keys:
                    section = read(file)
                    for part in key.replace("${cohort}", "synthetic").split("."):
                        assert part in section, f"{file} has no {key}"
                        section = section[part]


def test_every_cohort_has_the_section_by_which_its_runs_are_measured_and_shown() -> None:
    """DVC refuses a stage that watches a key that is not there."""
    cohorts = read("conf/base/parameters_cohorts.yml")["cohorts"]
    assert not [name for name, section in cohorts.items() if "report" not in section]


def test_a_cohort_of_ones_own_is_watched_in_its_own_file_and_its_raw_data_where_they_lie(
    tmp_path: Path,
) -> None:
    copy_graph(tmp_path)
    own = tmp_path / "conf/base/parameters_cohorts_own.yml"
    extract = {"source": "custom", "raw": "/elsewhere/own"}
    extract |= {"codes": "listed", "codes_file": "lists/mine.txt"}
    section = {"extract": extract, "report": {"k": 5}}
    own.write_text(yaml.safe_dump({"cohorts": {"own": section}}))
    found = Study({"cohort": "own", "experiments": ["isd"], "seeds": [1]}, tmp_path).stages()
    file = "conf/base/parameters_cohorts_own.yml"
    assert "conf/base/parameters_cohorts.yml" not in yaml.safe_dump(found)
    assert found["extract"]["params"] == [{file: ["cohorts.${cohort}.extract"]}]
    # DVC refuses a key that is not there: all of the cohort is watched where a section is wanting
    assert found["embed"]["params"] == [{file: ["cohorts.${cohort}"]}]
    assert "/elsewhere/own" in found["extract"]["deps"]
    assert "data/01_raw/${cohort}" not in found["extract"]["deps"]
    assert [name for name in found if "lists/mine.txt" in found[name]["deps"]] == ["preprocess"]
    counted = "data/03_primary/${cohort}/counts.json"  # by which its settings are chosen
    sizes = "conf/base/parameters_sizes.yml"
    for stage in ("settings", "embed"):
        assert {counted, sizes} <= {*found[stage]["deps"]}
    assert {file, "conf/base/parameters_experiments.yml"} <= {*found["settings"]["deps"]}


def test_a_study_in_the_folder_of_another_cohort_is_refused(tmp_path: Path) -> None:
    copy_graph(tmp_path)
    (tmp_path / "studies/codiesp_50/study.yaml").write_text(
        yaml.safe_dump({"cohort": "synthetic", "experiments": ["isd"], "seeds": [1]})
    )
    with pytest.raises(ValueError, match="cohort: synthetic, in the folder of codiesp_50"):
        write_study("codiesp_50", tmp_path)


@pytest.mark.parametrize("seed", ["one", 1.5, True])
def test_a_seed_of_a_study_is_a_whole_number(seed: object) -> None:
    with pytest.raises(ValueError, match="is no whole number"):
        Study({"cohort": "synthetic", "experiments": ["isd"], "seeds": [seed]}, ROOT)


def test_an_ensemble_waits_for_its_base_models_of_the_same_seed_and_for_a_baselines_only_one(
    stages: dict,
) -> None:
    stage = stages["train_ensemble_isd_words"]
    folder = "data/07_model_output/${cohort}/"
    assert {dep for dep in stage["deps"] if dep.startswith(folder)} == {
        f"{folder}isd_aligned/seed_${{item.seed}}",
        f"{folder}logistic_regression/seed_1",
    }


def test_an_ensemble_of_two_views_waits_for_the_other_cohorts_run_documents_and_codes() -> None:
    lists = read("studies/codiesp_es_full/study.yaml")
    made = {**lists, "experiments": [*lists["experiments"], "two_views"]}
    found = Study(made, ROOT).stages()["train_two_views"]
    assert {dep for dep in found["deps"] if "/codiesp_full" in dep} == {
        "data/03_primary/codiesp_full/code_index.json",
        "data/05_model_input/codiesp_full",
        "data/07_model_output/codiesp_full/ensemble_mentions_descriptions/seed_${item.seed}",
    }
    own = "data/07_model_output/${cohort}/"
    assert [dep for dep in found["deps"] if dep.startswith(own)] == [
        f"{own}ensemble_mentions/seed_${{item.seed}}"
    ]


def test_two_views_are_no_stage_of_a_cohort_that_is_neither(stages: dict) -> None:
    for cohort, experiments in (("cantemist", ["ensemble_words"]), ("codiesp_es_full", [])):
        lists = {"cohort": cohort, "experiments": [*experiments, "two_views"], "seeds": [1]}
        assert "train_two_views" not in Study(lists, ROOT).stages()
    assert "train_two_views" not in stages


def test_an_ensemble_of_every_seed_waits_for_all_and_is_run_once(stages: dict) -> None:
    stage = stages["train_ensemble_pair_all_seeds"]
    folder = "data/07_model_output/${cohort}/"
    assert {dep for dep in stage["deps"] if dep.startswith(folder)} == {
        f"{folder}isd_aligned",
        f"{folder}bilstm_label_attention",
        f"{folder}logistic_regression/seed_1",
    }
    assert stage["matrix"]["seed"] == [1]


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_lists_what_exists_and_its_tables_are_those_whose_rows_it_lists(study: str) -> None:
    lists = read(f"studies/{study}/study.yaml")
    assert lists["cohort"] == study
    assert study in read("conf/base/parameters_cohorts.yml")["cohorts"]
    whole = {
        name
        for name, table in tables().items()
        if set(lists["experiments"]) >= {*table.experiments}
    }
    made = Study(lists, ROOT).stages()
    assert tables().keys() & made.keys() == whole & {*lists.get("tables", whole)}
    generated = "generate" in read("conf/base/parameters_cohorts.yml")["cohorts"][study]
    assert ("generate" in made) == generated


def test_the_written_graphs_are_those_of_the_code_and_the_rows_as_they_are() -> None:
    """A new import or a new row asks for `isd study`: then this fails until it was run."""
    for path in ROOT.glob("studies/*/dvc.yaml"):
        assert path.read_text() == render_study(
            read(f"studies/{path.parent.name}/study.yaml"), ROOT
        )
    assert (ROOT / "dvc.yaml").read_text() == render_demo(ROOT)


def test_a_new_study_spans_everything_and_an_old_one_keeps_its_lists(tmp_path: Path) -> None:
    copy_graph(tmp_path)
    study = write_study("mimic3_50", tmp_path).with_name("study.yaml")
    lists = yaml.safe_load(study.read_text())
    assert lists["seeds"] == list(range(1, 11))
    assert {row for table in tables().values() for row in table.experiments} <= {
        *lists["experiments"]
    }
    few = ["isd", "ensemble_isd_words", "code_descriptions"]
    study.write_text(yaml.safe_dump({**lists, "experiments": few, "seeds": [4]}))
    stages = yaml.safe_load(write_study("mimic3_50", tmp_path).read_text())["stages"]
    assert yaml.safe_load(study.read_text())["seeds"] == [4]
    assert {name for name in stages if name.startswith("train_")} == {"train_isd", "train_ensemble"}
    assert stages["train_ensemble"]["matrix"]["experiment"] == ["code_descriptions"]
    assert "table3" not in stages
    with pytest.raises(ValueError, match="no 'mimic3_5'; did you mean 'mimic3_50'"):
        write_study("mimic3_5", tmp_path)


def test_a_misspelt_list_or_experiment_of_a_study_is_one_line(tmp_path: Path) -> None:
    copy_graph(tmp_path)
    path = write_study("mimic3_50", tmp_path).with_name("study.yaml")
    for wrong, told in (
        (
            {"experimints": ["isd"], "experiments": []},
            "no 'experimints'; did you mean 'experiments'",
        ),
        ({"experiments": ["isd_alignd"]}, "no 'isd_alignd'; did you mean 'isd_aligned'"),
    ):
        path.write_text(yaml.safe_dump({"cohort": "mimic3_50", "seeds": [1], **wrong}))
        with pytest.raises(ValueError, match=told):
            write_study("mimic3_50", tmp_path)


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
    return {node for node in nodes if ":train_" in node}


def test_a_table_asks_for_the_trainings_of_its_rows_and_for_nothing_else(graph: Path) -> None:
    rows = [*tables()["table3"].experiments, "laat", "logistic_regression"]
    path = graph / "studies/synthetic_3000/study.yaml"
    lists = {"cohort": "synthetic_3000", "experiments": rows, "seeds": [1, 2]}
    path.write_text(yaml.safe_dump(lists))
    write_study("synthetic_3000", graph)
    assert trainings(graph, "studies/synthetic_3000/dvc.yaml:table3") == {
        f"studies/synthetic_3000/dvc.yaml:train_isd@{row}-{seed}"
        for row in tables()["table3"].experiments
        for seed in (1, 2)
    }


def test_a_study_may_leave_tables_out_and_names_none_that_is_not_there() -> None:
    lists = {"cohort": "synthetic", "experiments": [*tables()["table6"].experiments], "seeds": [1]}
    assert "table6" in Study(lists, ROOT).stages()
    assert "table6" not in Study({**lists, "tables": []}, ROOT).stages()
    with pytest.raises(ValueError, match="no 'table66'; did you mean 'table6'"):
        Study({**lists, "tables": ["table66"]}, ROOT).stages()


def test_a_bare_repro_asks_for_the_demonstration_and_shares_its_trainings(graph: Path) -> None:
    assert set(read("dvc.yaml")["stages"]) == {"demo"}
    asked = trainings(graph, "dvc.yaml:demo")
    assert len(asked) == len(read("studies/stages.yaml")["demo"]["experiments"])
    assert "studies/synthetic/dvc.yaml:train_isd@isd-1" in asked


def test_the_catalogs_defaults_are_those_of_the_parameters() -> None:
    defaults = yaml.safe_load((ROOT / "conf/base/parameters.yml").read_text())
    text = (ROOT / "conf/base/catalog.yml").read_text()
    found = set(re.findall(r"\$\{runtime_params:(\w+),(\w+)\}", text))
    assert found == {(name, str(defaults[name])) for name in RUN}


def order_of(*pipelines: str) -> list[str]:
    """The functions of some pipelines run together, in Kedro's order."""
    made = [import_module(f"isd_pipeline.pipelines.{one}").create_pipeline() for one in pipelines]
    return [node.func.__name__ for node in sum(made[1:], made[0]).nodes]


def test_what_is_run_together_waits_for_what_it_reads() -> None:
    order = order_of("record", "evaluate", "train")  # as `kedro run --pipelines=` has them
    assert max(map(order.index, ("measure", "stratify", "resample_documents", "train"))) < (
        order.index("record_runs")
    )
    whole = order_of("data_to_report")
    assert whole.index("generate_if_missing") < whole.index("extract_tables")
    assert whole.index("resample_documents") < whole.index("record_runs")
    assert max(map(whole.index, ("find_intervals", "compare_experiments"))) < whole.index(
        "make_report"
    )


def layers() -> dict[str, str]:
    """By data set of the catalog, the layer in which `kedro viz` draws it."""
    catalog = read("conf/base/catalog.yml")
    marked = {name: entry["metadata"] for name, entry in catalog.items() if "metadata" in entry}
    return {name: metadata["kedro-viz"]["layer"] for name, metadata in marked.items()}


def test_every_file_is_drawn_in_the_layer_that_its_folder_is_named_after() -> None:
    catalog, found = read("conf/base/catalog.yml"), layers()
    assert catalog.keys() - found == {"scores_of_runs", "models_of_runs", "other_cohorts"}
    for name, layer in found.items():
        path = catalog[name]["filepath"]
        if folder := re.match(r"data/\d\d_(\w+)", path):
            of_a_run = "/runs/" in path or "/evidence/" in path  # what a report is made of
            expected = "model_output" if of_a_run else folder[1].replace("settings", "model_input")
            assert layer == expected, name


def test_the_layers_of_the_whole_road_follow_one_another_or_none_is_drawn() -> None:
    made = import_module("isd_pipeline.pipelines.data_to_report").create_pipeline()
    found = layers()
    before: dict[str, set[str]] = {layer: set() for layer in found.values()}
    for node in made.nodes:
        for output in found.keys() & set(node.outputs):
            read_here = {found[name] for name in found.keys() & set(node.inputs)}
            before[found[output]] |= read_here - {found[output]}
    assert len([*TopologicalSorter(before).static_order()]) == len(before)


def test_listing_pipelines_imports_nothing_heavy() -> None:
    code = (
        "import sys; from importlib import import_module;"
        "names = 'compare data_to_report train evaluate record search settings table'.split();"
        "[import_module(f'isd_pipeline.pipelines.{name}').create_pipeline() for name in names];"
        "heavy = {'torch', 'mlflow', 'gensim', 'sklearn', 'matplotlib', 'optuna'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
