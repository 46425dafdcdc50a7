"""Notes that say nothing get no code that is not explained, whatever kind of model reads them.

Every kind that can be bundled, most of them fitted on a few small documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit
from torch import Tensor

from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.coder import Answer, Coder
from isd_pipeline.predictors import linear
from isd_pipeline.predictors.linear_fit import LinearConfig
from isd_pipeline.text.documents import Documents
from tests.coding.test_caution import usual_of
from tests.coding.tiny import CODES, bundle_of, notes_of
from tests.predictors.mentions.tiny import TRAIN as MARKED
from tests.predictors.mentions.tiny import dictionary, vocabulary_of
from tests.predictors.test_artifact import OPTIONS, data, kept_noisy_or
from tests.predictors.test_reading_notes import Kept, ensemble_of_two, mean_of_two

SIGNS = ("sign0a fever", "sign1b", "the sign2a fever", "fever sign3c", "sign4a of the fever")
FITTED_ON = ("fever and pain", "sepsis", "chest pain with fever", "acute pneumonia", "the fever")
UNKNOWN = (
    "kuume yskä",
    "xqz jjk",
    "発熱と咳があります",
    "12 345 6.7",
    "-- ** --",
    "",
    " \n\t",
    "🩺",
)
LOW = float(logit(0.3))  # as thresholds are that were tuned on real notes
EMPTY = ("of the and with", "the", "Patient of the", "and and and")  # words that say nothing


def kept_linear() -> Kept:
    """Of 150 notes that all begin alike; each code is in about 15 and has signs of its own."""
    draw, words, codes = np.random.default_rng(0), [], []
    for _ in range(150):
        own = np.flatnonzero(draw.random(len(CODES)) < 0.12)
        aside = draw.choice([f"aside{number}" for number in range(40)], 8).tolist()
        signs = [f"sign{code}{draw.choice(list('abc'))}" for code in own]
        words.append(["the", "patient", "was", "of", "and", "with", *aside, *signs])
        codes.append(own)
    n, splits = len(words), ("train", "dev", "test")
    documents = Documents(
        ids=np.arange(n).astype(str),
        tokens=np.ones(sum(map(len, words)), dtype=np.int32),
        token_starts=np.cumsum([0, *map(len, words)]),
        labels=np.concatenate(codes).astype(np.int32),
        label_starts=np.cumsum([0, *map(len, codes)]),
    )
    learned = replace(
        data(),
        documents=dict.fromkeys(splits, documents),
        words=lambda: dict.fromkeys(splits, words),
    )
    found = linear.fit("logistic_regression", {"model": LinearConfig(min_df=2)}, learned, OPTIONS)
    return dict(found.settings), dict(found.weights)


def kept_network(system: str) -> Callable[[], Kept]:
    def kept() -> Kept:
        bundle = bundle_of(system)
        return dict(bundle.settings), dict(bundle.weights)

    return kept


KINDS: dict[str, Callable[[], Kept]] = {
    **{name: kept_network(name) for name in ("isd", "caml", "bi_gru", "laat", "multirescnn")},
    "linear": kept_linear,
    "noisy-or": kept_noisy_or,
    "mention dictionary": dictionary,
    "ensemble with descriptions": lambda: kept_of(ensemble_of_two()),
    "ensemble": lambda: kept_of(ensemble_of_two(descriptions=False)),
    "mean": mean_of_two,
}
OF_EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


def kept_of(bundle: Bundle) -> tuple[Mapping[str, object], Mapping[str, Tensor]]:
    return bundle.settings, bundle.weights


def bundled(kind: str) -> Bundle:
    settings, weights = KINDS[kind]()
    made = replace(bundle_of(), settings=settings, weights=weights, threshold_tuned=LOW)
    if kind == "mention dictionary":
        made = replace(made, vocabulary=vocabulary_of(MARKED))
    return replace(made, usual=usual_of(made, FITTED_ON))


def above(answer: Answer) -> list[str]:
    return [code.code for code in answer.codes if code.above_threshold]


@OF_EVERY_KIND
def test_a_note_without_a_known_word_has_a_problem_and_no_code(kind: str) -> None:
    for answer in Coder(bundled(kind)).code(notes_of(*UNKNOWN)):
        assert answer.problem
        assert answer.codes == ()
        assert answer.unknown_words == answer.words


@OF_EVERY_KIND
def test_where_no_word_is_evidence_for_a_code_the_answer_says_so(kind: str) -> None:
    coder = Coder(bundled(kind))
    for answer in coder.code(notes_of(*EMPTY, *FITTED_ON)):
        shown = [code for code in answer.codes if code.above_threshold and code.evidence]
        told = [one["kind"] for one in answer.caution or ()]
        expected = bool(above(answer)) and not shown and coder.has_evidence
        assert ("no_evidence" in told) == expected


@pytest.mark.parametrize("kind", ["linear", "noisy-or", "mention dictionary"])
def test_what_reads_words_gives_no_code_without_one_that_is_evidence(kind: str) -> None:
    coder = Coder(bundled(kind))
    assert any(above(answer) for answer in coder.code(notes_of(*FITTED_ON, *SIGNS)))
    for answer in coder.code(notes_of(*EMPTY)):
        assert all(code.evidence for code in answer.codes if code.above_threshold)


@OF_EVERY_KIND
def test_the_share_of_unknown_words_is_told_without_what_is_usual_too(kind: str) -> None:
    old = Coder(replace(bundled(kind), usual=None))
    [answer] = old.code(notes_of("the fever xqz jjk zzz of"))
    assert answer.caution is None
    assert answer.words == 6
    assert answer.unknown_words >= 3
