"""A search goes on where it was killed, and never sees the test split."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kedro.config import OmegaConfigLoader

from isd_pipeline.catalog.run_context import RunContext
from isd_pipeline.config.experiments import read_plan
from isd_pipeline.config.reading import read_config
from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.embeddings.codes import average_titles
from isd_pipeline.embeddings.words import Embedding
from isd_pipeline.pipelines.search.nodes import search_settings
from isd_pipeline.pipelines.search.rows import write_rows
from isd_pipeline.pipelines.search.space import SearchSettings, read_search, searched
from isd_pipeline.pipelines.search.trials import (
    Report,
    Tried,
    best_of,
    go_on,
    read_tried,
    run_trial,
    write_tried,
)
from isd_pipeline.pipelines.train.nodes import train
from isd_pipeline.settings import CONFIG_LOADER_ARGS
from isd_pipeline.text.documents import Documents, open_development
from isd_pipeline.text.vocabulary import Vocabulary
from isd_pipeline.tracking import open_run as tracking
from isd_pipeline.tracking.tracker import Tracker, TrackingSettings

METRIC = "dev_f1_micro_tuned"
WORDS = Vocabulary(tuple(f"word{n:02d}" for n in range(12)))
CODES = CodeIndex(
    ("250.00", "401.9", "428.0"), ("diagnosis",) * 3, ("word00 word01", "word02", "word03")
)
ROW = {"model": {"dropout": 0.2}, "training": {"patience": 2}}
SECTION = {
    "trials": 3,
    "metric": METRIC,
    "pruning": {"warm_up_epochs": 1, "first_trials": 1},
    "space": {
        "training.learning_rate": {"low": 1.0e-3, "high": 0.1, "log": True},
        "objective.weights.distillation": {"choices": [0, 0.01]},
        "model.n_queries": {"low": 1, "high": 3},
    },
}


def parameters(section: dict[str, Any] = SECTION) -> dict[str, Any]:
    model = {"width": 8, "kernel_sizes": [3], "n_layers": 1}
    training = {"max_epochs": 4, "warm_up_epochs": 1, "batch_size": 4, "metric": "dev_f1_micro"}
    extract = {"source": "mimic3", "raw": "nowhere"}
    tiny = {"training": training, "systems": {"isd": {"model": model}}}
    return {
        "cohort": "tiny",
        "experiment": "small",
        "seed": 1,
        "device": "cpu",
        "jobs": 1,
        "cohorts": {"tiny": {"extract": extract, "train": tiny}},
        "experiments": {"small": ROW},
        "search": {"small": section},
    }


def documents(n: int, seed: int) -> Documents:
    """Documents of 6 words and one code, which is the number of the first word."""
    draw = np.random.default_rng(seed)
    tokens = draw.integers(1, 13, 6 * n).astype(np.int32)
    labels = draw.integers(0, 3, n).astype(np.int32)
    tokens[::6] = labels + 1
    ids = np.array([f"{seed}-{number}" for number in range(n)])
    return Documents(ids, tokens, np.arange(0, 6 * n + 1, 6), labels, np.arange(n + 1))


def vectors(width: int) -> Embedding:
    matrix = np.random.default_rng(width).normal(size=(WORDS.rows, width)).astype(np.float32)
    return Embedding(matrix, {"vocabulary": WORDS.fingerprint})


def no_words() -> None:
    raise AssertionError("a network reads token ids")


def no_mentions() -> None:
    raise AssertionError("no row here learns from marks")


def no_scores() -> None:
    raise AssertionError("only an ensemble has base models")


CONTEXT = RunContext()
INPUTS = (
    {"train": documents(16, seed=1), "dev": documents(8, seed=2)},  # no test split
    CODES,
    WORDS,
    lambda: lambda **_: vectors(6),
    lambda: lambda **_: vectors(8),
    lambda: lambda **_: average_titles(CODES, WORDS, vectors(8)),
    no_words,
    no_mentions,
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tracker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tracker]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    yield Tracker(TrackingSettings(uri=f"sqlite:///{folder}/mlflow.db"))
    tracking.close("FINISHED")


def settings(**changes: Any) -> SearchSettings:
    return read_config(SearchSettings, SECTION | changes, "search")


def curve(values: dict[str, Any]) -> list[float]:
    """What a training with these settings might score, epoch by epoch."""
    end = 1 / (1 + abs(np.log(values["training.learning_rate"] / 0.01))) / values["model.n_queries"]
    return [end * share for share in (0.5, 0.8, 1.0, 0.9)]


def pretend(epochs: list[float]) -> Callable[[Report], float]:
    def train(report: Report) -> float:
        for epoch, value in enumerate(epochs, start=1):
            report(epoch, value)
        return max(epochs)

    return train


def tried_by(changed: SearchSettings, path: Path, killed_at: int | None = None) -> bytes:
    """The record of a search, killed once in the middle of a trial if that is asked for."""

    def run(trial: Any) -> Tried:
        if trial.number == killed_at:
            trial.report(0.5, step=1)
            raise KeyboardInterrupt
        return run_trial(trial, pretend(curve(trial.params)))

    go_on(changed, 1, read_tried(path), run, lambda tried: write_tried(path, tried))
    return path.read_bytes()


GRID = {
    "sampler": "grid",
    "trials": 100,
    "space": {
        "training.learning_rate": {"choices": [0.001, 0.01, 0.1]},
        "model.n_queries": {"choices": [1, 2]},
    },
}


@pytest.mark.parametrize(("changes", "n"), [({"trials": 14}, 14), (GRID, 6)], ids=["tpe", "grid"])
def test_a_killed_search_goes_on_to_the_very_trials_of_an_unbroken_one(
    changes: dict[str, Any], n: int, tmp_path: Path
) -> None:
    unbroken = tried_by(settings(**changes), tmp_path / "unbroken.json")
    assert {one["state"] for one in json.loads(unbroken)} == {"complete", "pruned"}
    for number in range(n):
        path = tmp_path / f"{number}.json"
        with pytest.raises(KeyboardInterrupt):
            tried_by(settings(**changes), path, killed_at=number)
        assert len(read_tried(path)) == number
        assert tried_by(settings(**changes), path) == unbroken


def test_the_seed_makes_the_trials(tmp_path: Path) -> None:
    def first(seed: int) -> dict[str, Any]:
        run = lambda trial: run_trial(trial, pretend([0.5]))  # noqa: E731
        return dict(go_on(settings(trials=1), seed, [], run, lambda _: None)[0].values)

    assert first(1) == first(1) != first(2)


def test_a_grid_is_every_combination_once(tmp_path: Path) -> None:
    trials = json.loads(tried_by(settings(**GRID), tmp_path / "grid.json"))
    found = sorted(tuple(sorted(one["values"].items())) for one in trials)
    assert found == sorted(
        (("model.n_queries", n), ("training.learning_rate", rate))
        for n in (1, 2)
        for rate in (0.001, 0.01, 0.1)
    )


def test_a_trial_under_the_median_is_cut_short_after_the_warm_up_and_is_not_best() -> None:
    given = iter([[0.5, 0.5, 0.5], [0.6, 0.6, 0.6], [0.1, 0.1, 0.9], [0.7, 0.7, 0.7]])
    pruning = {"warm_up_epochs": 1, "first_trials": 2}
    tried = go_on(
        settings(trials=4, pruning=pruning),
        1,
        [],
        lambda trial: run_trial(trial, pretend(next(given))),
        lambda _: None,
    )
    assert [one.state for one in tried] == ["complete", "complete", "pruned", "complete"]
    assert tried[2].epochs == [0.1, 0.1]
    assert best_of(tried).number == 3


def test_a_pruned_trial_is_not_best_however_high_it_stood() -> None:
    low = Tried(number=0, state="complete", values={}, epochs=[0.4], score=0.4)
    high = Tried(number=1, state="pruned", values={}, epochs=[0.9])
    assert best_of([low, high]) == low
    with pytest.raises(ValueError, match="none of 1 trials came to its end"):
        best_of([high])


def test_a_training_that_diverges_is_a_trial_and_not_the_end_of_the_search() -> None:
    def train(report: Report) -> float:
        raise FloatingPointError("epoch 1, batch 1: not finite")

    tried = go_on(settings(), 1, [], lambda trial: run_trial(trial, train), lambda _: None)
    assert [one.state for one in tried] == ["diverged"] * 3


def test_a_real_search_killed_in_an_epoch_goes_on_in_the_same_runs_to_the_same_rows(
    folder: Path, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken, row = search_settings(*INPUTS, CONTEXT, parameters())
    next(Path("scratch/search").iterdir()).unlink()

    epochs: list[int] = []

    def killing(metrics: Any, step: int = 0, **_: Any) -> None:
        epochs.append(step)
        if epochs.count(2) == 2:  # the second epoch of the second trial
            raise KeyboardInterrupt

    tracking.use(tracker)
    with monkeypatch.context() as patched:
        patched.setattr(tracker, "log", killing)
        with pytest.raises(KeyboardInterrupt):
            search_settings(*INPUTS, CONTEXT, parameters())
    tracking.close("KILLED")
    tracking.use(tracker)
    resumed, same_row = search_settings(*INPUTS, CONTEXT, parameters())
    assert resumed.to_csv() == unbroken.to_csv()
    assert same_row == row

    runs = tracker.client.search_runs([tracker.experiment_id], "tags.seed = '1'")
    assert sorted(run.info.run_name for run in runs) == [f"trial {n}, seed 1" for n in (1, 2, 3)]
    assert {run.info.status for run in runs} == {"FINISHED"}
    (parent,) = {run.data.tags["mlflow.parentRunId"] for run in runs}
    assert tracker.client.get_run(parent).info.run_name == "tiny: search of small"
    assert {run.data.params["training.learning_rate"] for run in runs} == {
        str(rate) for rate in unbroken["training.learning_rate"]
    }
    assert not [name for run in runs for name in run.data.metrics if "test" in name]


@pytest.mark.parametrize("row", [ROW, {"system": "hypercore", "model": {"filters": 4}}])
def test_the_best_row_trained_as_an_experiment_scores_what_its_trial_did(
    row: dict[str, Any], folder: Path
) -> None:
    space = {"training.learning_rate": {"low": 1.0e-3, "high": 0.1, "log": True}}
    section = {"trials": 2, "metric": "dev_f1_micro", "space": space}
    these = parameters(section) | {"experiments": {"small": row}}
    trials, found = search_settings(*INPUTS, CONTEXT, these)
    write_rows(found, Path("row.yml"))
    experiments = OmegaConfigLoader(".", base_env=".", config_patterns={"rows": ["row*"]})["rows"]
    chosen = these | {"experiment": "small_searched"} | experiments
    _, _, figures = train(*INPUTS, no_scores, no_scores, CONTEXT, chosen)
    assert figures["best_dev_score"] == trials["score"].max()


def test_a_searched_row_lies_beside_a_persons_own_and_reads_as_it_was_tried(folder: Path) -> None:
    values = {
        "training.learning_rate": 1.2345678901234567e-05,
        "objective.weights.distillation": 0,
        "model.learned_temperature": True,
        "model.label_bias": "zeros",
        "training.weight_decay": 0,
    }
    tried = searched(parameters(), values)
    for path, text in {
        "base/parameters_experiments.yml": f"experiments: {{small: {json.dumps(ROW)}}}",
        "local/parameters_experiments.yml": "experiments: {own: {model: {width: 4}}}",
    }.items():
        Path(path).parent.mkdir()
        Path(path).write_text(text)
    local = Path("local/parameters_searched.yml")
    write_rows({"earlier": {"model": {"width": 4}}}, local)
    write_rows({"small_searched": tried["experiments"]["small_searched"]}, local)
    found = OmegaConfigLoader(".", **CONFIG_LOADER_ARGS)["parameters"]["experiments"]
    assert set(found) == {"small", "own", "earlier", "small_searched"}
    assert read_plan(tried | {"experiments": found}) == read_plan(tried)
    assert read_plan(tried).sections["training"].learning_rate == 1.2345678901234567e-05
    assert read_plan(tried).sections["model"].dropout == 0.2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"trails": 3}, " has no 'trails'; did you mean 'trials'?"),
        ({"metric": "test_f1_micro"}, ": metric has no 'test_f1_micro'; did you mean 'dev_f1_m"),
        ({"sampler": "grid"}, ": sampler grid wants choices alone, and training.learning_rate is"),
        ({"pruning": {"warm_up": 1}}, ".pruning has no 'warm_up'; did you mean 'warm_up_epochs'?"),
        (
            {"space": {"model.n_querys": {"choices": [1]}}},
            ".space has no 'model.n_querys'; did you mean 'model.n_queries'?",
        ),
        (
            {"space": {"model.width": {"choice": [8]}}},
            ".space.model.width has no 'choice'; did you mean 'choices'?",
        ),
        (
            {"space": {"model.width": {"low": 8}}},
            ".space.model.width: give either choices, or both",
        ),
        (
            {"space": {"model.width": {"low": 8, "high": 8}}},
            ".space.model.width: low=8 must be below high=8",
        ),
        (
            {"space": {"model.dropout": {"low": 0, "high": 0.5, "log": True}}},
            ".space.model.dropout: log wants a low above 0",
        ),
        (
            {"space": {"model.width": {"choices": [8, "16"]}}},
            ".space: model.width: 16 does not fit: model.width: Input should be a valid integer",
        ),
        (
            {"space": {"model.dropout": {"low": 0.0, "high": 1.0}}},
            ".space: model.dropout: 1.0 does not fit: model: ISDConfig.dropout=1.0 is not in "
            "[0, 1)",
        ),
    ],
)
def test_a_space_that_cannot_be_tried_is_refused_in_one_line(
    changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match="small") as caught:
        read_search(parameters(SECTION | changes))
    assert str(caught.value).startswith(f"conf/base/parameters_search.yml: search.small{told}")
    assert "\n" not in str(caught.value)


def test_settings_that_do_not_go_together_are_refused_trials(folder: Path) -> None:
    space = {
        "model.representation": {"choices": ["shared", "per_label"]},  # has nothing to distil
    }
    section = {"trials": 2, "metric": METRIC, "space": space, "sampler": "grid"}
    trials, _ = search_settings(*INPUTS, CONTEXT, parameters(section))
    assert trials.set_index("model.representation")["state"].to_dict() == {
        "shared": "complete",
        "per_label": "refused",
    }


def test_a_search_opens_the_documents_of_train_and_dev_alone(folder: Path) -> None:
    for split in ("train", "dev"):
        INPUTS[0][split].save(folder / split)
    assert set(open_development(folder)) == {"train", "dev"}
