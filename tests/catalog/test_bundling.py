"""From a finished run to a bundle, and from the bundle alone to coded notes: as a user does it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from contextlib import chdir
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner, Result

from isd_pipeline.__main__ import main
from isd_pipeline.catalog.formats import read_scores, write_scores
from isd_pipeline.coding.bundle import CARD, read_bundle, write_bundle
from isd_pipeline.coding.model_card import TOY
from isd_pipeline.coding.view_bundle import read_view_bundle
from isd_pipeline.data.codes.book import unpack
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.text.documents import Documents
from isd_pipeline.training.checkpoints import read_model, write_model
from tests.checkout import copy_checkout

RUNS = ("isd", "logistic_regression", "linear_svm", "small_ensemble", "isd:2", "seeds_ensemble")
TWIN = ("logistic_regression:1:twin", "two_views:1:synthetic")
STAGES = (
    *("generate", "extract", "preprocess", "embed"),
    *(f"{stage}:isd:1:twin" for stage in ("extract", "preprocess", "embed")),
    *(f"{stage}:{run}" for run in (*RUNS, *TWIN) for stage in ("train", "evaluate")),
)
BASE_MODELS = {"base_models": ["isd", "logistic_regression"]}
ENSEMBLES = {
    "small_ensemble": {"system": "ensemble", "model": BASE_MODELS},
    "seeds_ensemble": {"system": "ensemble", "model": BASE_MODELS | {"every_seed": True}},
}
VIEWS = ["twin/logistic_regression", "synthetic/small_ensemble"]
TWO_VIEWS = {"system": "ensemble", "model": {"base_models": VIEWS, "descriptions": False}}
RUN = """
import sys
from contextlib import chdir
from pathlib import Path
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
bootstrap_project(Path.cwd())
for stage, *run in (words.split(":") for words in sys.argv[1:]):
    chosen = dict(zip(["experiment", "seed", "cohort"], [*run[:1], *map(int, run[1:2]), *run[2:]]))
    with KedroSession.create(Path.cwd(), runtime_params=chosen) as session:
        session.run(pipeline_names=[stage])
"""
TINY = {
    "generate": {"admissions": 200, "seed": 1, "words": 150, "code_pool": 200, "other_notes": 0},
    "extract": {"source": "mimic3", "raw": "data/01_raw/synthetic"},
    "preprocess": {"vocabulary": {"min_docs": 3, "source": "train"}},
    "embed": {"words": {"epochs": 1}, "codes": {"epochs": 1, "width": 16, "normalised": False}},
    "train": {
        "systems": {"isd": {"model": {"width": 16, "n_queries": 4}}},
        "training": {"max_epochs": 2, "warm_up_epochs": 1, "max_tokens": 60},
    },
}
# The same notes as if in Spanish, their numerals kept: so they are longer, and in another order.
OF_TWIN = {
    **{name: TINY[name] for name in ("embed", "train")},
    "extract": TINY["extract"] | {"language": "es"},
    "preprocess": TINY["preprocess"] | {"tokeniser": "numerals"},
    "report": {"k": 8},
}
NOTES = "data/02_intermediate/synthetic/notes.parquet"
OUTPUT = "data/07_model_output/synthetic/{}/seed_1/scores.safetensors"
SCORES = OUTPUT.format("isd")


def python(project: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def isd(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words])


def bundled(project: Path, *words: object) -> Result:
    """`isd bundle` in the project, without a process of its own."""
    with chdir(project):
        return isd("bundle", *words)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which a network, the baselines and ensembles were fitted and evaluated."""
    project = copy_checkout(tmp_path_factory.mktemp("project"))
    cohorts = project / "conf/base/parameters_cohorts.yml"
    rows = yaml.safe_load(cohorts.read_text())
    rows["cohorts"] |= {"synthetic": TINY, "twin": OF_TWIN}
    cohorts.write_text(yaml.safe_dump(rows))
    experiments = project / "conf/base/parameters_experiments.yml"
    rows = yaml.safe_load(experiments.read_text())
    rows["experiments"] |= ENSEMBLES | {"two_views": TWO_VIEWS}
    experiments.write_text(yaml.safe_dump(rows))
    (project / "conf/base/tracking.yml").write_text("uri: ''\n")
    made = python(project, "-c", RUN, *STAGES)
    assert made.returncode == 0, made.stderr[-3000:]
    return project


@pytest.fixture(scope="module")
def bundle(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its bundle, far from the project."""
    folder = tmp_path_factory.mktemp("elsewhere") / "bundle"
    command = ["-m", "isd_pipeline", "bundle", "synthetic", "isd", "--to", str(folder)]
    made = python(project, *command)
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"{folder}: synthetic-isd-1, sha256 {read_bundle(folder).sha256}\n"
    again = bundled(project, *command[3:])
    assert f"{folder}: is there already; --force replaces it" in again.stderr
    return folder


def test_a_bundle_holds_what_the_run_recorded(project: Path, bundle: Path) -> None:
    made = read_bundle(bundle)
    reporting = project / "data/08_reporting/synthetic/runs/isd/seed_1"
    metrics, calibration = (
        json.loads((reporting / f"{name}.json").read_text()) for name in ("metrics", "calibration")
    )
    assert made.metrics == metrics["test"]
    assert made.threshold_tuned == metrics["dev"]["threshold_tuned"]
    assert made.temperature == calibration["temperature"]
    assert made.codes == CodeIndex.open(project / "data/03_primary/synthetic/code_index.json")
    assert {system: unpack(book).system for system, book in made.books.items()} == {
        system: system for system in ("icd9cm", "icd9proc")
    }
    diagnoses, pairs = (
        unpack(made.books["icd9cm"]),
        zip(made.codes.codes, made.codes.systems, strict=True),
    )
    assert all(code in diagnoses for code, kind in pairs if kind == "diagnosis")
    train = Documents.open(project / "data/05_model_input/synthetic/train")
    counts = [
        sum(n in train.labels_of(d) for d in range(len(train))) for n in range(len(made.codes))
    ]
    assert list(made.training_counts) == counts
    assert (made.revision, made.max_tokens) == ("icd9", 60)
    assert made.trained_on.synthetic
    assert made.trained_on.notes["train"] == len(train)
    assert sum(made.trained_on.systems.values()) == len(made.codes)
    assert set(made.trained_on.systems) == {"ICD-9-CM diagnosis", "ICD-9-CM procedure"}
    low, high = made.trained_on.intervals["f1_micro_tuned"]
    assert 0 <= low <= made.metrics["f1_micro_tuned"] <= high <= 1
    assert TOY in (bundle / CARD).read_text()


def test_a_bundle_holds_what_the_dev_notes_were_like(project: Path, bundle: Path) -> None:
    import numpy as np

    made = read_bundle(bundle)
    dev = Documents.open(project / "data/05_model_input/synthetic/dev")
    scores = read_scores(project / SCORES)["dev"].astype(np.float64)
    usual = made.usual
    assert usual is not None
    assert usual.words is not None
    assert usual.notes == len(dev)
    assert usual.words.language == "en"
    known = [np.mean(dev.tokens_of(n) != made.vocabulary.unknown) for n in range(len(dev))]
    assert usual.words.known.low == pytest.approx(min(known), abs=1e-6)  # of fewer than 199
    assert usual.words.length.quantiles[-1] == dev.lengths.max()
    highest = 1 / (1 + np.exp(-scores.max(axis=1) / made.temperature))
    assert usual.codes.highest.median == pytest.approx(np.median(highest), abs=1e-6)
    above = scores > made.threshold_tuned
    assert usual.codes.counts == tuple(above.sum(axis=0).tolist())
    assert sum(rate.of for rate in usual.codes.bands.values()) <= above.sum()
    true = dev.label_matrix(len(made.codes)).toarray()
    assert usual.codes.missed is not None
    assert usual.codes.missed.right == (true & ~above).sum()


def test_a_bundle_holds_no_note_and_no_admission(project: Path, bundle: Path) -> None:
    notes = pq.read_table(project / NOTES).to_pydict()
    told = b"".join(path.read_bytes() for path in bundle.iterdir())
    for text in notes["text"]:
        middle = len(text) // 2
        assert text[middle : middle + 40].encode() not in told
    assert not [name for name in set(notes["document_id"]) if f'"{name}"'.encode() in told]


@pytest.mark.parametrize("experiment", ["isd", "logistic_regression", *ENSEMBLES])
def test_the_notes_of_the_test_split_get_the_scores_of_the_evaluation(
    project: Path, experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through files and commands alone, where nothing of the project is in reach."""
    import numpy as np

    bundle = tmp_path / "bundle"
    written = bundled(project, "synthetic", experiment, "--to", bundle)
    assert written.exit_code == 0, written.stderr
    documents = Documents.open(project / "data/05_model_input/synthetic/test")
    scores = read_scores(project / OUTPUT.format(experiment))["test"]
    texts = texts_of(project)
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"id": id, "text": texts[id]}) for id in documents.ids.tolist()]
    Path("notes.jsonl").write_text("\n".join(lines))
    coded = isd("code", bundle, "notes.jsonl", "--top", 1000, "--long-notes", "cut")
    assert coded.exit_code == 0, coded.output
    answers = [
        json.loads(line) for line in Path("notes.jsonl.codes.jsonl").read_text().splitlines()
    ]
    assert [answer["id"] for answer in answers] == documents.ids.tolist()
    made = read_bundle(bundle)
    assert all(
        (code["sources"] is None) == (experiment not in ENSEMBLES) for code in answers[0]["codes"]
    )
    for answer, row in zip(answers, scores.astype(np.float64), strict=True):
        found = {code["code"]: code for code in answer["codes"]}
        likely = 1 / (1 + np.exp(-row / made.temperature))
        np.testing.assert_allclose([found[c]["score"] for c in made.codes.codes], likely, rtol=1e-5)
        text = texts[answer["id"]]
        for code in answer["codes"]:
            assert code["evidence"] or experiment != "isd"
            for span in code["evidence"]:
                assert text[span["begin"] : span["end"]].strip() != ""
                assert experiment != "isd" or span["end"] <= (answer["truncated_at"] or len(text))


def test_exit_statuses_tell_coded_from_problems_from_nothing_written(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.txt").write_text("admitted with fever and pain and history of diabetes")
    Path("notes.csv").write_text("id,text\n1,\n2,the patient was admitted\n")
    assert isd("code", bundle, "good.txt", "--to", "good.csv").exit_code == 0
    some = isd("code", bundle, "notes.csv", "--to", "some.csv", "--no-evidence")
    assert (some.exit_code, Path("some.csv").exists()) == (1, True)
    assert "notes 2, with a problem 1, not read whole 0" in some.output
    for words, line in (
        ((bundle, "good.txt", "--to", "good.csv"), "Error: good.csv: is there already; --force"),
        ((bundle, "none.csv"), "Error: none.csv: no such file or folder"),
        ((tmp_path, "good.txt"), "bundle.json: missing, so the bundle is incomplete"),
        ((bundle, "good.txt", "--threshold", "2"), "`tuned` or a score from 0 to 1 is wanted"),
    ):
        refused = isd("code", *words)
        assert refused.exit_code == 2
        assert line in refused.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("good.csv", "good.txt", "notes.csv", "some.csv"),
    ]
    assert isd("code", bundle, "good.txt", "--to", "good.csv", "--force").exit_code == 0


def test_coding_says_no_more_than_it_has_to_and_needs_no_project(
    bundle: Path, tmp_path: Path
) -> None:
    """In a process of its own: Kedro's framework, once imported, would speak of its logging."""
    (tmp_path / "note.txt").write_text("admitted with fever and pain and history of diabetes")
    coded = python(tmp_path, "-m", "isd_pipeline", "code", str(bundle), "note.txt")
    counted = "notes 1, with a problem 0, not read whole 0, with a caution"
    codes = r"(no code reaches|codes above) the threshold of 0\.\d\d(:|; the likeliest:)\n(  .+\n)+"
    told = rf"{codes}{counted} [01], words 9, unknown to the model \d\nnote\.txt\.codes\.jsonl\n"
    assert re.fullmatch(told, coded.stdout)
    assert (coded.returncode, coded.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["synthetic", "isd", "--seed", "3"],
            "model of this run is not there yet. Make it with "
            "`kedro run --pipelines=train --params cohort=synthetic,experiment=isd,seed=3`",
        ),
        (["synthetic", "linear_svm"], "linear_svm keeps no weights to bundle"),
        (
            ["synthetic", "code_descriptions"],
            "model of this run is not there yet. Make it with `kedro run --pipelines=train "
            "--params cohort=synthetic,experiment=code_descriptions,seed=1`",
        ),
        (["syntetic", "isd"], "has no 'syntetic'; did you mean 'synthetic'?"),
        (
            ["synthetic", "isd", "--to", "conf", "--force"],
            "conf: is there already and is no bundle",
        ),
    ],
)
def test_what_cannot_be_bundled_is_one_clear_line(
    project: Path, words: list[str], line: str
) -> None:
    refused = bundled(project, *words)
    assert refused.exit_code == 1
    assert line in refused.stderr
    assert "Traceback" not in refused.stderr


def test_an_evaluation_of_other_weights_makes_no_bundle(project: Path) -> None:
    """Trained again and not evaluated again, a run has the threshold of weights that are gone."""
    path = project / SCORES
    kept = path.read_bytes()
    write_scores({split: found - 0.5 for split, found in read_scores(path).items()}, path)
    refused = bundled(project, "synthetic", "isd")
    path.write_bytes(kept)
    assert "the metrics are of other weights" in refused.stderr
    assert "run `kedro run --pipelines=evaluate --params cohort=synthetic" in refused.stderr
    assert not (project / "bundles").exists()


def test_an_ensemble_of_every_seed_weighs_the_mean_of_those_that_were_run(project: Path) -> None:
    """Both trainings of the network go along; the regression has one."""
    from isd_pipeline.catalog.bundling import bundle_of_run

    model = read_model(project / "data/06_models/synthetic/seeds_ensemble/seed_1")
    assert model.settings["runs"] == {"isd": [1, 2], "logistic_regression": [1]}
    made = bundle_of_run("synthetic", "seeds_ensemble", 1, project)
    of_network = made.settings["base_models"]["isd"]
    assert [one["seed"] for one in of_network["base_models"].values()] == [1, 2]
    assert "base_models" not in made.settings["base_models"]["logistic_regression"]
    assert made.max_tokens == 60
    for seed in ("1", "2"):
        trained = read_model(project / f"data/06_models/synthetic/isd/seed_{seed}").weights
        for name, values in trained.items():
            assert made.weights[f"isd/{seed}/{name}"].equal(values)


def test_an_ensemble_of_every_seed_has_one_run(project: Path) -> None:
    refused = python(project, "-c", RUN, "train:seeds_ensemble:2")
    assert (
        "seeds_ensemble weighs every seed of its base models, so it has one run: take seed=1, "
        "not seed=2"
    ) in refused.stderr


def test_an_ensemble_of_a_base_model_of_other_data_makes_no_bundle(project: Path) -> None:
    """Preprocessed anew and only one of them fitted again."""
    folder = project / "data/06_models/synthetic/logistic_regression/seed_1"
    model = read_model(folder)
    other = {**model.fingerprints, "data": "0" * 16}
    write_model(folder, model.weights, settings=model.settings, fingerprints=other)
    refused = bundled(project, "synthetic", "small_ensemble")
    write_model(folder, model.weights, settings=model.settings, fingerprints=model.fingerprints)
    assert (
        "logistic_regression is of other data than the ensemble; run `kedro run --pipelines=train "
        "--params cohort=synthetic,experiment=logistic_regression,seed=1` again"
    ) in refused.stderr
    assert not (project / "bundles").exists()


@pytest.fixture(scope="module")
def views(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of two views, far from the project."""
    folder = tmp_path_factory.mktemp("elsewhere") / "views"
    made = bundled(project, "synthetic", "two_views", "--to", folder)
    assert made.exit_code == 0, made.stderr
    return folder


def texts_of(project: Path) -> dict[str, str]:
    """By id the documents of the test split: a summary and its addenda are one."""
    texts: dict[str, str] = {}
    for note in pq.read_table(project / NOTES).to_pylist():
        earlier = texts.get(note["document_id"])
        texts[note["document_id"]] = f"{earlier}\n{note['text']}" if earlier else note["text"]
    ids = Documents.open(project / "data/05_model_input/synthetic/test").ids.tolist()
    return {name: texts[name] for name in ids}


def test_both_views_of_the_test_split_get_the_scores_of_the_evaluation(
    project: Path, views: Path, tmp_path: Path
) -> None:
    """By document id, though the two cohorts have their documents in different orders."""
    import numpy as np

    texts = texts_of(project)
    orders = [
        Documents.open(project / f"data/05_model_input/{cohort}/test").ids.tolist()
        for cohort in ("synthetic", "twin")
    ]
    assert orders[0] != orders[1]
    lines = [
        json.dumps({"id": name, "language": language, "text": text})
        for name, text in texts.items()
        for language in ("en", "es")
    ]
    (tmp_path / "notes.jsonl").write_text("\n".join(lines))
    coded = isd("code", views, tmp_path / "notes.jsonl", "--top", 1000, "--long-notes", "cut")
    assert coded.exit_code == 0, coded.output
    assert f"notes {len(texts)}, with a problem 0, not read whole {len(texts)}" in coded.output
    answers = map(json.loads, (tmp_path / "notes.jsonl.codes.jsonl").open(encoding="utf-8"))
    recorded = read_scores(project / OUTPUT.format("two_views"))["test"]
    made = read_view_bundle(views)
    assert list(made.views) == ["es", "en"]
    for answer, row in zip(answers, recorded.astype(np.float64), strict=True):
        found = {code["code"]: code["score"] for code in answer["codes"]}
        likely = 1 / (1 + np.exp(-row / made.temperature))
        np.testing.assert_allclose([found[c] for c in made.codes.codes], likely, rtol=1e-4)
        assert answer["views"] == ["es", "en"]


def test_each_view_alone_is_the_bundle_of_its_own_run(project: Path, views: Path) -> None:
    from isd_pipeline.catalog.bundling import bundle_of_run

    own = bundle_of_run("synthetic", "small_ensemble", 1, project)
    assert write_bundle(own, views.parent / "own") == read_bundle(views / "en").sha256
    assert read_bundle(views / "es").name == "twin-logistic_regression-1"


def test_views_whose_run_was_trained_again_make_no_bundle(project: Path) -> None:
    """The weights were fitted on scores that are gone."""
    path = project / "data/07_model_output/synthetic/two_views/seed_1/scores.safetensors"
    kept = path.read_bytes()
    write_scores({split: found + 0.5 for split, found in read_scores(path).items()}, path)
    refused = bundled(project, "synthetic", "two_views")
    path.write_bytes(kept)
    assert "the metrics are of other weights" in refused.stderr
    assert "--pipelines=train,evaluate --params cohort=synthetic,experiment=two_views" in (
        refused.stderr
    )


def test_the_evidence_of_two_views_is_asked_of_each(project: Path) -> None:
    refused = python(project, "-c", RUN, "evidence:two_views")
    assert "two_views weighs two views" in refused.stderr
    assert "ask for that of twin/logistic_regression or synthetic/small_ensemble" in refused.stderr
