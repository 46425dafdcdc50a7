"""The text files of a corpus, out of its zip or of the folder it unpacks to."""

import os
import zipfile

import pytest

from isd_pipeline.data.io.archives import file_names, read_texts, tab_rows

TEXT = "línea\r\ny otra\u2028más\n" * 200


def write(path, **files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.mkdir("c")
        for name, content in files.items():
            archive.writestr(f"c/{name}.txt", content)
    return path


def last(name):
    return name.rpartition("/")[2]


def test_a_zip_and_its_folder_give_the_same_texts_to_the_character(tmp_path):
    path = write(tmp_path / "c.zip", a=TEXT, b="b")
    zipfile.ZipFile(path).extractall(tmp_path / "c")
    assert file_names(path) == file_names(tmp_path / "c") == ["c/a.txt", "c/b.txt"]
    assert read_texts(path, last) == read_texts(tmp_path / "c", last)
    assert read_texts(path, last) == {"a.txt": TEXT, "b.txt": "b"}
    assert read_texts(path, lambda name: "x" if name.endswith("b.txt") else None) == {"x": "b"}


def test_a_changed_byte_or_a_missing_end_is_no_whole_zip(tmp_path):
    whole = write(tmp_path / "c.zip", a=TEXT).read_bytes()
    place = whole.index(b"c/a.txt") + 20  # inside the packed text
    for name, damaged in (
        ("changed.zip", whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]),
        ("cut.zip", whole[: len(whole) // 2]),
        ("empty.zip", b""),
    ):
        path = tmp_path / name
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"^\S+: not a whole zip file; download it again$"):
            read_texts(path, last)


def test_nothing_of_a_zip_is_written_whatever_its_files_are_called(tmp_path):
    (tmp_path / "in").mkdir()
    path, names = (
        tmp_path / "in/c.zip",
        ("../out.txt", "/out.txt", "C:\\out.txt", "a/../../out.txt"),
    )
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "x")
    assert len(read_texts(path, lambda name: name)) == len(names)
    assert sorted(tmp_path.rglob("*")) == [tmp_path / "in", path]


def test_one_name_for_two_files_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds x twice"):
        read_texts(write(tmp_path / "c.zip", a="a", b="b"), lambda name: "x")


def test_a_row_ends_at_a_line_feed_alone_and_is_told_with_its_place(tmp_path):
    texts = {"t.tsv": "a\tb\u2028c\r\n\u0085d\te\n"}
    rows = list(tab_rows(texts, tmp_path, "t.tsv", width=2))
    assert [cells for _, cells in rows] == [["a", "b\u2028c"], ["d", "e"]]
    assert rows[1][0] == f"{tmp_path}, t.tsv, row 2"
    assert list(tab_rows({"t.tsv": ""}, tmp_path, "t.tsv", width=2)) == []
    with pytest.raises(ValueError, match="row 1: 2 cells instead of 3"):
        list(tab_rows(texts, tmp_path, "t.tsv", width=3))


def test_what_systems_leave_is_no_text_of_a_corpus_in_a_zip_or_a_folder(tmp_path, caplog):
    path = write(tmp_path / "c.zip", a="a")
    with zipfile.ZipFile(path, "a") as archive:
        for name in ("c/._a.txt", "__MACOSX/c/._a.txt", "__MACOSX/c/a.txt", "c/.DS_Store"):
            archive.writestr(name, b"\x00\xff")
    zipfile.ZipFile(path).extractall(tmp_path / "folder")
    for place in (path, tmp_path / "folder"):
        assert file_names(place) == ["c/a.txt"]
        assert read_texts(place, last) == {"a.txt": "a"}
    assert caplog.text.count("hidden or made by a system") == 2


def test_a_file_name_that_is_not_utf8_is_told(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("x")
    with pytest.raises(
        ValueError, match=r"caf\\xe9\.txt: a file name that is not UTF-8; rename it"
    ):
        read_texts(tmp_path, last)
    assert read_texts(tmp_path, lambda name: None) == {}
