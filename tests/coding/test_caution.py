"""A caution tells a note that is unlike the dev notes, seldom one that is like them."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from isd_pipeline.coding import batch
from isd_pipeline.coding.bundle import Bundle, read_bundle, write_bundle
from isd_pipeline.coding.caution import WITHOUT, missing, sentence
from isd_pipeline.coding.coder import Answer, Coder, Note
from isd_pipeline.coding.usual import Rate, Spread, Usual, usual_codes, usual_words
from isd_pipeline.coding.view_coder import ViewCoder
from isd_pipeline.text.languages import FUNCTION_WORDS, function_word_shares, language_of, margin
from isd_pipeline.text.tokens import tokenize
from tests.coding.test_views import EN, ES, made
from tests.coding.tiny import CODES, bundle_of

DEV = (
    "The fever of the naïve patient with chest pain and sepsis",
    "Acute pneumonia, and the fever with chest pain",
    "Chest pain of the patient with fever",
    "Pneumonia with sepsis and fever, and pain of the chest",
)
TEXTS = {  # made up; one sentence of a language
    "ca": "El pacient va ser ingressat amb febre i no ha millorat fins que es va operar",
    "de": "Der Patient wurde mit Fieber und Schmerzen in der Brust auf die Station gelegt",
    "en": "The patient was admitted with fever and he had no pain in the chest after this",
    "es": "El paciente fue ingresado con fiebre y no ha mejorado hasta que se operó del corazón",
    "fr": "Le patient est venu avec de la fièvre et une douleur dans la poitrine après la chute",
    "it": "Il paziente è stato ricoverato con la febbre e non ha dolore al torace dopo la caduta",
    "nl": "De patiënt werd met koorts opgenomen en heeft geen pijn op de borst na het vallen",
    "pt": "O paciente foi internado com febre e não tem dor no peito após a queda em casa",
}


def usual_of(bundle: Bundle, texts: tuple[str, ...] = DEV, lift: float = 0.0) -> Usual:
    """Of these dev notes, scored by the bundle; `lift` makes its scores of them higher."""
    coder = Coder(bundle)
    found = coder.words([Note(str(n), text) for n, text in enumerate(texts)])
    scores = np.stack([coder.read(of, False).scores for of in found]) + lift
    gold = sparse.csr_matrix(scores > 0)
    words, tokens = [of.read.words for of in found], [of.read.tokens for of in found]
    asked = {"cut": bundle.threshold_tuned, "temperature": bundle.temperature}
    codes = usual_codes(gold, scores, codes=CODES, revision="icd9", **asked)
    return Usual(len(texts), usual_words(words, tokens, bundle.vocabulary.unknown), codes)


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    plain = bundle_of(max_tokens=100)
    return replace(plain, usual=usual_of(plain))


@pytest.fixture(scope="module")
def by_words(bundle: Bundle) -> Bundle:
    """One to which no score is weak."""
    return replace(bundle, usual=usual_of(bundle, lift=-50.0))


def kinds(answer: Answer) -> list[str]:
    assert answer.caution is not None
    return [str(one["kind"]) for one in answer.caution]


def told(bundle: Bundle, text: str) -> Answer:
    (answer,) = Coder(bundle).code([Note("n", text)])
    return answer


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_is_in_its_language_and_not_in_the_one_next_to_it(language: str) -> None:
    words = tokenize(TEXTS[language]).words.to_pylist()
    shares = function_word_shares(words)
    assert language_of([shares]) == language
    assert margin(shares, language)[0] < 0
    for other in TEXTS.keys() - {language}:
        assert margin(shares, other)[0] > 0


def test_a_share_of_function_words_is_counted_by_hand() -> None:
    shares = function_word_shares(["the", "fever", "of", "the"])
    assert shares["en"] == 0.75
    assert shares["es"] == 0.0
    assert function_word_shares([]) == dict.fromkeys(FUNCTION_WORDS, 0.0)
    assert language_of([function_word_shares(["kuume", "ja", "yskä"])]) is None


def test_dev_notes_have_no_caution(bundle: Bundle) -> None:
    for text in DEV:
        assert told(bundle, text).caution == ()


def test_each_kind_is_told_with_its_figures(bundle: Bundle, by_words: Bundle) -> None:
    answer = told(by_words, "La paciente con fever y otros pain, que no se ha ido")
    few, other = answer.caution or ({}, {})
    assert (few["kind"], few["share"]) == ("few_known_words", 2 / 12)
    assert bundle.usual
    assert bundle.usual.words
    assert (few["usual"], few["least"]) == (
        bundle.usual.words.known.median,
        bundle.usual.words.known.low,
    )
    assert (other["kind"], other["language"], other["usual"]) == ("other_language", "es", "en")
    sure = replace(bundle, usual=usual_of(bundle, lift=50.0))
    (weak,) = told(sure, DEV[0]).caution or ()
    highest = max(code.score for code in told(sure, DEV[0]).codes)
    assert (weak["kind"], weak["score"]) == ("weak_codes", highest)
    assert float(weak["least"]) > 0.99
    for one in (few, other, weak):
        assert sentence(one)
        assert not any(word in sentence(one) for word in ("fever", "pain", "paciente"))


def test_a_caution_changes_no_code(bundle: Bundle) -> None:
    for text in (*DEV, *TEXTS.values(), "kuume"):
        with_, without = (told(replace(bundle, usual=u), text) for u in (bundle.usual, None))
        assert replace(with_, caution=None) == without


def test_a_bundle_that_cannot_tell_says_so_and_cautions_nothing(bundle: Bundle) -> None:
    old = replace(bundle, usual=None)
    assert told(old, TEXTS["es"]).caution is None
    assert Coder(old).cautions_missing == WITHOUT
    assert Coder(bundle).cautions_missing is None
    unknown = usual_of(bundle, ("fever pain chest", "sepsis pneumonia pain"))
    assert unknown.words is not None
    assert unknown.words.language is None
    assert "other_language" in str(missing(unknown))
    assert "other_language" not in kinds(told(replace(bundle, usual=unknown), TEXTS["es"]))


def test_a_note_without_codes_is_told_all_the_same(bundle: Bundle) -> None:
    assert told(bundle, "").caution == ()
    answer = told(bundle, "kuume yskä")
    assert (answer.codes, kinds(answer)) == ((), ["few_words", "few_known_words"])


def test_what_is_usual_is_read_as_it_was_written(bundle: Bundle, tmp_path: Path) -> None:
    write_bundle(bundle, tmp_path / "bundle")
    assert read_bundle(tmp_path / "bundle").usual == bundle.usual


def test_answers_tell_cautions_in_every_form(by_words: Bundle, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text(f"id,text\n1,{DEV[2]}\n2,{TEXTS['de']}\n", "utf-8")
    for ending in ("jsonl", "csv", "html"):
        to = tmp_path / f"to.{ending}"
        counts = batch.code_notes(Coder(by_words), tmp_path / "notes.csv", to)
        assert counts["cautions"] == 1
    lines = (tmp_path / "to.jsonl").read_text("utf-8").splitlines()
    first, second = (json.loads(line)["caution"] for line in lines)
    assert first == []
    assert [one["kind"] for one in second] == ["few_known_words", "other_language"]
    rows = (tmp_path / "to.csv").read_text("utf-8").splitlines()
    assert rows[1].endswith(",,7,1,")
    assert rows[-1].endswith("few_known_words other_language,14,14,")
    assert (tmp_path / "to.html").read_text("utf-8").count("<b>Caution:</b>") == 2


@pytest.mark.parametrize(("notes", "rank"), [(20, 1), (99, 1), (250, 2), (1000, 10)])
def test_a_bound_is_passed_by_as_many_new_notes_as_stated(notes: int, rank: int) -> None:
    """By luck alone: each of many draws of dev notes, with one new note of the same kind."""
    random, passed, trials = np.random.default_rng(0), 0, 4000
    for _ in range(trials):
        *dev, new = random.beta(9, 1, size=notes + 1)
        passed += new < Spread.of(dev).low
    expected = rank / (notes + 1)
    assert abs(passed / trials - expected) < 4 * np.sqrt(expected / trials)


def test_a_rate_and_its_error_are_those_by_hand() -> None:
    rate = Rate.over_notes(np.array([2, 2, 0]), np.array([2, 0, 0]))
    assert rate == Rate(4, 2, round(np.sqrt((1 + 1) * 2 / 1) / 4, 6))
    assert Rate.over_notes(np.array([3, 0]), np.array([1, 0])) is None


def test_bands_and_chapters_count_the_codes_above_the_threshold() -> None:
    scores = np.array([[3.0, -3, -3, 1, -3], [3.0, -3, -3, -3, -3]])
    gold = sparse.csr_matrix(np.array([[1, 0, 0, 0, 1], [1, 0, 0, 0, 0]], dtype=bool))
    usual = usual_codes(gold, scores, cut=0.0, temperature=1.0, codes=CODES, revision="icd9")
    assert asdict(usual.bands["0.8-1.0"]) == {"of": 2, "right": 2, "error": 0.0}
    assert usual.bands.keys() == {"0.8-1.0"}  # the other band has a code of one note alone
    assert usual.chapters["001-139 infectious"].of == 2
    assert usual.counts == (2, 0, 0, 1, 0)
    assert (usual.missed and (usual.missed.of, usual.missed.right)) == (3, 1)
    assert usual.per_note.quantiles[0] == 1.0


def test_each_of_two_texts_has_its_own_cautions() -> None:
    """Spanish where English is expected and the other way round."""
    plain = made()
    views = {
        "es": replace(plain.views["es"], usual=usual_of(plain.views["es"], (ES,), lift=-50.0)),
        "en": replace(plain.views["en"], usual=usual_of(plain.views["en"], (EN,), lift=-50.0)),
    }
    words, codes = views["en"].usual, views["es"].usual
    assert words is not None
    assert codes is not None
    both = replace(plain, views=views, usual=replace(codes, words=None))
    swapped = Note("7", EN, language="es", others=(Note("7", ES, language="en"),))
    right = Note("7", ES, language="es", others=(Note("7", EN, language="en"),))
    coder = ViewCoder(both)
    assert coder.cautions_missing is None
    assert coder.code([right])[0].caution == ()
    told = [(one["kind"], one["view"]) for one in coder.code([swapped])[0].caution or ()]
    assert ("few_known_words", "es") in told
    assert ("few_known_words", "en") in told
    (alone,) = coder.code([Note("7", EN, language="es")])
    assert {one["view"] for one in alone.caution or ()} == {"es"}
    old = ViewCoder(plain)
    assert old.code([right])[0].caution is None
    assert old.cautions_missing == WITHOUT
