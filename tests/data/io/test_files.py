"""Files are whole or absent."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from isd_pipeline.data.io import files


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    files.write_text(path, "old")

    def write_half() -> None:
        with files.replacing(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_the_place_of_a_full_folder(tmp_path: Path) -> None:
    for number in ("1", "2"):
        with files.replacing(tmp_path / "set") as temporary:
            temporary.mkdir()
            (temporary / number).write_text(number)
    assert [found.name for found in (tmp_path / "set").iterdir()] == ["2"]
    assert len(list(tmp_path.iterdir())) == 1


def test_what_a_killed_process_left_is_cleared_by_the_next_write(tmp_path: Path) -> None:
    with files.replacing(tmp_path / "set") as temporary:
        name = temporary
        temporary.mkdir()
    name.mkdir()
    (name / "stale").write_text("x")
    with files.replacing(tmp_path / "set") as temporary:
        temporary.mkdir()
    assert list((tmp_path / "set").iterdir()) == []


def one_file(temporary: Path) -> None:
    temporary.write_text("new")


def one_folder(temporary: Path) -> None:
    (temporary / "below").mkdir(parents=True)
    (temporary / "below/file").write_text("new")


@pytest.mark.parametrize("write", [one_file, one_folder])
@pytest.mark.parametrize("over_an_old_one", [False, True])
def test_what_is_renamed_is_on_the_disk_before_and_its_name_after(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    over_an_old_one: bool,
    write: Callable[[Path], None],
) -> None:
    """A power cut at any moment: a name never stands for bytes that were not written out."""
    path = tmp_path / "made"
    if over_an_old_one:
        write(path)
    synced: list[int] = []  # inodes, in the order in which they reached the disk
    at_rename: list[tuple[int, set[int]]] = []
    fsync, replace = os.fsync, os.replace

    def note_sync(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(os.fstat(descriptor).st_ino)

    def note_rename(source: Path, target: Path) -> None:
        if target == path:
            within = [source, *source.rglob("*")]
            at_rename.append((len(synced), {found.stat().st_ino for found in within}))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", note_rename)
    with files.replacing(path) as temporary:
        write(temporary)
    [(before, renamed)] = at_rename
    assert renamed <= set(synced[:before])
    assert tmp_path.stat().st_ino in synced[before:]


def test_json_has_sorted_keys_and_keeps_its_letters(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a.json", {"b": "é", "a": 1})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n "a": 1,\n "b": "é"\n}\n'


def test_sha256_of_a_known_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_files_are_known_by_their_names_within_the_folder_their_sizes_and_sums(
    tmp_path: Path,
) -> None:
    (tmp_path / "raw/part").mkdir(parents=True)
    (tmp_path / "raw/part/b.csv").write_bytes(b"abc")
    (tmp_path / "raw/a.csv").write_bytes(b"")
    found = files.fingerprint_files(tmp_path / "raw")
    assert {name: file["bytes"] for name, file in found.items()} == {"a.csv": 0, "part/b.csv": 3}
    assert found["part/b.csv"]["sha256"].startswith("ba7816bf")  # of "abc", FIPS 180-2
    assert list(files.fingerprint_files(tmp_path / "raw/a.csv")) == ["a.csv"]
    assert files.fingerprint_files(tmp_path / "absent") == {}
