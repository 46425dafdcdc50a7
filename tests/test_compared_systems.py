"""Each of the ten systems that ISD is compared with, from its training to its row of Table 1.

On a tiny hospital under the name of MIMIC-III, so that the paper's numbers stand beside. All stages
are Kedro's own, in one process.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from isd_pipeline.catalog.formats import read_scores
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.models.registry import load
from isd_pipeline.predictors.artifact import read_artifact
from isd_pipeline.synthetic import HospitalSettings, write_hospital
from isd_pipeline.text.documents import open_splits
from isd_pipeline.text.vocabulary import Vocabulary
from isd_pipeline.tracking.shown import shown_of_test
from tests.checkout import copy_checkout

REIMPLEMENTED = "re-implementation from the description"
ROOT = Path(__file__).parents[1]
COHORT = "mimic3_full"
HOSPITAL = HospitalSettings(
    admissions=200, seed=5, words=150, codes_per_admission=4, code_pool=200, other_notes=0
)
TINY_COHORT = {
    "extract": {"source": "mimic3", "raw": "data/01_raw/tiny", "codes": "top50"},
    "embed": {
        "words": {"epochs": 1, "width": 16},
        "codes": {"epochs": 1, "width": 8, "normalised": False},
    },
    "train": {"systems": {"isd": {"model": {"width": 8, "n_queries": 2}}}},
}
TINY = (
    "ha_gru",
    "caml",
    "dr_caml",
    "msatt_kg",
    "multirescnn",
    "hypercore",
    "laat",
    "joint_laat",
    "cnn",
    "bi_gru",
)
BRIEF = {"max_epochs": 1, "warm_up_epochs": 0, "batch_size": 32, "max_tokens": 60}
BASELINES = ("logistic_regression", "linear_svm")
SHOWN = ("isd", *TINY, *BASELINES)
RUN = """
import json, sys
from pathlib import Path
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
for stages, parameters in json.loads(sys.argv[1]):
    with KedroSession.create(Path.cwd(), runtime_params=parameters) as session:
        session.run(pipeline_names=stages.split(","))
"""


def edited(path: Path) -> dict[str, Any]:
    """The parameters of a tiny run; the two systems that the paper leaves out join its table."""
    content = yaml.safe_load(path.read_text())
    if "cohorts" in content:
        content["cohorts"][COHORT] |= TINY_COHORT
    elif "tables" in content:
        content["tables"]["table1"]["experiments"] += ["cnn", "bi_gru"]
    else:
        for name in ("isd", *TINY):
            row = content["experiments"][name]
            row["training"] = row.get("training", {}) | BRIEF
            row["model"] = row.get("model", {}) | (dict(load(name).small) if name in TINY else {})
    return content


def made(project: Path, *runs: tuple[str, dict[str, Any]]) -> None:
    """Run stages, each with its run parameters, one after another in one process."""
    command = [sys.executable, "-c", RUN, json.dumps(runs)]
    done = subprocess.run(command, cwd=project, text=True, capture_output=True, timeout=500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_checkout(tmp_path_factory.mktemp("project"))
    for name in ("cohorts", "experiments", "tables"):
        path = project / f"conf/base/parameters_{name}.yml"
        path.write_text(yaml.safe_dump(edited(path), sort_keys=False))
    write_hospital(project / TINY_COHORT["extract"]["raw"], HOSPITAL)
    chosen = {"cohort": COHORT}
    made(
        project,
        ("extract,preprocess,embed", chosen),
        *(("train,evaluate", {**chosen, "experiment": name}) for name in SHOWN),
        ("record,table,compare,report", {**chosen, "table": "table1"}),
    )
    return project


def small_file(project: Path, system: str, name: str) -> dict[str, Any]:
    folder = project / f"data/08_reporting/{COHORT}/runs/{system}/seed_1"
    return json.loads((folder / name).read_text())


def table_1(project: Path) -> dict[str, list[list[str]]]:
    """Table 1 of the page: by the name of a row, below its title, the lines of its cells."""
    page = (project / f"data/08_reporting/{COHORT}/report.html").read_text()
    table = page[page.index("Tables 1 and 2: systems (at 0.5)") :].split("</table>")[0]
    found = {}
    for row in table.replace("<wbr>", "").split("<tr")[2:]:
        cells = [re.split(r"<[^>]+>", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]
        name, *rest = [[line for line in cell if line] for cell in cells]
        found[next(line for line in name if line in SHOWN)] = [name, *rest]
    return found


def trained_runs(project: Path) -> dict[str, Any]:
    """The child runs in MLflow below the cohort's own, by system."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project}/mlflow.db")
    experiment = client.get_experiment_by_name("isd_pipeline").experiment_id
    parent = client.search_runs([experiment], f"tags.parent_of = '{COHORT}'")[0].info.run_id
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent}'")
    found = {run.data.tags["experiment"]: run for run in children}
    assert len(found) == len(children)
    return found


def test_every_system_stands_in_table_1_with_the_papers_number_beside_ours(project: Path) -> None:
    rows = table_1(project)
    printed = yaml.safe_load((ROOT / "conf/base/parameters_paper.yml").read_text())["paper"]
    assert rows.keys() == {*SHOWN}
    for name in TINY:
        ours = small_file(project, name, "metrics.json")["test"]
        metrics = ("auc_macro", "auc_micro", "f1_macro_caml", "f1_micro", "p_at_8")
        for metric, lines in zip(metrics, rows[name][1:], strict=True):
            assert lines[0].removesuffix(" *") == f"{ours[metric]:.3f}"
            of_paper = printed[COHORT].get(name, {}).get(metric)
            told = [line for line in lines if line.startswith("paper")]
            assert told == ([] if of_paper is None else [f"paper {of_paper:.3f}"])
    lacking = {name for name in TINY if "source" not in printed[COHORT].get(name, {})}
    assert lacking == {"ha_gru", "cnn", "bi_gru"}  # the paper has the first in Table 2 alone


def test_ha_gru_has_its_only_number_beside_it_where_the_cohort_is_the_papers_other(
    project: Path,
) -> None:
    page = project / f"data/08_reporting/{COHORT}/report.html"
    cohorts = project / "conf/base/parameters_cohorts.yml"
    kept = {path: path.read_text() for path in (page, cohorts)}
    is_mimic2 = yaml.safe_load(kept[cohorts])
    is_mimic2["cohorts"][COHORT]["paper"] = "mimic2"
    cohorts.write_text(yaml.safe_dump(is_mimic2, sort_keys=False))
    made(project, ("report", {"cohort": COHORT}))
    rows = table_1(project)
    for path, text in kept.items():
        path.write_text(text)
    assert "paper 0.366" in rows["ha_gru"][4]
    assert "paper" not in str(rows["msatt_kg"])


def test_a_reimplementation_is_called_so_in_its_row_and_no_other_is(project: Path) -> None:
    rows = table_1(project)
    called = {name for name in TINY if REIMPLEMENTED in rows[name][0][0]}
    assert called == {"msatt_kg", "hypercore"}


def test_every_system_has_a_run_in_mlflow_under_the_same_names(project: Path) -> None:
    runs = trained_runs(project)
    assert runs.keys() == {*SHOWN}
    shared = [
        {name for name in runs[system].data.params if not name.startswith(("model.", "objective."))}
        for system in TINY
    ]
    assert all(names == shared[0] for names in shared)
    assert {"cohort", "experiment", "seed", "system", "training.learning_rate"} <= shared[0]
    for system in TINY:
        params, metrics = runs[system].data.params, runs[system].data.metrics
        sizes = {name.split(".")[1] for name in params if name.startswith("model.")}
        assert sizes == asdict(load(system).model_config()).keys()
        found = small_file(project, system, "metrics.json")["test"]
        assert found == pytest.approx({name: metrics[shown_of_test(name)] for name in found})
        assert runs[system].info.status == "FINISHED"
        assert runs[system].data.tags["table1"] == "yes"
        assert "loss/prediction" in metrics
    tested = [
        {name for name in runs[system].data.metrics if name.startswith("test")} for system in TINY
    ]
    assert all(names == tested[0] for names in tested)


def test_weights_read_again_score_the_notes_as_they_did_when_they_were_trained(
    project: Path,
) -> None:
    from isd_pipeline.pipelines.evaluate.nodes import score_documents

    documents = open_splits(project / f"data/05_model_input/{COHORT}")
    index = CodeIndex.open(project / f"data/03_primary/{COHORT}/code_index.json")
    words = Vocabulary.open(project / f"data/03_primary/{COHORT}/vocabulary.json")
    for name in TINY:
        artifact = read_artifact(project / f"data/06_models/{COHORT}/{name}/seed_1")
        chosen = {"jobs": 1, "device": "cpu", "cohort": COHORT, "cohorts": {COHORT: {}}}
        scores, _ = score_documents(artifact, documents, index, words, dict, chosen)
        kept = read_scores(
            project / f"data/07_model_output/{COHORT}/{name}/seed_1/scores.safetensors"
        )
        for split in ("dev", "test"):
            np.testing.assert_array_equal(scores[split], kept[split], name)
        metric = artifact.settings["training"]["metric"].removeprefix("dev_")
        after = small_file(project, name, "metrics.json")["dev"][metric]
        assert after == small_file(project, name, "training.json")["best_dev_score"], name
