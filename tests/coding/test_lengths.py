"""A note of any length is answered or refused in words; where reading stopped is told."""

from __future__ import annotations

import pytest

from isd_pipeline.coding.coder import Answer, Coder, Note
from tests.coding.tiny import bundle_of

CODER = Coder(bundle_of(max_tokens=12), long_notes="cut")
IN_WINDOWS = Coder(bundle_of(max_tokens=12))


@pytest.mark.parametrize("words", [1, 12, 13, 1_000, 33_334])
def test_a_note_of_any_length_says_how_far_it_was_read(words: int) -> None:
    text = " ".join(["fever"] * words)
    (answer,) = CODER.code([Note("n", text)])
    assert answer.problem is None
    assert answer.codes
    assert answer.truncated_at == (None if words <= 12 else 12 * len("fever ") - 1)
    assert all(0 <= span.begin < span.end <= len(text) for c in answer.codes for span in c.evidence)


@pytest.mark.parametrize("words", [12, 13, 25, 1_000])
def test_in_windows_a_note_of_any_length_is_read_to_its_end(words: int) -> None:
    text = " ".join(["pain"] * (words - 1) + ["fever"])
    (answer,), (cut,) = (one.code([Note("n", text)]) for one in (IN_WINDOWS, CODER))
    assert answer.truncated_at is None
    if words == 12:
        assert answer == cut
        return
    last = " ".join(["pain"] * 11 + ["fever"])
    (of_last,) = CODER.code([Note("n", last)])
    best = {code.code: max(code.score, _score(of_last, code.code)) for code in cut.codes}
    assert {code.code: code.score for code in answer.codes} == best


def _score(answer: Answer, name: str) -> float:
    return next(code.score for code in answer.codes if code.code == name)


def test_evidence_of_a_later_window_is_where_it_stands_in_the_note() -> None:
    words = ["pain"] * 20 + ["sepsis", "with", "fever"]
    text, begin = " ".join(words), len("pain ") * 11
    (answer,) = IN_WINDOWS.code([Note("n", text)])
    (last,) = CODER.code([Note("n", text[begin:])])
    (first,) = CODER.code([Note("n", text)])
    won = {one.code for one in last.codes if one.score > _score(first, one.code)}
    assert won
    for code in (one for one in answer.codes if one.code in won):
        of_last = next(one for one in last.codes if one.code == code.code).evidence
        moved = [(span.begin + begin, span.end + begin, span.weight) for span in of_last]
        assert [(span.begin, span.end, span.weight) for span in code.evidence] == moved


@pytest.mark.parametrize("text", ["", " \n\t", "1" * 200_000, "x" * 200_000, "\0", "xylophone"])
def test_a_note_without_a_known_word_has_a_problem_and_no_code(text: str) -> None:
    (answer,) = CODER.code([Note("n", text)])
    assert answer.problem
    assert not answer.codes
    assert text not in answer.problem or not text.strip()
