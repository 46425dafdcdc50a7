"""Notes from every kind of file, and what is wrong with one, in a line without their words."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from isd_pipeline.coding import notes as module
from isd_pipeline.coding.coder import Note
from isd_pipeline.coding.notes import NOT_UTF8, read_notes

TEXTS = {"007": 'Fever,\r\n"high" 🙂', "b-2": "", "c": "café\n"}
NOTES = [Note(id, text) for id, text in TEXTS.items()]


def written(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def csv_of(header: str = "id,text") -> str:
    return header + "\n" + "".join(f"{id},{quoted(text)}\n" for id, text in TEXTS.items())


def test_a_csv_is_read_with_its_ids_as_text_and_its_notes_unchanged(tmp_path: Path) -> None:
    assert list(read_notes(written(tmp_path / "n.csv", csv_of()))) == NOTES
    assert list(read_notes(written(tmp_path / "m.CSV", csv_of("ID,Text")))) == NOTES
    assert list(read_notes(written(tmp_path / "b.csv", "\ufeff" + csv_of()))) == NOTES
    packed = gzip.compress(csv_of().encode())
    assert list(read_notes(written(tmp_path / "n.csv.gz", packed))) == NOTES


def test_other_columns_are_passed_over(tmp_path: Path) -> None:
    rows = "day,text,who,id\n1,fever,x,7\n"
    assert list(read_notes(written(tmp_path / "n.csv", rows))) == [Note("7", "fever")]


def test_json_lines_are_read_whatever_is_escaped(tmp_path: Path) -> None:
    rows = [json.dumps({"id": id, "text": text, "more": [1]}) for id, text in TEXTS.items()]
    path = written(tmp_path / "n.jsonl", "\ufeff" + "\n\n".join(rows))
    assert list(read_notes(path)) == NOTES
    numbers = written(tmp_path / "m.jsonl", '{"id": 7, "text": null}\n')
    assert list(read_notes(numbers)) == [Note("7", "")]


def test_a_folder_gives_its_texts_by_name_and_passes_over_the_rest(tmp_path: Path) -> None:
    for id in reversed(TEXTS):
        written(tmp_path / f"{id}.txt", TEXTS[id])
    written(tmp_path / "README.md", "no note")
    assert list(read_notes(tmp_path)) == NOTES
    assert list(read_notes(tmp_path / "007.txt")) == NOTES[:1]


def test_one_text_that_cannot_be_read_is_told_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    written(tmp_path / "a.txt", "fièvre".encode("latin-1"))
    written(tmp_path / "b.txt", "x" * ((1 << 20) + 1))
    written(tmp_path / "c.txt", "fever")
    assert list(read_notes(tmp_path)) == [
        Note("a", "", NOT_UTF8),
        Note("b", "", "the note is larger than 1 MiB"),
        Note("c", "fever"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("n.csv", "id,note\n1,SECRET\n", "row 1: no column text among id, note"),
        ("n.csv", "", "the file is empty"),
        ("n.csv", "id,text\n1,a\n2,SECRET\n1,SECRET\n", "row 4, column id: an id that an earlier"),
        ("n.csv", "id,text\n1,a\n,SECRET\n", "row 3, column id: no id that can be written"),
        ("n.csv", b"id,text\n1,SECRET \xe9\n", "bytes that are not UTF-8"),
        ("n.csv", 'id,text\n1,a\n2,"SECRET', "ends inside a quoted cell"),
        ("n.csv", "id,text\n1,SECRET,SECRET\n", "3 cells where the header has 2"),
        ("n.csv.gz", gzip.compress(csv_of().encode(), mtime=0)[:-9], "cut off"),
        ("n.jsonl", '{"id": "1", "text": "a"}\n{"id": "2", "te', "line 2: not a JSON object"),
        ("n.jsonl", '["SECRET"]\n', "line 1: not a JSON object"),
        ("n.jsonl", "[" * 100_000, "line 1: not a JSON object"),
        ("n.jsonl", '{"id": "1"}\n', "line 1: no key `text`"),
        ("n.jsonl", '{"id": "1", "text": ["SECRET"]}\n', "line 1: `text` is not text"),
        ("n.jsonl", '{"id": true, "text": "SECRET"}\n', "line 1: `id` is not text"),
        ("n.jsonl", '{"id": "\\ud83d", "text": "SECRET"}', "line 1: no id that can be written"),
        ("n.jsonl", b'{"id": "1", "text": "SECRET \xe9"}\n', "line 1: bytes that are not UTF-8"),
        ("n.jsonl", '{"id": 1, "text": ""}\n\n{"id": "1", "text": "SECRET"}\n', "line 3: an id"),
        ("n.pdf", "SECRET", "the ending says no kind of notes; give a .csv"),
    ],
)
def test_a_faulty_file_is_one_line_without_a_word_of_it(
    tmp_path: Path, name: str, content: bytes | str, line: str
) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(ValueError, match=r"n\.") as refused:
        list(read_notes(path))
    assert line in str(refused.value)
    assert str(path) in str(refused.value)
    assert "SECRET" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_line_without_end_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LARGEST", 100)
    path = written(tmp_path / "n.jsonl", '{"id": 1, "text": ""}\n' + "x" * 1000)
    with pytest.raises(ValueError, match="line 2: longer than"):
        list(read_notes(path))


def test_nothing_to_read_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file or folder; give a \.csv"):
        list(read_notes(tmp_path / "none.csv"))
    with pytest.raises(FileNotFoundError, match=r"has no \.txt file"):
        list(read_notes(tmp_path))
