"""What is said of a note: the model's own scores, places in the note, and no more."""

from __future__ import annotations

import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit
from torch import nn

from isd_pipeline.coding.bundle import Bundle
from isd_pipeline.coding.coder import Answer, Coder, Note
from isd_pipeline.models.system import rebuild
from isd_pipeline.predictors.evidence import code_evidence
from isd_pipeline.predictors.scoring import predict
from isd_pipeline.text.documents import Documents
from isd_pipeline.text.normal_form import NormalText, lines_joined, normal_form
from isd_pipeline.text.sentences import sentence_starts
from isd_pipeline.text.tokens import tokenize
from isd_pipeline.text.vocabulary import Vocabulary
from tests.coding.tiny import CODES, bundle_of, notes_of

TEXTS = (
    "Acute pneumonia with sepsis.",
    "The fever of the patient: chest pain, chest pain and 38 more of the naïve",
    "FEVER",
    "pain\r\nof the chest; unheardof",
)
MODELS = pytest.mark.parametrize(
    ("system", "choices"),
    [
        ("isd", {}),
        ("isd", {"representation": "per_label"}),
        ("caml", {}),
        ("bi_gru", {}),
    ],
    ids=["isd", "per_label", "caml", "bi_gru"],
)


def documents_of(texts: tuple[str, ...], bundle: Bundle) -> Documents:
    """As preprocessing encodes them, the gold codes left out."""
    tokens = [bundle.vocabulary.encode(tokenize(text).words) for text in texts]
    starts = np.cumsum([0, *map(len, tokens)])
    none = np.zeros(len(texts) + 1, dtype=np.int64)
    ids = np.array([str(n) for n in range(len(texts))])
    return Documents(ids, np.concatenate(tokens), starts, np.zeros(0, np.int32), none)


def model_of(bundle: Bundle) -> nn.Module:
    return rebuild(bundle.settings, bundle.weights).eval()


def scores_of(answer: Answer) -> dict[str, float]:
    return {code.code: code.score for code in answer.codes}


@MODELS
def test_scores_are_those_of_the_evaluation_to_the_bit(system: str, choices: dict) -> None:
    bundle = bundle_of(system, **choices)
    coder = Coder(bundle, long_notes="cut")  # as evaluation reads
    logits = predict(model_of(bundle), documents_of(TEXTS, bundle), batch_size=1, max_tokens=12)
    for evidence in (True, False):
        answers = coder.code(notes_of(*TEXTS), evidence=evidence)
        for answer, expected in zip(answers, logits, strict=True):
            found = [scores_of(answer)[code] for code in CODES.codes]
            assert found == expit(expected.astype(np.float64) / 2).tolist()
            above = {code.code for code in answer.codes if code.above_threshold}
            assert above == {CODES.codes[n] for n in np.flatnonzero(expected > -0.75)}


@MODELS
def test_neighbours_and_order_change_nothing_of_an_answer(system: str, choices: dict) -> None:
    coder, notes = Coder(bundle_of(system, **choices)), notes_of(*TEXTS)
    together = coder.code(notes)
    assert [answer.id for answer in together] == ["n0", "n1", "n2", "n3"]
    assert coder.code(notes[::-1])[::-1] == together
    assert [coder.code([note])[0] for note in notes] == together


def test_evidence_changes_no_score() -> None:
    coder, notes = Coder(bundle_of()), notes_of(*TEXTS)
    shown, plain = (coder.code(notes, evidence=evidence) for evidence in (True, False))
    assert all(code.evidence for answer in shown for code in answer.codes)
    for one, other in zip(shown, plain, strict=True):
        assert tuple(replace(code, evidence=()) for code in one.codes) == other.codes


ODD = "🙂👩\u200d⚕️ 12 \u0301\ud83d\ufeff—\r\n\0"  # eleven code points and more, and no word


def test_offsets_count_the_code_points_of_the_note_as_it_was_written() -> None:
    text = "Ärztin: chest pain — naïve café, FEVER of sepsis"
    coder = Coder(bundle_of(max_tokens=100))
    plain, odd = coder.code(notes_of(text, ODD + text.replace(":", ODD)))
    words = ["ärztin", "chest", "pain", "naïve", "café", "fever", "of", "sepsis"]
    assert scores_of(plain) == scores_of(odd)
    for one, other in zip(plain.codes, odd.codes, strict=True):
        assert len(one.evidence) == len(other.evidence) > 0
        for here, there in zip(one.evidence, other.evidence, strict=True):
            found = text[here.begin : here.end]
            moved = (ODD + text.replace(":", ODD))[there.begin : there.end]
            assert moved == found.replace(":", ODD)
            assert found.split()[0].strip(":,").lower() in words
            assert found.split()[-1].strip(":,").lower() in words


def test_evidence_is_that_of_the_words_that_were_read() -> None:
    bundle = bundle_of(max_tokens=6)
    coder, text = Coder(bundle, long_notes="cut"), TEXTS[1]
    (answer,) = coder.code([Note("n", text)])
    words = tokenize(text)
    tokens = bundle.vocabulary.encode(words.words)
    weights = code_evidence(model_of(bundle), tokens, np.arange(len(CODES)), max_tokens=6)
    for code in answer.codes:
        of_code = weights[CODES.position(code.code)]
        heaviest = int(of_code.argmax())
        assert any(s.begin <= words.begins[heaviest] < s.end for s in code.evidence)
        for span in code.evidence:
            inside = (words.begins >= span.begin) & (words.ends <= span.end)
            assert span.weight == pytest.approx(of_code[inside].sum())
            assert span.end <= answer.truncated_at


def test_a_note_says_where_the_model_stopped_reading() -> None:
    text = "acute chest pain, fever and sepsis"
    whole, cut = (
        Coder(bundle_of(max_tokens=n), long_notes="cut").code([Note("n", text)])[0] for n in (6, 3)
    )
    assert (whole.truncated_at, cut.truncated_at) == (None, text.index(","))
    (same,) = Coder(bundle_of(max_tokens=3)).code([Note("n", text[: cut.truncated_at])])
    assert scores_of(same) == scores_of(cut)


def test_scores_are_calibrated_and_the_tuned_threshold_with_them() -> None:
    (answer,) = Coder(bundle_of()).code(notes_of(TEXTS[0]))
    assert answer.threshold == pytest.approx(1 / (1 + np.exp(0.75 / 2)))
    (plain,) = Coder(replace(bundle_of(), temperature=1.0)).code(notes_of(TEXTS[0]))
    for code, score in scores_of(answer).items():
        odds = np.log(scores_of(plain)[code] / (1 - scores_of(plain)[code]))
        assert score == pytest.approx(1 / (1 + np.exp(-odds / 2)))


def test_the_likeliest_codes_are_told_and_none_above_the_threshold_is_left_out() -> None:
    coder, notes = Coder(bundle_of()), notes_of(TEXTS[0])
    scores = [code.score for code in coder.code(notes, top=100)[0].codes]
    assert len(scores) == len(CODES)
    assert scores == sorted(scores, reverse=True)
    for top, threshold, told in ((2, 1.0, 2), (1, 0.0, 5), (1, scores[2], 2), (4, scores[2], 4)):
        (answer,) = coder.code(notes, top=top, threshold=threshold)
        assert [code.score for code in answer.codes] == scores[:told]
        above = [code.above_threshold for code in answer.codes]
        assert above == [score > threshold for score in scores[:told]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "the note is empty"),
        (" \n\t\u00a0", "the note is empty"),
        ("12 / 34 — 🙂", "the note has no words, only numerals and signs"),
        ("Unheardof secret", "no word read is in the model's vocabulary (of 2)"),
    ],
)
def test_a_note_that_cannot_be_coded_says_why_without_a_word_of_it(text: str, problem: str) -> None:
    coder = Coder(bundle_of())
    alone, beside = coder.code([Note("a", text), Note("b", TEXTS[0])])
    assert (alone.codes, alone.truncated_at, alone.problem) == ((), None, problem)
    assert beside.problem is None
    assert beside.codes == coder.code(notes_of(TEXTS[0]))[0].codes


OWN = ("caml", "dr_caml", "multirescnn", "laat", "joint_laat", "ha_gru", "msatt_kg", "hypercore")


@pytest.mark.parametrize("system", [*OWN, "cnn"])
def test_every_system_that_has_evidence_shows_it(system: str) -> None:
    """The heaviest word is shown; neither scores nor answers depend on whether it is wanted."""
    coder = Coder(bundle_of(system), long_notes="cut")
    texts = (TEXTS[0], TEXTS[1] + ". Fever.\n\nSepsis")
    assert coder.has_evidence
    shown, plain = (coder.code(notes_of(*texts), evidence=evidence) for evidence in (True, False))
    for text, one, other in zip(texts, shown, plain, strict=True):
        assert tuple(replace(code, evidence=()) for code in one.codes) == other.codes
        words = tokenize(text)
        sentences = sentence_starts(text, words.begins) if system == "ha_gru" else None
        tokens = coder.bundle.vocabulary.encode(words.words)
        codes = np.array([CODES.position(code.code) for code in one.codes])
        weights = code_evidence(
            model_of(coder.bundle), tokens, codes, max_tokens=12, sentences=sentences
        )
        for code, of_code in zip(one.codes, weights, strict=True):
            heaviest = words.begins[of_code.argmax()]
            assert any(s.begin <= heaviest < s.end for s in code.evidence) == bool(of_code.any())
            assert 0 <= sum(s.weight for s in code.evidence) < 1.0001


def test_a_system_without_evidence_says_so_and_shows_none() -> None:
    coder = Coder(bundle_of("bi_gru"))
    assert not coder.has_evidence
    (answer,) = coder.code(notes_of(TEXTS[0]), evidence=True)
    assert [code.evidence for code in answer.codes] == [()] * len(CODES)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan"), "high"])
def test_a_threshold_that_is_no_score_is_refused(threshold: float | str) -> None:
    with pytest.raises(ValueError, match="`tuned` or a score from 0 to 1 is wanted"):
        Coder(bundle_of()).code([], threshold=threshold)


def test_no_notes_have_no_answers() -> None:
    assert Coder(bundle_of()).code([]) == []


def test_a_note_in_any_form_has_the_answer_of_the_same_note_plainly_written() -> None:
    """Evidence stands where the words do in the note as it was given."""
    plain = "Fever, pneumonia and chest pain with café."
    coder = Coder(bundle_of())
    [expected] = coder.code(notes_of(plain))
    for written in (
        unicodedata.normalize("NFD", plain),
        "Fever, pneu\u00admonia and chest\u00a0pain with ca\u200bfé.",
        "Fever, pneu-\nmonia and chest pain with café.",
        "Ｆｅｖｅｒ, pneumonia and chest pain with café.",
        r"Fever,\npneumonia and chest\r\npain\twith caf\u00e9.",
        "Fever,_x000D_pneumonia and chest_x000D_\npain with café.",
        "Fever,<br>pneumonia&nbsp;and&amp;nbsp;chest pain with caf&eacute;.",
    ):
        [answer] = coder.code(notes_of(written))
        assert scores_of(answer) == scores_of(expected)
        for code, same in zip(answer.codes, expected.codes, strict=True):
            cut = [normal_form(written[span.begin : span.end]).text for span in code.evidence]
            words = [tokenize(lines_joined(NormalText(one), lambda _: True).text) for one in cut]
            assert [one.words.to_pylist() for one in words] == [
                tokenize(plain[span.begin : span.end]).words.to_pylist() for span in same.evidence
            ]


def test_a_bundle_whose_words_are_in_another_form_knows_them_in_any() -> None:
    """Its training notes were read as they were written: with a micro sign, and decomposed."""
    bundle = bundle_of()
    words = [word for word in bundle.vocabulary.words if word != "ärztin"]
    for pieces, text in ((["µg"], "fever 5 μg pain"), (["a", "rztin"], "fever a\u0308rztin pain")):
        known = replace(bundle, vocabulary=Vocabulary(tuple(sorted([*words, *pieces]))))
        [of_note] = Coder(known).words(notes_of(text))
        assert of_note.read.words == ["fever", *pieces, "pain"]
        assert known.vocabulary.unknown not in of_note.read.tokens
