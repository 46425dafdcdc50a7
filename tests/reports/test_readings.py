"""Table 5 as a page: what was read, in the note's own words."""

import numpy as np

from isd_pipeline.data.cohorts import CodeIndex
from isd_pipeline.reports.readings import ReadNote, attention_picture, readings_page

CODES = CodeIndex(("486", "584.9"), ("diagnosis",) * 2, ("Pneumonia", "Kidney failure"))
TEXTS = ["Fever <b>& cough", "lobar\npneumonia"]  # words: Fever b cough | lobar pneumonia
ROW = {
    "representation": 1,
    "words": [{"note": 1, "begin": 0, "end": 15, "weight": 0.75}],
    "codes": [{"code": "486", "probability": 0.875}, {"code": "584.9", "probability": 0.5}],
}
ALONE = np.array([[0, 0, 0.25, 0.75]])


def note(**changed: object) -> ReadNote:
    made = {
        "texts": TEXTS,
        "begins": np.array([0, 7, 11, 0, 6]),
        "ends": np.array([5, 8, 16, 5, 15]),
        "note_starts": (0, 3),
        "attention": np.array([[1.0, 0, 0, 0], [0, 0, 0.25, 0.75]]),  # the last word was not read
        "rows": [ROW],
        "gold": ["486"],
        "marked": np.array([False, False, False, False, True]),
    }
    return ReadNote(**(made | changed))


def test_the_page_says_what_was_read_in_the_note_and_what_it_predicts() -> None:
    page = readings_page([note()], CODES)
    assert "lobar pneumonia <span" in page
    assert "(0.75)" in page
    assert "<b>486</b> Pneumonia" in page
    assert "584.9 Kidney failure" in page
    assert "<b>584.9</b>" not in page


def test_a_note_is_text_and_marked_words_are_underlined_in_their_own_note() -> None:
    page = readings_page([note()], CODES)
    assert "&lt;" in page
    assert "<b>&" not in page
    assert page.count("border-bottom: 3px solid") == 1
    assert ">pneumonia</span>" in page
    assert 'rgba(240, 120, 20, 1.0); ">lobar</span>' in page


def test_a_note_for_which_nothing_is_predicted_says_so() -> None:
    assert "It predicts no code" in readings_page([note(rows=[])], CODES)


def test_a_page_of_codes_that_read_for_themselves_speaks_of_no_representations() -> None:
    row = {**ROW, "representation": 0, "codes": ROW["codes"][:1]}
    page = readings_page(
        [note(rows=[row]), note(rows=[], attention=ALONE[:0])], CODES, shared=False
    )
    assert "What the codes read" in page
    assert "representation" not in page
    assert "<b>486</b> Pneumonia" in page
    assert "It predicts no code" in page
    assert page.count("<svg") == 1  # nothing was read for no code


def test_the_picture_has_units_and_the_same_attention_gives_the_same_bytes() -> None:
    attention = np.random.default_rng(0).dirichlet(np.ones(30), size=4)
    picture = attention_picture(attention, "note-1")
    assert "word of the note" in picture
    assert picture == attention_picture(attention, "note-1")
