"""Phrases word for word: which are found, how far each is believed, by hand."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from isd_pipeline.predictors.mentions.exact import ExactMatch
from isd_pipeline.predictors.mentions.phrases import collect_phrases, folded
from isd_pipeline.text.mentions import of_columns

# Codes: 0 carcinoma, 1 carcinoma of the lung, 2 pain
WORDS = [
    ["a", "carcinoma", "here"],
    ["carcinoma", "de", "pulmón", "and", "carcinoma"],
    ["the", "dolor"],
    ["carcinoma", "again", "and", "dolor"],
    ["no", "dolor"],
]
ROWS = [(0, 0, 1, 1, 2), (1, 1, 1, 0, 3), (1, 0, 2, 4, 5), (2, 2, 1, 1, 2), (3, 0, 1, 0, 1)]
GOLD = sparse.csr_matrix([[1, 0, 0], [1, 1, 0], [0, 0, 1], [1, 0, 1], [0, 0, 0]])
N_CODES = 3


def match_of(rows: list = ROWS, gold: sparse.csr_matrix = GOLD) -> ExactMatch:
    mentions = of_columns(np.array(sorted(rows)).T)
    phrases = collect_phrases(WORDS, mentions, folded, parts=True, longest=12)
    return ExactMatch.of_training(phrases, WORDS, gold, folded)


def found(match: ExactMatch, words: list[str]) -> list[tuple[str, int, int]]:
    names = [" ".join(phrase) for phrase in match.phrases.phrases]
    return [(names[one.phrase], one.first, one.last) for one in match.find(words)]


def test_of_phrases_that_begin_at_a_word_the_longest_is_found_and_none_within_it() -> None:
    match = match_of([*ROWS, (1, 2, 3, 2, 3)])  # "pulmón" alone is a phrase as well
    note = ["Carcinoma", "de", "PULMON", "de", "carcinoma", "de", "dolor", "pulmón"]
    assert found(match, note) == [
        ("carcinoma de pulmon", 0, 3),
        ("carcinoma", 4, 5),
        ("dolor", 6, 7),
        ("pulmon", 7, 8),
    ]
    assert found(match, ["carcinoma", "de"]) == [("carcinoma", 0, 1)]
    assert found(match, []) == []


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["carcinoma", "de", "pulmon", "dolor", "x"]), max_size=12))
def test_what_is_found_is_what_a_search_through_all_phrases_finds(note: list[str]) -> None:
    match, at, slow = match_of([*ROWS, (0, 2, 3, 0, 3), (1, 0, 4, 1, 3)]), 0, []
    while at < len(note):
        here = [p for p in match.phrases.phrases if tuple(note[at : at + len(p)]) == p]
        best = max(here, key=len, default=())
        slow += [(" ".join(best), at, at + len(best))] if best else []
        at += max(1, len(best))
    assert found(match, note) == slow


def test_counts_and_shares_by_hand() -> None:
    """Documents with the phrase, of these those with the code, half a document without it."""
    match = match_of()
    assert match.phrases.phrases == (("carcinoma",), ("carcinoma", "de", "pulmon"), ("dolor",))
    assert match.found_in.tolist() == [3, 1, 3]
    assert match.coded_in.tolist() == [3, 1, 2]
    assert match.shares.tolist() == pytest.approx([3 / 3.5, 1 / 1.5, 2 / 3.5])


def test_a_phrase_that_stands_only_within_longer_ones_has_a_half() -> None:
    match = match_of([(1, 1, 1, 0, 3), (1, 2, 3, 2, 3)])
    assert match.found_in.tolist() == [1, 0]
    assert match.shares.tolist() == pytest.approx([1 / 1.5, 0.5])


def test_features_by_hand() -> None:
    """Best share, log of its documents, its words, noisy-or of all, how often; -1 without any."""
    match = match_of([*ROWS, (2, 0, 9, 1, 2)])  # "dolor" was marked for code 0 as well
    x = match.features(["dolor", "carcinoma", "dolor"], N_CODES)
    first, second = 3 / 3.5, 1 / 3.5
    assert x[0] == pytest.approx([first, log(4), 1, 1 - (1 - first) * (1 - second), 3])
    assert x[1].tolist() == [-1] * 5
    assert x[2] == pytest.approx([2 / 3.5, log(4), 1, 2 / 3.5, 2])
    turned = match.features(["carcinoma", "dolor", "dolor"], N_CODES)
    assert turned == pytest.approx(x)


def test_the_phrase_within_a_longer_one_tells_nothing() -> None:
    match = match_of()
    x = match.features(["carcinoma", "de", "pulmon"], N_CODES)
    assert x[0].tolist() == [-1] * 5
    assert x[1] == pytest.approx([1 / 1.5, log(2), 3, 1 / 1.5, 1])


def test_features_do_not_depend_on_the_order_or_the_numbers_of_mentions() -> None:
    note = ["dolor", "carcinoma", "de", "pulmon", "carcinoma"]
    rows = [*ROWS, (2, 0, 9, 1, 2)]
    renumbered = [(d, code, 10 - number, a, b) for d, code, number, a, b in rows]
    turned = of_columns(np.array(rows[::-1]).T)
    phrases = collect_phrases(WORDS, turned, folded, parts=True, longest=12)
    others = [match_of(renumbered), ExactMatch.of_training(phrases, WORDS, GOLD, folded)]
    for other in others:
        assert np.array_equal(other.features(note, N_CODES), match_of(rows).features(note, N_CODES))


def test_evidence_is_on_the_words_of_the_codes_own_phrases_by_their_shares() -> None:
    match = match_of()
    note = ["x", "carcinoma", "de", "pulmon", "y", "carcinoma"]
    one = match.find(note)
    assert match.evidence(one, 1, len(note)) == pytest.approx([0, *[1 / 4.5] * 3, 0, 0])
    assert match.evidence(one, 0, len(note)) == pytest.approx([0, 0, 0, 0, 0, 3 / 3.5])
    assert not match.evidence(one, 2, len(note)).any()


def test_what_is_kept_finds_the_same_and_what_does_not_fit_is_refused() -> None:
    match, note = match_of(), ["dolor", "carcinoma", "de", "pulmon"]
    spelled = [" ".join(phrase) for phrase in match.phrases.phrases]
    again = ExactMatch.of_arrays(match.arrays(), spelled, folded)
    assert again.find(note) == match.find(note)
    assert np.array_equal(again.features(note, N_CODES), match.features(note, N_CODES))
    with pytest.raises(ValueError, match=r"^2 phrases, but counts of 3$"):
        ExactMatch.of_arrays(match.arrays(), spelled[1:], folded)
