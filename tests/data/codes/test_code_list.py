"""A list of codes is read as it is written, or refused with its row."""

from pathlib import Path

import pytest

from isd_pipeline.data.codes.code_list import read_code_list


def test_codes_keep_their_order_and_their_letters(tmp_path: Path) -> None:
    path = tmp_path / "codes.txt"
    path.write_bytes("\ufeff# the department's\n401.9\n\n  038.9\r\nE11.9 \nk 1\n".encode())
    assert read_code_list(path) == ("401.9", "038.9", "E11.9", "k 1")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"401.9\n038.9\n401.9\n", r"codes\.txt, rows 1 and 3: 401\.9 more than once"),
        (b"401.9\n038.9,Septicemia\n", r"codes\.txt, row 2: more than a code"),
        (b'"401.9"\n', r"row 1: more than a code; write one a line, unquoted"),
        (b"# none\n\n", "no code in it"),
        (b"", "no code in it"),
        (b"\xe9\n", "not UTF-8"),
    ],
)
def test_what_is_no_list_of_codes_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "codes.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told):
        read_code_list(path)


def test_a_list_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"codes\.txt: no such file; extract\.codes_file"):
        read_code_list(tmp_path / "codes.txt")
