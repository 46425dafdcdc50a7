"""A cell that says that there is nothing is nothing, in whatever words, case and blanks."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isd_pipeline.data.io.missing import MISSING, count_words, is_missing, present, without_missing

WORDS = ["NULL", "nan", "None", "NA", r"\N", "<NA>", "NaT", "-", "#N/A", "", "  ", "\u200b", "\xa0"]


@pytest.mark.parametrize("word", WORDS)
def test_every_way_to_write_a_missing_value_is_missing_in_any_case_and_between_blanks(word):
    for cell in (word, word.lower(), word.upper(), f" \t{word}\r\n", f"\ufeff{word}"):
        assert is_missing(cell)
        assert present(pa.array([cell, "x"])).to_pylist() == [None, "x"]


@pytest.mark.parametrize("cell", ["0", "no", "NAN 7", "nullify", "N", "-1", "None of it", "nana"])
def test_what_only_begins_like_such_a_word_is_kept(cell):
    assert not is_missing(cell)
    assert present(pa.array([f" {cell} "])).to_pylist() == [cell]


@given(st.one_of(st.text(max_size=9), st.sampled_from(sorted(MISSING)), st.none()))
def test_a_column_and_a_cell_are_judged_alike(cell):
    kept = without_missing(pa.array([cell], pa.string())).to_pylist()
    assert kept == [None if is_missing(cell) else cell]


def test_words_are_counted_and_cells_that_are_empty_are_not():
    cells = ["NULL", "nan", "", "  ", " " * 99, None, "7"]
    assert count_words(pa.array(cells)) == 2
    assert present(pa.array(cells)).null_count == 6
