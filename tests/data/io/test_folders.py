"""Of a folder only what people put there is read; the rest is counted by its kind."""

import os

import pytest

from isd_pipeline.data.io.folders import (
    DEVICES,
    FOLDER_LINKS,
    HIDDEN,
    LINKS,
    files_of,
    is_hidden,
    told,
    written_name,
)

LEFT = [
    "._a.txt",
    ".DS_Store",
    "Thumbs.db",
    "~$a.docx",
    "a.txt~",
    "desktop.ini",
    "__MACOSX/a.txt",
]


@pytest.mark.parametrize("name", [*LEFT, "x/__macosx/y/a.txt", ".git/config", "a/.b/c.txt"])
def test_what_systems_and_editors_leave_is_hidden(name):
    assert is_hidden(name)


@pytest.mark.parametrize("name", ["a.txt", "a.b.txt", "macosx/a.txt", "a..b", "$5.txt", "~a.txt"])
def test_what_people_call_a_file_is_not(name):
    assert not is_hidden(name)


def test_pipes_loops_and_linked_folders_are_counted_and_never_read(tmp_path):
    for name in ("a.txt", "._a.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "below" / "more").mkdir(parents=True)
    (tmp_path / "below" / "more" / "b.txt").write_text("x")
    (tmp_path / "below" / "up").symlink_to(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").symlink_to("a.txt")
    os.mkfifo(tmp_path / "pipe")
    files, passed = files_of(tmp_path, below=True)
    assert [file.relative_to(tmp_path).as_posix() for file in files] == [
        "a.txt",
        "below/more/b.txt",
        "file",
    ]
    assert passed == {HIDDEN: 1, LINKS: 1, DEVICES: 1, FOLDER_LINKS: 1}
    assert told(passed).startswith("1 ")
    alone, passed = files_of(tmp_path)
    assert len(alone) == 2
    assert passed["folders"] == 1


def test_a_name_that_is_not_utf8_is_written_in_letters_that_any_file_can_hold():
    assert written_name(os.fsdecode(b"M\xfcller")) == r"M\xfcller"
    assert written_name("M\u00fcller") == "M\u00fcller"
