"""The mention dictionary from a cohort's data: what it learns, from whom, and how it is kept."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.coding.coder import Coder
from isd_pipeline.data.io.tensor_files import pack
from isd_pipeline.predictors.artifact import Artifact, read_artifact, write_artifact
from isd_pipeline.predictors.base import Fitted, TokenisedNote
from isd_pipeline.predictors.linear_fit import NEVER_SEEN
from isd_pipeline.predictors.mentions import predictor
from isd_pipeline.predictors.mentions.predictor import MentionConfig
from isd_pipeline.predictors.registry import load
from isd_pipeline.text.mentions import no_mentions
from isd_pipeline.text.tokens import tokenize
from tests.coding.tiny import CODES, bundle_of, notes_of
from tests.predictors.mentions.tiny import (
    CHEST_PAIN,
    FEVER,
    NUTRITION,
    OTHERS,
    PHRASES,
    PNEUMONIA,
    SEPSIS,
    SMALL,
    TRAIN,
    Marked,
    data_of,
    documents_of,
    fitted,
    mentions_of,
    vocabulary_of,
)


@pytest.fixture(scope="module")
def made() -> Fitted:
    return fitted()


def note_of(text: str) -> TokenisedNote:
    words = text.split()
    return TokenisedNote(words, np.ones(len(words), dtype=np.int32), None)


def read(found: Fitted, text: str) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and the evidence of every code."""
    said = load(found.settings, found.weights).read(note_of(text), True)
    assert said.evidence is not None
    return said.scores, said.evidence(np.arange(5))


def test_a_phrase_that_was_marked_in_training_finds_its_code(made: Fitted) -> None:
    scores, _ = read(made, "the patient has a high temperature today")
    assert scores.argmax() == FEVER
    assert scores[FEVER] > 0
    gold = documents_of(OTHERS).label_matrix(5).toarray().astype(bool)
    assert made.scores is not None
    assert ((made.scores["test"] > 0) == gold).mean() > 0.9


def test_what_is_inflected_or_without_its_accent_finds_it_too(made: Fitted) -> None:
    for text, code in (("seen for FEVERS", FEVER), ("ácute pneumonia", PNEUMONIA)):
        scores, evidence = read(made, text.lower())
        assert (scores.argmax(), scores[code] > NEVER_SEEN) == (code, True)
        assert evidence[code].sum() == pytest.approx(1)


def test_a_code_none_of_whose_phrases_is_found_scores_as_one_that_was_never_seen(
    made: Fitted,
) -> None:
    scores, evidence = read(made, "quite well")
    assert scores.tolist() == [NEVER_SEEN] * 5
    assert not evidence.any()
    scores, _ = read(made, " ".join(phrase for both in PHRASES.values() for phrase in both))
    assert (scores > NEVER_SEEN).tolist() == [True] * 4 + [False]  # nobody has the last


def test_evidence_lies_on_the_words_of_the_phrase_or_of_what_is_most_like_one(
    made: Fitted,
) -> None:
    _, evidence = read(made, "no complaint chest pain then feverish with sepsis")
    assert np.flatnonzero(evidence[CHEST_PAIN]).tolist() == [2, 3]
    assert np.flatnonzero(evidence[SEPSIS]).tolist() == [6, 7]
    assert np.flatnonzero(evidence[FEVER]).tolist() == [5]
    sums = evidence.sum(axis=1)
    assert sums == pytest.approx([1, 0, 1, 1, 0])


def test_every_row_of_evidence_is_a_whole_or_nothing(made: Fitted) -> None:
    for one in OTHERS:
        scores, evidence = read(made, " ".join(one.words))
        sums = evidence.sum(axis=1)
        assert sums == pytest.approx(np.round(sums))
        assert (sums[scores > NEVER_SEEN] > 0.5).all()


LONE = Marked(["quite", "unheardof", "trouble"], (CHEST_PAIN,), ((CHEST_PAIN, ((1, 3),)),))


def in_train(documents: list[Marked]) -> tuple[Fitted, np.ndarray]:
    """Fitted where the development documents are the training documents, and the fitted scores."""
    found = fitted(data_of(documents, dev=documents_of(documents)))
    again = load(found.settings, found.weights)
    return found, np.stack(
        [again.read(note_of(" ".join(d.words)), False).scores for d in documents]
    )


def test_documents_of_dev_that_were_trained_on_are_scored_as_if_they_had_not_been() -> None:
    found, seen = in_train([*TRAIN, LONE])
    assert found.scores is not None
    dev = found.scores["dev"]
    assert seen[-1, CHEST_PAIN] > NEVER_SEEN  # its own phrase is known to what was fitted
    assert dev[-1, CHEST_PAIN] == NEVER_SEEN
    assert not np.array_equal(dev[:-1], seen[:-1])


def test_documents_of_dev_that_were_trained_on_may_stand_in_any_order() -> None:
    straight = documents_of(TRAIN)
    turned = replace(documents_of(TRAIN[::-1]), ids=straight.ids[::-1])
    one, other = (fitted(data_of(TRAIN, dev=dev)).scores for dev in (straight, turned))
    assert one is not None
    assert other is not None
    assert np.array_equal(one["dev"], other["dev"][::-1])


def test_a_document_is_looked_at_by_the_phrases_of_other_folds_alone() -> None:
    """Whatever is marked in its own fold, its pairs are the same, and one of its own has none."""
    documents, fold = [*TRAIN, LONE], np.arange(len(TRAIN) + 1) % 4
    own = fold == fold[-1]
    bare = [
        replace(d, codes=(), mentions=()) if o else d for d, o in zip(documents, own, strict=True)
    ]
    pairs, others = (
        predictor._pairs_by_others(marked_of(those), fold, SMALL) for those in (documents, bare)
    )
    assert pairs[-1].codes.tolist() == []
    for one, other in ((pairs[n], others[n]) for n in np.flatnonzero(own)):
        assert np.array_equal(one.codes, other.codes)
        assert np.array_equal(one.x, other.x)
    assert any(len(pairs[n].codes) for n in np.flatnonzero(own))
    whole = predictor.Matches.of_marked(marked_of(documents), SMALL)
    assert whole.pairs(LONE.words).codes.tolist() == [CHEST_PAIN]


def test_the_trees_that_score_a_trained_document_have_not_seen_what_is_true_of_its_fold() -> None:
    marked, fold = marked_of(TRAIN), np.arange(len(TRAIN)) % 4
    known = predictor._pairs_by_others(marked, fold, SMALL)
    truth = [np.isin(one.codes, marked.gold[n].indices) for n, one in enumerate(known)]
    lies = [~of if k == 0 else of for of, k in zip(truth, fold, strict=True)]
    trees = predictor._trees(known, truth, SMALL)
    made = predictor.MentionDictionary(predictor.Matches.of_marked(marked, SMALL), trees)
    one, other = (predictor._crossed(made, known, told, fold, SMALL) for told in (truth, lies))
    assert np.array_equal(one[fold == 0], other[fold == 0])
    assert not np.array_equal(one[fold == 1], other[fold == 1])


def marked_of(documents: list[Marked]) -> predictor.Marked:
    gold = documents_of(documents).label_matrix(5)
    spelled = predictor.Spelling.of("en")
    return predictor.Marked([d.words for d in documents], mentions_of(documents), gold, spelled)


def test_a_dev_split_that_is_in_part_of_train_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^3 of 6 documents of dev are in train as well$"):
        fitted(data_of(TRAIN, dev=documents_of(TRAIN[:6], first=len(TRAIN) - 3)))


def test_nobody_marked_a_word_or_only_for_codes_that_the_documents_have_not() -> None:
    unmarked = replace(LONE, codes=(FEVER,))
    for data in (data_of(mentions=no_mentions), data_of([unmarked, unmarked])):
        with pytest.raises(ValueError, match=r"^nobody has marked a word") as error:
            fitted(data)
        assert "\n" not in str(error.value)


# Each is looked at by the phrases of the other: one pair of three is wrong
FEVER_ALONE = Marked(["fever", "or", "pain"], (FEVER,), ((FEVER, ((0, 1),)),))
FEVER_AND_PAIN = Marked(
    ["pain", "and", "fever"], (FEVER, CHEST_PAIN), ((FEVER, ((2, 3),)), (CHEST_PAIN, ((0, 1),)))
)
UNMARKED = Marked(["well"], (SEPSIS,), ())


@pytest.mark.parametrize("many", [2, 3, 6])
def test_fewer_documents_than_folds_are_each_a_fold(many: int) -> None:
    documents = [FEVER_ALONE, FEVER_AND_PAIN, *[UNMARKED] * 4][:many]
    found = fitted(data_of(documents), replace(SMALL, folds=10))
    scores, _ = read(found, "fever")
    assert scores[FEVER] > NEVER_SEEN
    assert scores[SEPSIS] == NEVER_SEEN  # no word of it was marked


def test_a_fold_whose_others_have_no_mention_has_no_pairs_and_harms_no_other() -> None:
    documents = [FEVER_ALONE, FEVER_AND_PAIN, UNMARKED, replace(FEVER_ALONE, mentions=())]
    pairs = predictor._pairs_by_others(marked_of(documents), np.array([0, 0, 1, 1]), SMALL)
    assert [one.codes.tolist() for one in pairs] == [[], [], [], [FEVER, CHEST_PAIN]]
    assert pairs[0].x.shape == (0, pairs[3].x.shape[1])
    nothing = predictor.Matches.of_marked(marked_of([UNMARKED]), SMALL)
    for words in ([], ["fever"], ["fever"] * 30):
        assert nothing.pairs(words).codes.tolist() == []


def test_phrases_that_are_all_too_long_to_be_joined_leave_their_parts() -> None:
    """Two parts of a word each, of which a phrase may have one."""
    parts = ((0, 1), (2, 3))
    documents = [
        Marked(["fever", "and", "chills"], (FEVER,), ((FEVER, parts),)),
        Marked(["chills", "or", "fever"], (FEVER,), ((FEVER, parts),)),
        Marked(["no", "chills", "of", "it"], (SEPSIS,), ()),
    ]
    found = fitted(data_of(documents), replace(SMALL, longest=1))
    scores, evidence = read(found, "chills today")
    assert scores[FEVER] > NEVER_SEEN
    assert evidence[FEVER].tolist() == [1, 0]


def test_one_document_has_no_others_and_is_refused_in_one_line() -> None:
    told = r"^1 training document: each is looked at by the phrases of others, so there must be two"
    with pytest.raises(ValueError, match=told):
        fitted(data_of(TRAIN[5:6]))


def test_where_every_pair_is_alike_there_is_nothing_to_learn() -> None:
    alike = Marked(["a", "fever"], (FEVER,), ((FEVER, ((1, 2),)),))
    with pytest.raises(ValueError, match=r"^4 pairs of note and code, all alike: nothing to learn"):
        fitted(data_of([alike] * 4))


def test_no_document_has_no_scores(made: Fitted) -> None:
    assert load(made.settings, made.weights).scores_of([]).shape == (0, 5)


def test_it_is_read_again_to_the_bit(made: Fitted, tmp_path: Path) -> None:
    write_artifact(Artifact.of(made, data_of(), 1), tmp_path / "model")
    again = read_artifact(tmp_path / "model")
    assert again.fingerprints["mentions"] == mentions_of(TRAIN).fingerprint
    predictor_again = load(again.settings, again.weights)
    assert made.scores is not None
    words = [one.words for one in OTHERS]
    assert np.array_equal(predictor_again.scores_of(words), made.scores["test"])
    for one in OTHERS[:5]:
        note = note_of(" ".join(one.words))
        before = load(made.settings, made.weights).read(note, True)
        after = predictor_again.read(note, True)
        assert np.array_equal(before.scores, after.scores)
        rows = [found.evidence(np.array([3, 0])) for found in (before, after)]
        assert np.array_equal(*rows)


def digest(found: Fitted) -> str:
    scores = found.scores or {}
    kept = json.dumps(found.settings).encode() + scores["dev"].tobytes()
    return pack(dict(found.weights))[1] + hashlib.sha256(kept).hexdigest()


AGAIN = """
from tests.predictors.mentions.test_predictor import digest
from tests.predictors.mentions.tiny import fitted
print(digest(fitted()))
"""


def test_the_same_bytes_come_again_and_of_another_process_that_orders_sets_otherwise(
    made: Fitted,
) -> None:
    assert digest(fitted()) == digest(made)
    root = Path(__file__).parents[3]
    seed = "2" if os.environ.get("PYTHONHASHSEED") == "1" else "1"
    paths = {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}", "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", AGAIN]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, **paths}
    )
    assert done.stdout.strip() == digest(made)


def test_phrases_and_weights_of_two_trainings_are_not_read_as_one(made: Fitted) -> None:
    less = {**made.settings, "phrases": made.settings["phrases"][1:]}
    with pytest.raises(ValueError, match=r"^\d+ phrases, but counts of \d+$"):
        load(less, made.weights)


@pytest.mark.parametrize("wrong", [{"folds": 1}, {"rate": 0.0}, {"least_similarity": 1.5}])
def test_settings_that_cannot_be_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MentionConfig(**wrong)


CODED = "Called for FÉVER.\r\nPain of the LEFT chest 🙂, with Sepsis; the fever went."


def test_a_note_coded_from_a_bundle_shows_the_phrases_where_they_stand(
    made: Fitted, tmp_path: Path
) -> None:
    """Small or capital, with an accent or without, at the offsets of the note as written."""
    tiny = replace(
        bundle_of(),
        settings=made.settings,
        weights=made.weights,
        vocabulary=vocabulary_of(TRAIN),
        temperature=1.0,
        threshold_tuned=0.0,
    )
    write_bundle(tiny, tmp_path / "bundle")
    coder = Coder.open(tmp_path / "bundle")
    shown, plain = (coder.code(notes_of(CODED), evidence=wanted)[0] for wanted in (True, False))
    found = {
        code.code: [CODED[span.begin : span.end] for span in code.evidence] for code in shown.codes
    }
    assert found == {
        CODES.codes[FEVER]: ["FÉVER", "fever"],
        CODES.codes[CHEST_PAIN]: ["Pain of the LEFT chest"],
        CODES.codes[SEPSIS]: ["with Sepsis"],
        CODES.codes[PNEUMONIA]: [],
        CODES.codes[NUTRITION]: [],
    }
    words = [word for note in notes_of(CODED) for word in tokenize(note.text, "numerals").words]
    scores, _ = read(made, " ".join(str(word) for word in words))
    expected = {code: expit(np.float64(scores[n])) for n, code in enumerate(CODES.codes)}
    assert {code.code: code.score for code in plain.codes} == expected
    assert {code.code for code in shown.codes if code.above_threshold} == {
        CODES.codes[n] for n in np.flatnonzero(scores > 0)
    }
    assert sum(span.weight for span in shown.codes[0].evidence) == pytest.approx(1)
