"""A finding is one line, and the same fault is told once."""

import pytest

from isd_pipeline.data.quality.findings import Finding, Findings, of_error


def test_a_line_has_file_row_column_what_how_often_and_remedy():
    one = Finding("error", "a.csv", "no date", "write 2031-01-31", row=3, column="day", count=1_200)
    assert one.line() == "a.csv, row 3, column day: no date (1,200 times); write 2031-01-31"
    assert Finding("note", "", "nothing").line() == "nothing"


def test_the_same_fault_is_counted_at_its_first_row_and_errors_come_first():
    found = Findings()
    found.add(Finding("warning", "a.csv", "odd", row=2, column="x"))
    found.add(Finding("error", "a.csv", "bad", row=9, column="x", count=2))
    found.add(Finding("error", "a.csv", "bad", row=4, column="x"))
    assert [(one.level, one.row, one.count) for one in found] == [
        ("error", 4, 3),
        ("warning", 2, 1),
    ]
    with pytest.raises(ValueError, match=r"a\.csv, row 4, column x: bad \(3 times\)$"):
        found.refuse()


def test_a_readers_error_is_told_again_by_its_parts():
    error = ValueError("d/a.csv, row 12, column ID: empty, so it is no one's; give it one")
    found = of_error(error, "d/a.csv")
    assert (found.row, found.column, found.what) == (12, "ID", "empty, so it is no one's")
    assert found.line() == str(error)
    other = ValueError("d/a.csv, line 4: bytes that are not UTF-8")
    assert of_error(other, "d/a.csv").line() == "d/a.csv: line 4: bytes that are not UTF-8"
    assert of_error(ValueError("no place at all"), "").line() == "no place at all"
