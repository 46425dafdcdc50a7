"""A note of any length is answered or refused in words; where reading stopped is told."""

from __future__ import annotations

import pytest

from isd_pipeline.coding.coder import Coder, Note
from tests.coding.tiny import bundle_of

CODER = Coder(bundle_of(max_tokens=12))


@pytest.mark.parametrize("words", [1, 12, 13, 1_000, 33_334])
def test_a_note_of_any_length_says_how_far_it_was_read(words: int) -> None:
    text = " ".join(["fever"] * words)
    (answer,) = CODER.code([Note("n", text)])
    assert answer.problem is None
    assert answer.codes
    assert answer.truncated_at == (None if words <= 12 else 12 * len("fever ") - 1)
    assert all(0 <= span.begin < span.end <= len(text) for c in answer.codes for span in c.evidence)


@pytest.mark.parametrize("text", ["", " \n\t", "1" * 200_000, "x" * 200_000, "\0", "xylophone"])
def test_a_note_without_a_known_word_has_a_problem_and_no_code(text: str) -> None:
    (answer,) = CODER.code([Note("n", text)])
    assert answer.problem
    assert not answer.codes
    assert text not in answer.problem or not text.strip()
