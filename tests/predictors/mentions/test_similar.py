"""Phrases by their letters: the spans that running sums find are those of a plain reading."""

from __future__ import annotations

import warnings
from collections import Counter
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isd_pipeline.predictors.mentions import similar
from isd_pipeline.predictors.mentions.similar import Best, SimilarMatch, best_of_codes

Words = list[str]


def runs_of(words: Words) -> Counter[str]:
    """All runs of three to five letters of each word between spaces."""
    found: Counter[str] = Counter()
    for word in (f" {word} " for word in words):
        lengths = [n for n in (3, 4, 5) if n <= len(word)] or [len(word)]
        found.update(word[a : a + n] for n in lengths for a in range(len(word) - n + 1))
    return found


def cosine(one: dict[str, float], other: dict[str, float]) -> float:
    norms = sqrt(sum(x * x for x in one.values()) * sum(x * x for x in other.values()))
    return sum(x * other.get(run, 0.0) for run, x in one.items()) / norms if norms else 0.0


class Slow:
    """Every span with every phrase, each as a vector of its own."""

    def __init__(self, phrases: list[Words], span: int) -> None:
        held = Counter(run for phrase in phrases for run in runs_of(phrase))
        self.rarity = {r: 1 + log((1 + len(phrases)) / (1 + n)) for r, n in held.items()}
        self.phrases, self.span = [self.vector(phrase) for phrase in phrases], span

    def vector(self, words: Words) -> dict[str, float]:
        """Runs that no phrase has are passed over."""
        return {
            run: n * self.rarity[run] for run, n in runs_of(words).items() if run in self.rarity
        }

    def similarity(self, words: Words, phrase: int) -> float:
        return cosine(self.vector(words), self.phrases[phrase])

    def best(self, words: Words, phrase: int) -> float:
        spans = ((a, a + n) for n in range(1, self.span + 1) for a in range(len(words) - n + 1))
        return max((self.similarity(words[a:b], phrase) for a, b in spans), default=0.0)


WORD = st.text("abé", min_size=1, max_size=4)
PHRASES = st.lists(st.lists(WORD.map(lambda w: w.replace("é", "e")), min_size=1, max_size=3))


@settings(max_examples=150, deadline=None)
@given(PHRASES.filter(len), st.lists(WORD, max_size=7), st.integers(1, 5))
@example([["ab", "ba"]], ["ab"], 4)  # fewer words than a span may have
@example([["a"], ["aaaa", "b"]], ["b", "a", "bbbb", "aaaa", "b"], 2)
@example([["ab"]], ["", "ba", ""], 2)  # a word without a letter
@example([[""], ["ab"]], ["ab", ""], 3)
def test_the_best_span_is_that_of_a_slow_reading(
    phrases: list[Words], words: Words, span: int
) -> None:
    found, slow = SimilarMatch.of_phrases(phrases, span).best(words), Slow(phrases, span)
    plain = [word.replace("é", "e") for word in words]
    for n in range(len(phrases)):
        assert found.similarity[n] == pytest.approx(slow.best(plain, n), abs=1e-5)
        of_span = plain[found.first[n] : found.first[n] + found.length[n]]
        assert slow.similarity(of_span, n) == pytest.approx(found.similarity[n], abs=1e-5)


MARKED = [["nodulo", "pulmonar"], ["carcinoma", "de", "mama"], ["fiebre"]]
MATCH = SimilarMatch.of_phrases(MARKED, 4)


@pytest.mark.parametrize("written", ["nódulos pulmonares", "nodulo pulmonra", "NODULO-PULMONAR"])
def test_what_is_inflected_or_misspelt_is_nearer_than_another_phrase(written: str) -> None:
    words = ["el", *written.lower().replace("-", " ").split(), "izquierdo"]
    best = MATCH.best(words)
    assert best.similarity.argmax() == 0
    assert best.similarity[0] > 0.6 > 0.3 > best.similarity[1:].max()
    assert (best.first[0], best.length[0]) == (1, 2)


def test_the_same_words_are_wholly_alike_and_of_equal_spans_the_first_counts() -> None:
    note = ["x", "fiebre", "y", "fiebre", "carcinoma", "de", "mama"]
    best = MATCH.best(note)
    assert best.similarity[1:] == pytest.approx([1, 1])
    assert (best.first[1:].tolist(), best.length[1:].tolist()) == ([4, 1], [3, 1])


def test_words_without_a_known_run_are_alike_to_nothing_and_divide_nothing_by_zero() -> None:
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        for words in ([], ["zzz"], ["zzz"] * 9):
            assert MATCH.best(words).similarity.tolist() == [0, 0, 0]
        assert MATCH.best(["zzz", "fiebre", "zzz"]).similarity[2] == pytest.approx(1)


def test_how_many_phrases_are_compared_at_once_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw = np.random.default_rng(0)
    words = ["".join(draw.choice(list("abcde"), 5)) for _ in range(60)]
    match = SimilarMatch.of_phrases([words[n : n + 1 + n % 3] for n in range(7)], 4)
    whole = match.best(words)
    monkeypatch.setattr(similar, "PHRASES_AT_ONCE", 2)
    assert all(np.array_equal(*both) for both in zip(whole, match.best(words), strict=True))


def test_nothing_is_like_a_phrase_where_there_is_none() -> None:
    nothing = SimilarMatch.of_phrases([], 3)
    for words in ([], ["fiebre"]):
        assert [part.shape for part in nothing.best(words)] == [(0,)] * len(Best._fields)
    again = SimilarMatch.of_arrays(nothing.arrays(), [], 3)
    assert again.best(["fiebre"]).similarity.shape == (0,)


def test_what_is_kept_compares_as_before_and_what_does_not_fit_is_refused() -> None:
    again = SimilarMatch.of_arrays(MATCH.arrays(), MATCH.runs, MATCH.span)
    note = ["nodulos", "en", "la", "mama"]
    both = zip(MATCH.best(note), again.best(note), strict=True)
    assert all(np.array_equal(*parts) for parts in both)
    with pytest.raises(ValueError, match=r"runs of letters, but weights of \d+$"):
        SimilarMatch.of_arrays(MATCH.arrays(), MATCH.runs[1:], MATCH.span)


def test_the_best_of_a_codes_entries_counts_and_a_code_without_one_has_minus_one() -> None:
    found = best_of_codes(np.array([0.2, 0.9, 0.4]), np.array([2, 0, 2]), 4)
    assert found.tolist() == [0.9, -1, 0.4, -1]
