"""What reads a note: a stack says what its parts say, weighed, and points where they point."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from isd_pipeline.predictors.kept import keep_linear, keep_stack
from isd_pipeline.predictors.readers import NoteWords, reader_of
from scipy import sparse
from scipy.special import expit
from torch import Tensor

from isd_pipeline.coding.bundle import Bundle, read_bundle, write_bundle
from isd_pipeline.coding.coder import Answer, Coder
from isd_pipeline.predictors.description_match import TitleMatch
from isd_pipeline.predictors.ensemble import Stack, StackConfig, Weights
from isd_pipeline.predictors.linear import LinearModel
from isd_pipeline.predictors.linear_fit import LinearFloorConfig
from isd_pipeline.text.stems import stemmer
from isd_pipeline.text.tokens import tokenize
from tests.coding.tiny import CODES, bundle_of, notes_of

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
Kept = tuple[dict[str, Any], dict[str, Tensor]]


def linear() -> Kept:
    return keep_linear("logistic_regression", LinearFloorConfig(), LINEAR)


def stack_of_two(titles: bool = True) -> Bundle:
    """A network and a regression under one stack, whose weights are no round numbers."""
    network = bundle_of()
    config = StackConfig(members=("isd", "words"), titles=titles)
    stem = stemmer("en")
    match = TitleMatch.of_names([[t] for t in CODES.titles], [["fever"], ["the"]], stem)
    features = 10 if titles else 5
    weights = Weights(np.linspace(0.3, 1.2, features), np.linspace(-0.2, 0.4, features), -0.7)
    stack = Stack(config.members, weights, FREQUENCY, match if titles else None)
    settings, own = keep_stack(config, stack, "en")
    of_words, words = linear()
    settings["members"] = {"isd": network.settings, "words": of_words}
    parts = {"stack": own, "isd": network.weights, "words": words}
    joined = {f"{name}/{key}": v for name, part in parts.items() for key, v in part.items()}
    return replace(network, settings=settings, weights=joined, experiment="stack")


def words_of(text: str, bundle: Bundle) -> NoteWords:
    words = tokenize(text).words
    return NoteWords(words.to_pylist(), bundle.vocabulary.encode(words), np.array([0]))


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


@pytest.mark.parametrize("titles", [True, False])
def test_a_stack_scores_as_its_parts_weighed(tmp_path: Path, titles: bool) -> None:
    bundle = stack_of_two(titles)
    write_bundle(bundle, tmp_path / "bundle")
    read = reader_of(bundle.settings, bundle.weights).read
    again = read_bundle(tmp_path / "bundle")
    (answer,) = Coder(again).code(notes_of(TEXTS[1]))
    found = read(words_of(TEXTS[1], bundle), False)
    network = reader_of(bundle_of().settings, bundle_of().weights).read
    scores = {
        "isd": network(words_of(TEXTS[1], bundle), False).scores[None],
        "words": LINEAR([tokenize(TEXTS[1]).words.to_pylist()]),
    }
    weights = np.linspace(0.3, 1.2, 10 if titles else 5)
    plain = weights[0] * scores["isd"][0] + weights[1] * np.maximum(scores["words"][0], -12)
    plain += weights[3] * (scores["words"][0] <= -30) - 0.7
    plain += weights[-1] * np.log(FREQUENCY + 0.5)
    difference = found.scores - plain
    assert (np.abs(difference) > 0.01).tolist() == [False, titles, titles, titles, False]
    assert by_code(answer) == {
        code: float(expit(np.float64(score) / 2))
        for code, score in sorted(zip(CODES.codes, found.scores, strict=True), key=lambda x: -x[1])
    }


def test_what_the_sources_add_is_the_score_but_for_one_number_for_all() -> None:
    bundle = stack_of_two()
    (answer,) = Coder(bundle).code(notes_of(TEXTS[1]))
    rest = [
        np.log(code.score / (1 - code.score)) * 2 - sum((code.sources or {}).values())
        for code in answer.codes
    ]
    assert list(answer.codes[0].sources or {}) == ["isd", "words", "names", "frequency"]
    assert rest == pytest.approx([rest[0]] * len(CODES), abs=1e-4)


def test_a_stack_points_where_its_parts_point() -> None:
    """Each by how much it adds; a part that speaks against a code points at nothing."""
    bundle = stack_of_two()
    note = words_of(TEXTS[1], bundle)
    found = reader_of(bundle.settings, bundle.weights).read(note, True)
    assert found.evidence is not None
    assert found.sources is not None
    codes = np.array([2, 0])
    adds = found.sources(codes)
    names = TitleMatch.of_names([[t] for t in CODES.titles], [["fever"], ["the"]], stemmer("en"))
    isd = reader_of(bundle_of().settings, bundle_of().weights).read(note, True).evidence
    assert isd is not None
    parts = {"isd": isd(codes), "words": LINEAR.evidence(note.words, codes)}
    parts["names"] = names.evidence(note.words, codes)
    expected = sum(np.maximum(adds[name], 0)[:, None] * part for name, part in parts.items())
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.evidence(codes), expected, rtol=1e-9)
    assert found.evidence(codes)[0].argmax() == note.words.index("fevers")


def test_the_regression_and_the_names_read_on_where_the_network_stops() -> None:
    """The network reads 12 words; the cough is the 15th."""
    bundle = stack_of_two()
    cut = TEXTS[1].replace(" and a cough", "")
    whole, short = Coder(bundle).code(notes_of(TEXTS[1], cut))
    assert whole.truncated_at is not None
    assert by_code(whole)["486"] > by_code(short)["486"]
    note = words_of(TEXTS[1], bundle)
    evidence = reader_of(bundle.settings, bundle.weights).read(note, True).evidence
    assert evidence is not None
    assert evidence(np.array([1]))[0, note.words.index("cough")] > 0


def test_several_seeds_are_read_in_the_mean() -> None:
    """Scores, and where they point: of two trainings that say different things."""
    one, note = bundle_of(), words_of(TEXTS[1], bundle_of())
    draw = torch.Generator().manual_seed(0)
    other = {k: v + 0.3 * torch.randn(v.shape, generator=draw) for k, v in one.weights.items()}
    settings = {"system": "mean", "members": {"1": one.settings, "2": one.settings}}
    parts = {"1": one.weights, "2": other}
    joined = {f"{seed}/{name}": v for seed, part in parts.items() for name, v in part.items()}
    alone = [reader_of(one.settings, part).read(note, True) for part in parts.values()]
    found = reader_of(settings, joined).read(note, True)
    assert np.abs(alone[0].scores - alone[1].scores).max() > 0.1
    np.testing.assert_allclose(found.scores, (alone[0].scores + alone[1].scores) / 2, rtol=1e-6)
    codes = np.array([2, 0])
    shown = [each.evidence(codes) for each in alone if each.evidence is not None]
    assert found.evidence is not None
    np.testing.assert_allclose(found.evidence(codes), (shown[0] + shown[1]) / 2, rtol=1e-9)


def test_scores_come_without_evidence_too_and_are_the_same() -> None:
    bundle = stack_of_two()
    read = reader_of(bundle.settings, bundle.weights).read
    note = words_of(TEXTS[1], bundle)
    with_evidence, without = read(note, True), read(note, False)
    assert without.evidence is None
    assert np.array_equal(with_evidence.scores, without.scores)


def test_a_stack_without_one_of_its_weights_is_refused_in_one_line() -> None:
    bundle = stack_of_two()
    less = {name: v for name, v in bundle.weights.items() if name != "words/bias"}
    with pytest.raises(ValueError, match=r"bundle tiny-stack-3, made by .*cannot build its model"):
        Coder(replace(bundle, weights=less))
