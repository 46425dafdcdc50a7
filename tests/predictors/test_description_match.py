"""Names in notes: by hand, against a plain search, and where a note holds nothing."""

import tracemalloc
from math import log, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.predictors.description_match import STEP, WIDTH, DescriptionMatch, Match

NAMES = [["Renal colic, unspecified"], ["Fever", "Raised temperature"], ["Renal failure"]]
TRAIN = [["fever"], ["fever", "renal"], ["renal", "mass"], ["cough"]]


def match_of(document: list[str], names: list[list[str]] = NAMES) -> Match:
    return DescriptionMatch.of_names(names, TRAIN, str)([document])


def weight(in_notes: int, in_codes: int) -> float:
    return log(5 / (in_notes + 0.5)) * sqrt(log(4 / (in_codes + 0.5)))


def test_the_share_of_a_name_by_hand() -> None:
    renal, colic, failure = weight(2, 2), weight(0, 1), weight(0, 1)
    found = match_of(["acute", "renal", "pain", "colic"])
    assert found.near[0] == pytest.approx([1.0, 0.0, renal / (renal + failure)], abs=1e-6)
    assert found.found[0] == pytest.approx([renal + colic, 0.0, renal], abs=1e-5)
    assert (found.near == found.whole).all()


def test_the_words_of_a_name_count_together_only_where_they_stand_near() -> None:
    apart = match_of(["renal", *["x"] * (2 * WIDTH), "colic"])
    assert apart.whole[0, 0] == pytest.approx(1.0)
    assert apart.near[0, 0] == pytest.approx(weight(0, 1) / (weight(0, 1) + weight(2, 2)))


def test_any_name_of_a_code_will_do_and_vague_words_are_none() -> None:
    assert match_of(["raised", "temperature"]).near[0, 1] == pytest.approx(1.0)
    assert not np.any(match_of(["unspecified"]).near)


def test_a_note_without_any_word_of_a_name_and_a_name_without_a_telling_word_score_zero() -> None:
    found = match_of(["nothing"], [["Other"], ["Fever"]])
    assert not any(part.any() for part in found)


def test_matching_many_notes_takes_hardly_more_memory_than_what_it_returns() -> None:
    match = DescriptionMatch.of_names([["fever", "renal"]] * 500, TRAIN, str)
    tracemalloc.start()
    found = match([["fever", "x"]] * 200)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1.5 * sum(part.nbytes for part in found)


WORDS = st.lists(
    st.sampled_from(["renal", "colic", "fever", "raised", "x"]), min_size=1, max_size=60
)


@settings(max_examples=40, deadline=None)
@given(WORDS)
def test_windows_find_what_a_search_place_by_place_finds(document: list[str]) -> None:
    match = DescriptionMatch.of_names(NAMES, TRAIN, str)
    begins = range(STEP - WIDTH, len(document), STEP)
    spans = [set(document[max(0, begin) : begin + WIDTH]) for begin in begins]
    renal, colic = weight(2, 2), weight(0, 1)
    best = max(renal * ("renal" in s) + colic * ("colic" in s) for s in spans) / (renal + colic)
    assert match([document]).near[0, 0] == pytest.approx(best, abs=1e-6)


def test_a_document_is_matched_as_if_it_were_alone() -> None:
    notes = [["renal", "colic"], ["fever"], ["x"]]
    match = DescriptionMatch.of_names(NAMES, TRAIN, str)
    together, alone = match(notes), [match([note]) for note in notes]
    for part in range(3):
        assert np.array_equal(together[part], np.concatenate([one[part] for one in alone]))


def test_evidence_is_the_best_name_in_its_best_window() -> None:
    match = DescriptionMatch.of_names(NAMES, TRAIN, str)
    note = ["renal", *["x"] * (2 * WIDTH), "renal", "of", "renal", "colic", "temperature"]
    found = match.evidence(note, np.array([0, 1, 2]))
    renal, colic, failure = weight(2, 2), weight(0, 1), weight(0, 1)
    first, last = note.index("colic"), len(note) - 1
    assert found.shape == (3, len(note))
    assert found.sum(axis=1) == pytest.approx([1, 1, 1])
    assert found[0, first] == pytest.approx(colic / (renal + colic))
    assert found[0, [first - 1, first - 3]] == pytest.approx([renal / (renal + colic) / 2] * 2)
    assert found[1, last] == pytest.approx(1)
    assert found[2, 0] == pytest.approx(1)  # of equal windows the first
    assert failure == colic


def test_where_no_word_of_a_name_stands_there_is_no_evidence() -> None:
    match = DescriptionMatch.of_names(NAMES, TRAIN, str)
    assert not match.evidence(["x", "fever"], np.array([0, 2])).any()
    assert not match.evidence(["x"], np.array([0])).any()
    assert match.evidence(["x", "fever"], np.array([1]))[0].tolist() == [0, 1]


def test_what_is_kept_matches_as_before() -> None:
    match = DescriptionMatch.of_names(NAMES, TRAIN, str)
    again = DescriptionMatch.of_arrays(match.arrays(), match.stems, str)
    notes = [["renal", "colic", "raised"], ["x"]]
    assert all(np.array_equal(*parts) for parts in zip(match(notes), again(notes), strict=True))
    with pytest.raises(ValueError, match="stems, but shares of"):
        DescriptionMatch.of_arrays(match.arrays(), match.stems[1:], str)
