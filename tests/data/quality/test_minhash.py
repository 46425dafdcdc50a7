"""The estimate beside the true share, and pairs across splits alone."""

import random

import numpy as np
import pytest

from isd_pipeline.data.quality.minhash import FEWEST_RUNS, RUN, near_pairs, signature

WORDS = [f"word{n}" for n in range(400)]


def changed(share):
    """WORDS with the last `share` of them other words."""
    cut = int(len(WORDS) * (1 - share))
    return " ".join(WORDS[:cut] + [f"other{n}" for n in range(len(WORDS) - cut)])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.2, 0.5, 1.0])
def test_the_share_of_equal_places_is_near_the_true_share_of_runs(share):
    text, other = " ".join(WORDS), changed(share)
    runs = [{tuple(t.split()[n : n + RUN]) for n in range(400 - RUN + 1)} for t in (text, other)]
    true = len(runs[0] & runs[1]) / len(runs[0] | runs[1])
    assert (signature(text) == signature(other)).mean() == pytest.approx(true, abs=0.15)


def test_a_signature_heeds_neither_case_nor_signs_and_a_short_text_has_none():
    text = " ".join(WORDS)
    assert (signature(text) == signature(text.upper().replace(" ", ", "))).all()
    assert signature(" ".join(WORDS[: FEWEST_RUNS + RUN - 2])) is None
    assert signature(" ".join(WORDS[: FEWEST_RUNS + RUN - 1])) is not None


def test_a_long_text_is_read_in_parts_to_the_same_signature(monkeypatch):
    text = " ".join(random.Random(1).choices(WORDS, k=9_000))
    whole = signature(text)
    monkeypatch.setattr("isd_pipeline.data.quality.minhash._AT_ONCE", 100)
    assert (signature(text) == whole).all()


def test_near_texts_are_found_across_splits_and_not_within_one():
    texts = [" ".join(WORDS), changed(0.05), changed(0.6), " ".join(WORDS[::-1])]
    rows = np.stack([signature(text) for text in texts])
    found = near_pairs(rows, ["train", "test", "test", "dev"])
    assert [pair[:2] for pair in found] == [(0, 1)]
    assert near_pairs(rows, ["train"] * 4) == []


def test_many_copies_in_one_split_do_not_hide_one_in_another():
    rows = np.stack([signature(" ".join(WORDS))] * 200)
    assert near_pairs(rows, ["train"] * 199 + ["test"])
