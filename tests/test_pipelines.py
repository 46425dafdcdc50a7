"""The whole path on a tiny hospital, by `dvc repro`, and what users do wrong on the way.

One project is made for the module; tests that break something work on files of their own.
"""

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from isd_pipeline.catalog.results import read_results

ROOT = Path(__file__).parents[1]
RUNS = "data/08_reporting/synthetic/runs"
TINY = {
    "generate": {
        "admissions": 200,
        "seed": 1,
        "words": 150,
        "codes_per_admission": 5,
        "code_pool": 200,
        "other_notes": 1,
    },
    "extract": {"source": "mimic3", "raw": "data/01_raw/synthetic"},
    "preprocess": {"vocabulary": {"min_docs": 3, "source": "train"}},
    "embed": {"words": {"epochs": 1}, "codes": {"epochs": 1, "width": 16, "normalised": False}},
    "train": {
        "systems": {"isd": {"model": {"width": 16, "n_queries": 4}}},
        "training": {"max_epochs": 2, "warm_up_epochs": 1, "batch_size": 8, "max_tokens": 200},
    },
    "report": {"stamp": "synthetic: not comparable with the paper"},
}
SPANNED = {
    "cohort": "synthetic",
    "experiments": [
        *("isd", "isd_without_cooccurrence_decoder"),
        *("linear_svm", "code_descriptions"),
    ],
    "seeds": [1],
}
DEMONSTRATED = SPANNED["experiments"][:3]
SMALL = {
    "title": "A small table",
    "experiments": ["isd", "isd_without_cooccurrence_decoder", "code_descriptions"],
    "reference": "isd",
}


def change(path: Path, key: str, value: object) -> None:
    """Set one top-level key of a YAML file, or a key below it, as in `cohorts.synthetic`."""
    content = yaml.safe_load(path.read_text())
    *above, last = key.split(".")
    section = content
    for name in above:
        section = section[name]
    section[last] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def start(project: Path, *command: str) -> subprocess.Popen[str]:
    environment = {name: v for name, v in os.environ.items() if not name.startswith("MLFLOW_TRA")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=project, env=environment, text=True, **pipes)


def run(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    with start(project, *command) as process:
        told, warned = process.communicate(timeout=500)
        return subprocess.CompletedProcess(command, process.returncode, told, warned)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout after `dvc repro`."""
    project = tmp_path_factory.mktemp("project")
    for name in ("conf", "src"):
        shutil.copytree(ROOT / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in (".dvcignore", "pyproject.toml"):
        shutil.copy(ROOT / name, project / name)
    (project / "studies/synthetic").mkdir(parents=True)
    shutil.copy(ROOT / "studies/stages.yaml", project / "studies")
    (project / "studies/synthetic/study.yaml").write_text(yaml.safe_dump(SPANNED))
    change(project / "conf/base/parameters_cohorts.yml", "cohorts.synthetic", TINY)
    change(project / "conf/base/parameters_tables.yml", "tables.small", SMALL)
    change(project / "studies/stages.yaml", "demo.experiments", DEMONSTRATED)
    assert run(project, "dvc", "init", "--no-scm", "-q").returncode == 0
    written = run(project, sys.executable, "-m", "isd_pipeline", "study", "synthetic")
    assert written.stdout == "studies/synthetic/dvc.yaml\ndvc.yaml\n", written.stderr
    made = run(project, "dvc", "repro")
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    return project


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_report_shows_every_run_and_its_stamp(project: Path) -> None:
    page = (project / "data/08_reporting/synthetic/report.html").read_text()
    assert "not comparable with the paper" in page
    for experiment in DEMONSTRATED:
        assert experiment in page.replace("<wbr>", "")
        metrics = json.loads((project / RUNS / experiment / "seed_1/metrics.json").read_text())
        assert 0 < metrics["test"]["auc_micro"] <= 1
        assert {"f1_macro_caml", "f1_micro_tuned", "p_at_8", "map"} <= metrics["test"].keys()
        assert ("attention_words" in metrics["test"]) == (experiment != "linear_svm")


def test_experiments_are_compared_within_the_tables_that_have_two_of_them(project: Path) -> None:
    path = project / "data/results/synthetic/comparisons.json"  # the demonstration's
    compared = json.loads(path.read_text())
    rows = {name: {row["experiment"] for row in table["rows"]} for name, table in compared.items()}
    ablation, baseline = {"isd_without_cooccurrence_decoder"}, {"linear_svm"}
    assert rows == {
        "table1": baseline,
        "systems": baseline,
        "table3": ablation,
        "small": ablation,
    }
    for table in compared.values():
        assert all(0 < row["p"] <= row["p_holm"] <= 1 for row in table["rows"])
        assert all(row["low"] <= row["high"] for row in table["rows"])


def test_a_second_repro_runs_nothing_and_one_edited_experiment_trains_one(project: Path) -> None:
    again = run(project, "dvc", "repro")
    assert "Running stage" not in again.stdout
    assert "up to date" in again.stdout

    edited_row = "isd_without_cooccurrence_decoder"
    change(
        project / "conf/base/parameters_experiments.yml",
        f"experiments.{edited_row}.training",
        {"learning_rate": 0.002},
    )
    edited = run(project, "dvc", "repro")
    ran = {line.split("'")[1] for line in edited.stdout.splitlines() if "Running stage" in line}
    study = "studies/synthetic/dvc.yaml"
    of_it = [f"{study}:{stage}_isd@{edited_row}-1" for stage in ("train", "evaluate")]
    assert ran == {f"{study}:settings", *of_it, "demo"}


ISD_ROWS = {"train_isd@isd-1", "train_isd@isd_without_cooccurrence_decoder-1"}
BASELINES = {"train_linear_svm@linear_svm-1"}


STALE = {  # by the file that is touched
    "models/isd/network.py": ISD_ROWS,
    "models/laat.py": set(),
    "predictors/linear_fit.py": BASELINES,
    "evaluation/thresholds.py": ISD_ROWS | BASELINES,  # chooses the kept epoch
    "reports/page.py": set(),
    "synthetic/phrases.py": set(),
    "models/registry.py": set(),
}


@pytest.fixture(scope="module")
def changed(project: Path) -> dict[str, set[str]]:
    """By touched file the stages that `dvc status` then calls changed for it."""
    files = [project / "src/isd_pipeline" / name for name in STALE]
    kept = [file.read_text() for file in files]
    for file, text in zip(files, kept, strict=True):
        file.write_text(text + "# touched\n")
    told = run(project, "dvc", "status", "--json")
    for file, text in zip(files, kept, strict=True):
        file.write_text(text)
    stages = json.loads(told.stdout).items()
    return {
        name: {
            stage.removeprefix("studies/synthetic/dvc.yaml:")
            for stage, entries in stages
            if f"src/isd_pipeline/{name}" in json.dumps(entries)
        }
        for name in STALE
    }


@pytest.mark.parametrize("touched", STALE)
def test_touching_a_file_makes_exactly_the_trainings_stale_that_it_makes(
    changed: dict[str, set[str]], touched: str
) -> None:
    stages = changed[touched]
    trained = {"train_ensemble@code_descriptions-1"}  # perhaps not yet, and then stale anyhow
    assert {name for name in stages if name.startswith("train_")} - trained == STALE[touched]
    assert ("generate" in stages) == touched.startswith("synthetic/")
    assert "extract" not in stages


def test_a_table_trains_nothing_that_was_trained_and_gives_mean_and_page(project: Path) -> None:
    from mlflow import MlflowClient

    made = run(project, "dvc", "repro", "studies/synthetic/dvc.yaml:small")
    ran = [line.split("'")[1] for line in made.stdout.splitlines() if "Running stage" in line]
    of_ensemble = [f"{stage}_ensemble@code_descriptions-1" for stage in ("train", "evaluate")]
    needed = [f"studies/synthetic/dvc.yaml:{name}" for name in (*of_ensemble, "small")]
    assert ran == needed, made.stdout + made.stderr
    table = json.loads((project / "results/synthetic/tables/small.json").read_text())
    metrics = json.loads((project / RUNS / "isd/seed_1/metrics.json").read_text())
    assert list(table) == sorted(SMALL["experiments"])
    assert table["isd"]["seeds"] == 1
    assert table["isd"]["f1_micro"] == {"mean": pytest.approx(metrics["test"]["f1_micro"])}

    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("isd_pipeline").experiment_id
    assert len(client.search_runs([experiment], "tags.small = 'yes'")) == 3
    again = run(project, "dvc", "repro")
    assert "Running stage" not in again.stdout


def test_the_same_lock_file_gives_the_same_bytes(project: Path) -> None:
    model = project / "data/06_models/synthetic/isd/seed_1"
    vectors = project / "data/04_feature/synthetic"
    before = digests(model) | digests(vectors)
    shutil.rmtree(model)
    shutil.rmtree(vectors)
    for stage in ("embed", "train"):
        made = run(project, "kedro", "run", f"--pipelines={stage}")
        assert made.returncode == 0, made.stderr
    assert digests(model) | digests(vectors) == before


def test_publish_gives_an_empty_mlflow_the_same_numbers(project: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    change(project / "conf/base/tracking.yml", "uri", f"sqlite:///{tmp_path}/again.db")
    for published, there in ((4, 0), (0, 4)):
        made = run(project, "kedro", "run", "--pipelines=publish")
        assert f"{published} runs published, {there} there already" in made.stderr
    client = MlflowClient(f"sqlite:///{tmp_path}/again.db")
    experiment = client.get_experiment_by_name("isd_pipeline")
    runs = client.search_runs([experiment.experiment_id], "tags.seed = '1'")
    assert {run.info.status for run in runs} == {"FINISHED"}
    made_by = {
        run.key: run.made_by["commit"] for run in read_results(project / "results/synthetic")
    }
    for found in runs:
        assert found.data.tags["git_commit"] == (
            made_by[found.data.tags["experiment"], 1] or "not known"
        )
        folder = project / RUNS / found.data.tags["experiment"] / "seed_1"
        metrics = json.loads((folder / "metrics.json").read_text())["test"]
        of_test = {k: v for k, v in found.data.metrics.items() if k.startswith("test")}
        shown = {name.partition("/")[2]: value for name, value in of_test.items()}
        assert {name: shown[name] for name in metrics} == pytest.approx(metrics)
    change(project / "conf/base/tracking.yml", "uri", "sqlite:///mlflow.db")


def test_mlflow_and_the_report_hold_no_note_and_no_admission(project: Path) -> None:
    import pyarrow.parquet as pq

    notes = pq.read_table(project / "data/02_intermediate/synthetic/notes.parquet").to_pydict()
    told = (project / "mlflow.db").read_bytes()
    told_in = ("data/08_reporting", "data/results", "results", "mlruns")
    assert list((project / "mlruns").rglob("report.html"))
    for path in (path for name in told_in for path in (project / name).rglob("*")):
        told += path.read_bytes() if path.is_file() else b""
    for text in notes["text"]:
        middle = len(text) // 2
        assert text[middle : middle + 40].encode() not in told
    assert not [name for name in set(notes["document_id"]) if f">{name}<".encode() in told]


def test_a_killed_training_goes_on_in_the_same_run_to_the_same_bytes(project: Path) -> None:
    from mlflow import MlflowClient

    experiments = project / "conf/base/parameters_experiments.yml"
    change(experiments, "experiments.isd_long", {"training": {"max_epochs": 6}})
    command = ["kedro", "run", "--pipelines=train", "--params=experiment=isd_long"]
    assert run(project, *command).returncode == 0
    model = project / "data/06_models/synthetic/isd_long/seed_1"
    unbroken = digests(model)
    shutil.rmtree(model)

    with start(project, *command) as training:
        while not list((project / "scratch").rglob("epoch-0002.json")):
            assert training.poll() is None
            time.sleep(0.02)
        training.kill()
    resumed = run(project, *command)
    assert re.search("going on after epoch [23] of an interrupted training", resumed.stderr)
    assert digests(model) == unbroken

    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("isd_pipeline").experiment_id
    runs = client.search_runs([experiment], "tags.experiment = 'isd_long'")
    assert [found.info.status for found in runs] == ["FINISHED", "FINISHED"]
    history = client.get_metric_history(runs[0].info.run_id, "loss/loss")
    assert {point.step for point in history} == {1, 2, 3, 4, 5, 6}


def test_evidence_is_held_against_what_was_planted_and_text_stays_in_its_folder(
    project: Path,
) -> None:
    made = run(project, "kedro", "run", "--pipelines=evidence")
    assert made.returncode == 0, made.stderr
    found = json.loads(
        (project / "data/08_reporting/synthetic/evidence/isd/seed_1.json").read_text()
    )
    sources = found["sources"]
    assert len(sources) == 5
    assert {means["pairs"] for means in sources.values()} == {sources["model"]["pairs"]}
    assert sources["words that go with the code"]["average_precision"] > (
        2 * sources["random"]["average_precision"]
    )
    page = project / "data/07_model_output/synthetic/evidence/isd/seed_1/readings.html"
    assert "What the representations read" in page.read_text()
    assert run(project, "kedro", "run", "--pipelines=record,report").returncode == 0
    report = (project / "data/08_reporting/synthetic/report.html").read_text()
    assert "Evidence of gold codes against marked words" in report


def test_a_search_leaves_its_trials_and_an_experiment_that_kedro_knows(project: Path) -> None:
    section = {
        "trials": 2,
        "metric": "dev_f1_micro",
        "space": {"training.learning_rate": {"low": 0.001, "high": 0.01}},
    }
    searches = project / "conf/base/parameters_search.yml"
    change(searches, "search", {"isd": section})
    found = run(project, "kedro", "run", "--pipelines=search")
    assert found.returncode == 0, found.stderr
    trials = project / "data/08_reporting/synthetic/search/isd/seed_1/trials.csv"
    assert [row.split(",")[:2] for row in trials.read_text().splitlines()] == [
        ["trial", "state"],
        ["1", "complete"],
        ["2", "complete"],
    ]
    row = project / "conf/base/parameters_experiments_searched.yml"
    assert row.read_text().splitlines()[-1] in found.stderr
    known = run(project, "kedro", "run", "--pipelines=report", "--params=experiment=isd_searched")
    row.unlink()
    assert known.returncode == 0, known.stderr
    refused = run(project, "kedro", "run", "--pipelines=search", "--params=experiment=isd_lstm")
    assert "parameters_search.yml: search has no 'isd_lstm'" in refused.stderr


WRONG = {  # a run parameter, and what is said of it
    "seeed=2": "--params has no 'seeed'; did you mean 'seed'?",
    "seed=two": "--params seed=two: a seed is a whole number",
    "cohort=syntetic": "parameters_cohorts.yml has no 'syntetic'; did you mean 'synthetic'?",
    "experiment=isd_aligne": "has no 'isd_aligne'; did you mean 'isd_aligned'?",
    "tabel=table3": "--params has no 'tabel'; did you mean 'table'?",
    "device=gpu": "--params device=gpu: choose auto, cpu or cuda",
    "experiment=isd_lstm_own_queries": (
        "experiment isd_lstm_own_queries is now called bilstm_label_attention"
    ),
    "cohort=codiesp_50": "Make it with `kedro run --pipelines=preprocess` and the same --params",
    **{
        f"cohort={name}": "--params cohort="
        for name in ("2026", "1e5", "on", "", "own.v2", "a b", "../x", "née")
    },
}
RUN_EACH = """
import json, sys
from pathlib import Path
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
from isd_pipeline.cli import cli
told = [CliRunner().invoke(cli, ["run", *words]) for words in json.loads(sys.argv[1])]
print(json.dumps([[one.exit_code, one.stderr] for one in told]))
"""


@pytest.fixture(scope="module")
def refused(project: Path) -> dict[str, tuple[int, str]]:
    """By wrong run parameter the exit status of `kedro run` and what it said, of one process."""
    commands = [["--pipeline=train", f"--params={wrong}"] for wrong in WRONG]
    made = run(project, sys.executable, "-c", RUN_EACH, json.dumps(commands))
    assert made.returncode == 0, made.stderr
    return dict(zip(WRONG, map(tuple, json.loads(made.stdout)), strict=True))


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_run_parameter_is_one_clear_line(
    refused: dict[str, tuple[int, str]], wrong: str
) -> None:
    status, said = refused[wrong]
    assert status != 0
    [error] = [text for text in said.splitlines() if text.startswith("Error")]
    assert WRONG[wrong] in error
    assert "Traceback" not in said


def test_a_misspelt_pipeline_gets_the_near_match(project: Path) -> None:
    refused = run(project, "kedro", "run", "--pipelines=traain")
    assert refused.returncode != 0
    assert "--pipelines has no 'traain'; did you mean 'train'?" in refused.stderr


def test_a_missing_raw_file_names_what_was_looked_for(project: Path) -> None:
    refused = run(project, "kedro", "run", "--pipelines=extract", "--params=cohort=mimic3_full")
    assert refused.returncode != 0
    assert "data/01_raw/mimic3_full" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (project / "data/02_intermediate/mimic3_full/notes.parquet").exists()


def test_what_dvc_would_not_see_is_refused_by_kedro(project: Path) -> None:
    local = project / "conf/local/parameters_cohorts.yml"
    local.write_text("cohorts: {mimic3_full: {extract: {raw: /elsewhere/mimic}}}\n")
    in_local = run(project, "kedro", "run", "--pipelines=report")
    local.unlink()
    told = "--params=cohorts.synthetic.report.k=3"
    by_command = run(project, "kedro", "run", "--pipelines=report", told)
    catalog = project / "conf/local/catalog.yml"
    catalog.write_text("codes: {type: pandas.CSVDataset, filepath: codes.csv}\n")
    by_catalog = run(project, "kedro", "run", "--pipelines=report")
    catalog.unlink()
    for refused, line in (
        (in_local, "conf/local/parameters_cohorts.yml: cohorts.mimic3_full.extract.raw is not"),
        (by_command, "--params: cohorts.synthetic.report.k is not what conf/base has"),
        (by_catalog, "conf/local: a catalog other than conf/base/catalog.yml"),
    ):
        assert refused.returncode != 0
        [error] = [text for text in refused.stderr.splitlines() if text.startswith("Error")]
        assert line in error


def test_a_cut_off_file_is_refused_and_leaves_nothing_half_written(project: Path) -> None:
    broken = project / "data/01_raw/broken"
    shutil.copytree(project / "data/01_raw/synthetic", broken)
    notes = (broken / "NOTEEVENTS.csv").read_bytes()
    (broken / "NOTEEVENTS.csv").unlink()
    (broken / "NOTEEVENTS.csv.gz").write_bytes(gzip.compress(notes)[: len(notes) // 20])
    cohorts = project / "conf/base/parameters_cohorts.yml"
    change(cohorts, "cohorts.broken", {"extract": TINY["extract"] | {"raw": "data/01_raw/broken"}})
    refused = run(project, "kedro", "run", "--pipelines=extract", "--params=cohort=broken")
    assert refused.returncode != 0
    told = [text for text in refused.stderr.splitlines() if text.startswith("Error")]
    assert len(told) == 1
    assert "NOTEEVENTS.csv.gz" in told[0]
    assert refused.stderr.count("NOTEEVENTS.csv.gz") == 1
    left = project / "data/02_intermediate/broken"
    assert not left.exists() or list(left.rglob("*")) == []


def test_weights_of_another_vocabulary_are_refused(project: Path) -> None:
    path = project / "data/06_models/synthetic/isd/seed_1/model.json"
    kept = path.read_text()
    path.write_text(kept.replace('"vocabulary": "', '"vocabulary": "x'))
    refused = run(project, "kedro", "run", "--pipelines=evaluate")
    path.write_text(kept)
    assert refused.returncode != 0
    assert "model.json: changed since it was written" in refused.stderr
