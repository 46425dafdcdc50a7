"""One protocol: whatever was fitted reads a note alike; an ensemble reads as its parts, weighed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import expit
from torch import Tensor

from isd_pipeline.coding.bundle import Bundle, read_bundle, write_bundle
from isd_pipeline.coding.coder import Answer, Coder
from isd_pipeline.predictors.base import Predictor, TokenisedNote
from isd_pipeline.predictors.description_match import DescriptionMatch
from isd_pipeline.predictors.ensemble import (
    Ensemble,
    EnsembleConfig,
    Weights,
    kept_settings,
    under,
)
from isd_pipeline.predictors.linear_fit import LinearConfig
from isd_pipeline.predictors.linear_model import LinearModel
from isd_pipeline.predictors.registry import load
from isd_pipeline.predictors.sparse_arrays import to_tensors
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.stems import stemmer
from isd_pipeline.text.tokens import tokenize
from isd_pipeline.training.loop import TrainingConfig
from tests.coding.tiny import CODES, bundle_of, notes_of
from tests.predictors.mentions.tiny import dictionary

TEXTS = (
    "Acute pneumonia with sepsis.",
    "Chest pain and fevers; the pneumonia of the patient, chest pain of 38 days and a cough",
    "cough",
)
LINEAR = LinearModel(
    ("cough", "fevers", "with sepsis"),
    sparse.csr_matrix([[0, 4.5, 0, 0, 0], [0, -1, 2, 0, 0], [3, 0, 0, 0, 0]], dtype=float),
    np.array([-3.0, -2.0, -1.0, -2.5, -30.0]),
)
FREQUENCY = np.array([9.0, 7.0, 5.0, 3.0, 0.0])
MATCH = DescriptionMatch.of_names([[t] for t in CODES.titles], [["fever"], ["the"]], stemmer("en"))
Kept = tuple[dict[str, Any], dict[str, Tensor]]


def linear() -> Kept:
    """As `predictors/linear.py` keeps it."""
    settings = {"system": "logistic_regression", "model": asdict(LinearConfig())}
    return settings | {"ngrams": list(LINEAR.ngrams)}, to_tensors(LINEAR.arrays())


def ensemble_of_two(descriptions: bool = True) -> Bundle:
    """A network and a regression in one ensemble, whose weights are no round numbers."""
    network = bundle_of()
    config = EnsembleConfig(base_models=("isd", "words"), descriptions=descriptions)
    features = 10 if descriptions else 5
    weights = Weights(np.linspace(0.3, 1.2, features), np.linspace(-0.2, 0.4, features), -0.7)
    match = MATCH if descriptions else None
    ensemble = Ensemble(config.base_models, weights, FREQUENCY, match)
    of_words, words = linear()
    settings = kept_settings(config, ensemble, "en")
    settings["base_models"] = {"isd": network.settings, "words": of_words}
    own = to_tensors(ensemble.arrays())
    joined = joined_of({"ensemble": own, "isd": network.weights, "words": words})
    return replace(network, settings=settings, weights=joined, experiment="ensemble")


def mean_of_two() -> Kept:
    """Two trainings of a network that say different things."""
    one, draw = bundle_of(), torch.Generator().manual_seed(0)
    other = {k: v + 0.3 * torch.randn(v.shape, generator=draw) for k, v in one.weights.items()}
    settings = {"system": "mean", "base_models": {"1": one.settings, "2": one.settings}}
    return settings, joined_of({"1": one.weights, "2": other})


def joined_of(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    return {f"{name}/{key}": v for name, part in parts.items() for key, v in part.items()}


def kept_of(bundle: Bundle) -> Kept:
    return dict(bundle.settings), dict(bundle.weights)


def words_of(text: str) -> TokenisedNote:
    words = tokenize(text).words
    return TokenisedNote(words.to_pylist(), bundle_of().vocabulary.encode(words), np.array([0]))


def by_code(answer: Answer) -> dict[str, float]:
    return {code.code: code.score for code in answer.codes}


def test_a_regression_codes_from_its_bundle(tmp_path: Path) -> None:
    settings, weights = linear()
    made = replace(bundle_of(), settings=settings, weights=weights, temperature=1.0)
    write_bundle(made, tmp_path / "bundle")
    coder = Coder.open(tmp_path / "bundle")
    answers = coder.code(notes_of(*TEXTS))
    expected = expit(LINEAR([tokenize(text).words.to_pylist() for text in TEXTS[:2]]).astype(float))
    for answer, scores in zip(answers, expected, strict=False):
        assert [by_code(answer)[code] for code in CODES.codes] == scores.tolist()
        assert answer.truncated_at is None
    first = answers[0].codes[0]
    (span,) = first.evidence
    assert (first.code, TEXTS[0][span.begin : span.end]) == ("038.9", "with sepsis")
    assert span.weight == pytest.approx(1)
    assert coder.has_evidence
    assert all(code.sources is None for answer in answers for code in answer.codes)


@pytest.mark.parametrize("descriptions", [True, False])
def test_an_ensemble_scores_as_its_parts_weighed(tmp_path: Path, descriptions: bool) -> None:
    bundle = ensemble_of_two(descriptions)
    write_bundle(bundle, tmp_path / "bundle")
    again = read_bundle(tmp_path / "bundle")
    (answer,) = Coder(again, long_notes="cut").code(notes_of(TEXTS[1]))
    found = load(*kept_of(bundle)).read(words_of(TEXTS[1]), False)
    network = load(*kept_of(bundle_of())).read(words_of(TEXTS[1]), False)
    scores = {
        "isd": network.scores[None],
        "words": LINEAR([tokenize(TEXTS[1]).words.to_pylist()]),
    }
    weights = np.linspace(0.3, 1.2, 10 if descriptions else 5)
    plain = weights[0] * scores["isd"][0] + weights[1] * np.maximum(scores["words"][0], -12)
    plain += weights[3] * (scores["words"][0] <= -30) - 0.7
    plain += weights[-1] * np.log(FREQUENCY + 0.5)
    difference = found.scores - plain
    assert (np.abs(difference) > 0.01).tolist() == [False, *[descriptions] * 3, False]
    assert by_code(answer) == {
        code: float(expit(np.float64(score) / 2))
        for code, score in sorted(zip(CODES.codes, found.scores, strict=True), key=lambda x: -x[1])
    }


def test_what_the_sources_add_is_the_score_but_for_one_number_for_all() -> None:
    bundle = ensemble_of_two()
    (answer,) = Coder(bundle).code(notes_of(TEXTS[1]))
    rest = [
        np.log(code.score / (1 - code.score)) * 2 - sum((code.sources or {}).values())
        for code in answer.codes
    ]
    assert list(answer.codes[0].sources or {}) == ["isd", "words", "descriptions", "frequency"]
    assert rest == pytest.approx([rest[0]] * len(CODES), abs=1e-4)


def test_an_ensembles_evidence_is_that_of_its_parts() -> None:
    """Each by how much it adds; a part that tells against a code shows none."""
    note = words_of(TEXTS[1])
    found = load(*kept_of(ensemble_of_two())).read(note, True)
    assert found.evidence is not None
    assert found.sources is not None
    codes = np.array([2, 0])
    adds = found.sources(codes)
    isd = load(*kept_of(bundle_of())).read(note, True).evidence
    assert isd is not None
    parts = {"isd": isd(codes), "words": LINEAR.evidence(note.words, codes)}
    parts["descriptions"] = MATCH.evidence(note.words, codes)
    expected = sum(np.maximum(adds[name], 0)[:, None] * part for name, part in parts.items())
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.evidence(codes), expected, rtol=1e-9)
    assert found.evidence(codes)[0].argmax() == note.words.index("fevers")


def test_the_regression_and_the_descriptions_read_on_where_the_network_stops() -> None:
    """The network reads 12 words; the cough is the 15th."""
    bundle = ensemble_of_two()
    cut = TEXTS[1].replace(" and a cough", "")
    whole, short = Coder(bundle, long_notes="cut").code(notes_of(TEXTS[1], cut))
    assert whole.truncated_at is not None
    assert by_code(whole)["486"] > by_code(short)["486"]
    note = words_of(TEXTS[1])
    evidence = load(*kept_of(bundle)).read(note, True).evidence
    assert evidence is not None
    assert evidence(np.array([1]))[0, note.words.index("cough")] > 0


def test_several_seeds_are_read_in_the_mean() -> None:
    """Scores, and evidence: of two trainings that say different things."""
    note, (settings, weights) = words_of(TEXTS[1]), mean_of_two()
    parts = [under(seed, weights) for seed in ("1", "2")]
    alone = [load(bundle_of().settings, part).read(note, True) for part in parts]
    found = load(settings, weights).read(note, True)
    assert np.abs(alone[0].scores - alone[1].scores).max() > 0.1
    np.testing.assert_allclose(found.scores, (alone[0].scores + alone[1].scores) / 2, rtol=1e-6)
    codes = np.array([2, 0])
    shown = [each.evidence(codes) for each in alone if each.evidence is not None]
    assert found.evidence is not None
    np.testing.assert_allclose(found.evidence(codes), (shown[0] + shown[1]) / 2, rtol=1e-9)


KINDS: dict[str, Callable[[], Kept]] = {
    "network": lambda: kept_of(bundle_of()),
    "network by code": lambda: kept_of(bundle_of("caml")),
    "network without evidence": lambda: kept_of(bundle_of("bi_gru")),
    "linear": linear,
    "mention dictionary": dictionary,
    "ensemble": lambda: kept_of(ensemble_of_two()),
    "ensemble without descriptions": lambda: kept_of(ensemble_of_two(descriptions=False)),
    "mean": mean_of_two,
}
OF_EVERY_KIND = pytest.mark.parametrize("kind", KINDS)
NOTES = [words_of(text) for text in (*TEXTS, "of the and with", "unheardof")]


def made(kind: str) -> Predictor:
    return load(*KINDS[kind]())


@OF_EVERY_KIND
def test_scores_come_without_evidence_too_and_are_the_same(kind: str) -> None:
    predictor = made(kind)
    for note in NOTES:
        with_evidence, without = predictor.read(note, True), predictor.read(note, False)
        assert with_evidence.scores.shape == (len(CODES),)
        assert np.array_equal(with_evidence.scores, without.scores)
        assert without.evidence is None
        assert (with_evidence.evidence is not None) == predictor.has_evidence


@OF_EVERY_KIND
def test_the_evidence_of_a_code_is_a_whole_or_there_is_none(kind: str) -> None:
    predictor = made(kind)
    asked, whole = np.array([4, 0, 2]), 0
    for note in NOTES:
        evidence = predictor.read(note, True).evidence
        if evidence is None:
            assert not predictor.has_evidence
            continue
        found = evidence(asked)
        assert found.shape == (len(asked), len(note.words))
        assert (found >= 0).all()
        sums = found.sum(axis=1)
        assert sums == pytest.approx(np.round(sums), abs=1e-5)
        assert set(np.round(sums)) <= {0.0, 1.0}
        whole += int(np.round(sums).sum())
    assert (whole > 0) == predictor.has_evidence


@OF_EVERY_KIND
def test_a_reading_has_a_row_for_every_predicted_code_or_shared_representation(kind: str) -> None:
    predictor = made(kind)
    for note in NOTES if predictor.has_evidence else []:
        scores = predictor.read(note, False).scores
        threshold = float(np.median(scores))
        found = predictor.reading(note, threshold)
        predicted = np.flatnonzero(scores > threshold)
        np.testing.assert_allclose(found.scores, scores, rtol=1e-6, atol=1e-6)
        read = min(len(note.words), 12) if predictor.network is not None else len(note.words)
        if predictor.shares:
            rows = predictor.network.n_queries
            assert set(found.winners.tolist()) <= set(range(rows))
        else:
            rows = len(predicted)
            assert sorted(found.winners[predicted].tolist()) == list(range(rows))
            assert (np.delete(found.winners, predicted) == -1).all()
        assert found.attention.shape == (rows, read)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("network")])
def test_a_document_among_others_scores_as_it_is_read_alone(kind: str) -> None:
    predictor = load(*with_training(*KINDS[kind]()))
    note = words_of(TEXTS[1])
    together = predictor.score(documents_of([words_of(TEXTS[0]), note]))
    np.testing.assert_allclose(together[1], predictor.read(note, False).scores, rtol=1e-4)


def with_training(settings: dict[str, Any], weights: dict[str, Tensor]) -> Kept:
    """With the settings that scoring in batches takes, as a training keeps them."""
    training = asdict(TrainingConfig()) | settings["training"]
    return settings | {"training": training}, weights


def documents_of(notes: list[TokenisedNote]) -> Documents:
    lengths = [len(note.tokens) for note in notes]
    return Documents(
        ids=np.array([str(n) for n in range(len(notes))]),
        tokens=np.concatenate([note.tokens for note in notes]),
        token_starts=np.cumsum([0, *lengths]),
        labels=np.zeros(0, dtype=np.int32),
        label_starts=np.zeros(len(notes) + 1, dtype=np.int64),
    )


@pytest.mark.parametrize("kind", ["linear", "mention dictionary", "ensemble"])
def test_what_reads_words_does_not_score_token_ids(kind: str) -> None:
    with pytest.raises(ValueError, match="reads words, not token ids; fit it again"):
        made(kind).score(documents_of(NOTES))


def test_a_mean_of_trainings_without_evidence_shows_none() -> None:
    one = bundle_of("bi_gru")
    settings = {"system": "mean", "base_models": {"1": one.settings, "2": one.settings}}
    found = load(settings, joined_of({"1": one.weights, "2": one.weights}))
    assert not found.has_evidence
    assert found.read(NOTES[0], True).evidence is None
    with pytest.raises(ValueError, match="has evidence to show"):
        found.reading(NOTES[0], 0.0)


def test_an_ensemble_without_one_of_its_weights_is_refused_in_one_line() -> None:
    bundle = ensemble_of_two()
    less = {name: v for name, v in bundle.weights.items() if name != "words/bias"}
    with pytest.raises(
        ValueError, match=r"bundle tiny-ensemble-3, made by .*cannot build its model"
    ):
        Coder(replace(bundle, weights=less))
