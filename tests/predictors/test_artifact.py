"""What was fitted is the same predictor when it is read again, whatever its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from isd_pipeline.predictors import ensemble, linear
from isd_pipeline.predictors.artifact import (
    Artifact,
    find_artifacts,
    read_artifact,
    write_artifact,
)
from isd_pipeline.predictors.base import Fitted, Options, TrainingData
from isd_pipeline.predictors.cooccurrence import predictor as cooccurrence
from isd_pipeline.predictors.cooccurrence.predictor import NoisyOrConfig
from isd_pipeline.predictors.ensemble import EnsembleConfig
from isd_pipeline.predictors.linear_fit import LinearConfig
from isd_pipeline.predictors.network import scratch_folder
from isd_pipeline.predictors.registry import load
from isd_pipeline.text.documents import Documents
from tests.coding.tiny import CODES, bundle_of
from tests.predictors.mentions.tiny import dictionary
from tests.predictors.test_reading_notes import Kept, mean_of_two, words_of
from tests.predictors.test_reading_notes import linear as kept_linear

TEXTS = ("fever and pain", "sepsis", "chest pain with fever", "acute pneumonia", "the fever") * 4
NOTE = words_of("The fever and sepsis with chest pain of the cough")


def kept_network() -> Kept:
    return dict(bundle_of().settings), dict(bundle_of().weights)


def data(base_scores: dict | None = None) -> TrainingData:
    """Twenty notes a split; which codes a note has follows from its number."""
    words, vocabulary = [text.split() for text in TEXTS], bundle_of().vocabulary
    tokens, n = [vocabulary.encode(of_note) for of_note in words], len(TEXTS)
    documents = Documents(
        ids=np.array([str(number) for number in range(n)]),
        tokens=np.concatenate(tokens),
        token_starts=np.cumsum([0, *map(len, tokens)]),
        labels=(np.arange(n) % 5).astype(np.int32),
        label_starts=np.arange(n + 1),
    )
    return TrainingData(
        documents=dict.fromkeys(("train", "dev", "test"), documents),
        codes=CODES,
        vocabulary=vocabulary,
        revision="icd9",
        language="en",
        tokeniser="caml",
        vectors=unwanted,
        words=lambda: dict.fromkeys(("train", "dev", "test"), words),
        base_scores=base_scores or {},
    )


def unwanted() -> None:
    raise AssertionError("no word vectors are read")


OPTIONS = Options(seed=1, dev_figures=lambda gold, scores: {})


def fitted_linear(system: str = "logistic_regression") -> Fitted:
    return linear.fit(system, {"model": LinearConfig(min_df=1, cost=10.0)}, data(), OPTIONS)


def kept_noisy_or() -> Kept:
    config = NoisyOrConfig(min_df=1)
    fitted = cooccurrence.fit("noisy_or", {"model": config}, data(), OPTIONS)
    return dict(fitted.settings), dict(fitted.weights)


@pytest.mark.parametrize(
    "kept", [kept_network, kept_linear, kept_noisy_or, mean_of_two, dictionary]
)
def test_it_reads_a_note_as_before_it_was_written(tmp_path: Path, kept: Callable[[], Kept]) -> None:
    settings, weights = kept()
    before = load(settings, weights).read(NOTE, True)
    write_artifact(Artifact.of(Fitted(weights, settings, {}), data(), 3), tmp_path / "model")
    again = read_artifact(tmp_path / "model")
    assert again.settings["seed"] == 3
    assert again.scores is None
    after = load(again.settings, again.weights).read(NOTE, True)
    assert np.array_equal(before.scores, after.scores)
    assert before.evidence is not None
    assert after.evidence is not None
    assert np.array_equal(before.evidence(np.array([2, 0])), after.evidence(np.array([2, 0])))


def test_a_fitted_regression_comes_with_its_scores_and_reads_by_them(tmp_path: Path) -> None:
    fitted = fitted_linear()
    write_artifact(Artifact.of(fitted, data(), 1), tmp_path / "model")
    again = read_artifact(tmp_path / "model")
    assert again.scores is not None
    assert fitted.scores is not None
    assert again.scores.keys() == {"dev", "test"}
    for split, scores in fitted.scores.items():
        assert np.array_equal(again.scores[split], scores)
    predictor = load(again.settings, again.weights)
    read = [predictor.read(words_of(text), False).scores for text in TEXTS]
    np.testing.assert_allclose(np.stack(read), again.scores["test"], rtol=1e-5)
    assert again.fingerprints == {**again.fingerprints, "codes": CODES.fingerprint}


def test_a_fitted_ensemble_says_which_runs_it_weighed_and_scores_dev_unseen(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    runs = {
        seed: {split: draw.normal(size=(20, 5)).astype(np.float32) for split in ("dev", "test")}
        for seed in (1, 2)
    }
    base = {"isd": {seed: lambda seed=seed: runs[seed] for seed in runs}}
    config = EnsembleConfig(base_models=("isd",), every_seed=True)
    fitted = ensemble.fit("ensemble", {"model": config}, data(base), OPTIONS)
    assert fitted.settings["runs"] == {"isd": [1, 2]}
    assert fitted.figures["seeds"] == 2
    write_artifact(Artifact.of(fitted, data(), 1), tmp_path / "model")
    again = read_artifact(tmp_path / "model")
    assert again.scores is not None
    assert fitted.scores is not None
    assert np.array_equal(again.scores["dev"], fitted.scores["dev"])
    own = {f"ensemble/{name}": v for name, v in again.weights.items()}
    whole = load({**again.settings, "base_models": {}}, own)
    words = [text.split() for text in TEXTS]
    mean = {"isd": (runs[1]["test"] + runs[2]["test"]) / 2}
    x = whole.ensemble.features(mean, words)
    np.testing.assert_allclose(whole.ensemble.weights.score(x), again.scores["test"], rtol=1e-5)


def test_a_baseline_without_weights_cannot_read_notes(tmp_path: Path) -> None:
    fitted = fitted_linear("linear_svm")
    artifact = Artifact.of(fitted, data(), 1)
    assert artifact.weights_sha256 is None
    write_artifact(artifact, tmp_path / "model")
    again = read_artifact(tmp_path / "model")
    assert again.scores is not None
    assert again.scores["test"].shape == (20, 5)
    told = r"^the weights of linear_svm are not kept: they would be too many$"
    with pytest.raises(ValueError, match=told):
        load(again.settings, again.weights)


def test_fitted_again_without_scores_none_of_before_are_left(tmp_path: Path) -> None:
    write_artifact(Artifact.of(fitted_linear(), data(), 1), tmp_path)
    settings, weights = kept_network()
    write_artifact(Artifact.of(Fitted(weights, settings, {}), data(), 1), tmp_path)
    assert read_artifact(tmp_path).scores is None
    assert len(list(tmp_path.iterdir())) == 2


def test_the_states_of_an_interrupted_training_go_when_the_model_is_there(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "epoch-0001.json").write_text("{}")
    settings, weights = kept_network()
    fitted = Fitted(weights, settings, {}, scratch=scratch, fingerprints={"encoder": "e"})
    write_artifact(Artifact.of(fitted, data(), 1), tmp_path / "model")
    assert not list(scratch.glob("epoch-*"))
    assert read_artifact(tmp_path / "model").fingerprints["encoder"] == "e"


def test_the_hash_is_that_of_the_weights_alone() -> None:
    settings, weights = kept_network()
    one = Artifact.of(Fitted(weights, settings, {}), data(), 1)
    other = Artifact.of(Fitted(weights, settings | {"x": 1}, {}), data(), 2)
    moved = {name: value + 1e-6 for name, value in weights.items()}
    assert one.weights_sha256 == other.weights_sha256
    assert one.weights_sha256 != Artifact.of(Fitted(moved, settings, {}), data(), 1).weights_sha256


def test_the_models_of_a_cohort_are_found_by_experiment_and_seed(tmp_path: Path) -> None:
    for name, seed in (("isd", 1), ("isd", 10), ("words", 1)):
        folder = tmp_path / name / f"seed_{seed}"
        write_artifact(Artifact.of(Fitted({}, {"system": name}, {}), data(), seed), folder)
    (tmp_path / "isd/seed_2").mkdir()  # a training that did not come to its end
    found = find_artifacts(tmp_path)
    assert found.keys() == {("isd", 1), ("isd", 10), ("words", 1)}
    assert found["isd", 10]().settings == {"system": "isd", "seed": 10}


def test_a_predictor_is_on_the_device_it_was_asked_for() -> None:
    settings, weights = kept_network()
    found = load(settings, weights, "cpu")
    assert found.network is not None
    assert {p.device for p in found.network.parameters()} == {torch.device("cpu")}
    assert not found.network.training


def test_an_interrupted_training_is_found_by_the_same_settings_data_code_and_inputs_alone():
    settings, marks = {"system": "isd", "seed": 1}, {"data": "a"}
    found = scratch_folder([settings, marks], "c", "r")
    assert found == scratch_folder([dict(settings), dict(marks)], "c", "r")
    others = [
        ([settings | {"seed": 2}, marks], "c", "r"),
        ([settings, {"data": "b"}], "c", "r"),
        ([settings, marks], "d", "r"),
        ([settings, marks], "c", "s"),
    ]
    assert found not in [scratch_folder(*other) for other in others]
