"""Notes from every kind of file, and what is wrong with one, in a line without their words."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isd_pipeline.coding import notes as module
from isd_pipeline.coding.coder import Note
from isd_pipeline.coding.notes import NOT_UTF8, NotesForm, read_notes

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
        (
            "n.csv",
            "id,note\n1,SECRET\n",
            "no column text, which should be the text; the file has: id, note; --columns maps",
        ),
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
        ("n.pdf", "SECRET", "is not read; save it as CSV (UTF-8) or as text; give a .csv"),
        ("n.odd", "SECRET", "the ending says no kind of notes; give a .csv"),
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


ROWS = [{"VISIT": "007", "BODY": "caf\u00e9 \u2013 \u201cfever\u201d"}, {"VISIT": "b", "BODY": "x"}]
READ = [Note(row["VISIT"], row["BODY"]) for row in ROWS]
NAMES = {"id": "VISIT", "text": "BODY"}


def table_of(separator: str, encoding: str, end: str = "\r\n") -> bytes:
    lines = [["VISIT", "BODY"], *([row["VISIT"], row["BODY"]] for row in ROWS)]
    return "".join(separator.join(line) + end for line in lines).encode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_tables_of_any_program_are_read_by_options(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    path = written(tmp_path / "n.csv", table_of(separator, encoding))
    found = read_notes(path, form=NotesForm(encoding=encoding, columns=NAMES))
    assert list(found) == READ
    tsv = written(tmp_path / "n.tsv.gz", gzip.compress(table_of(separator, encoding)))
    assert list(read_notes(tsv, form=NotesForm(encoding=encoding, columns=NAMES))) == READ


def test_parquet_and_json_lines_are_read_by_the_same_names(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "n.parquet")
    lines = "".join(json.dumps({**row, "id": "other"}) + "\n" for row in ROWS)
    written(tmp_path / "n.jsonl", lines)
    written(tmp_path / "m.jsonl.gz", gzip.compress(lines.encode("utf-16")))
    form = NotesForm(columns=NAMES)
    assert list(read_notes(tmp_path / "n.parquet", form=form)) == READ
    assert list(read_notes(tmp_path / "n.jsonl", form=form)) == READ
    wide = NotesForm(columns=NAMES, encoding="utf-16")
    assert list(read_notes(tmp_path / "m.jsonl.gz", form=wide)) == READ


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("n.csv", b"id,text\n1,caf\xe9\n", "name the file's own by --encoding (cp1252 of Windows"),
        ("n.csv", table_of(",", "utf-16"), "looks like UTF-16; set --encoding: utf-16"),
        ("n.csv", table_of(",", "utf-8"), "no column id, which should be the id"),
        ("n.csv", "SECRET,SECRET 7 and more\n1,2\n", "--columns maps our names to the file's"),
        ("n.csv", "1,SECRET\n", "holds no names of columns but what looks like data"),
        ("n.csv", b"PK\x03\x04", "a zip archive, by its content"),
        ("n.xlsx", b"PK\x03\x04", "is not read; save it as CSV (UTF-8)"),
        ("n.jsonl", b"PAR1", "a Parquet file, by its content; name it .parquet"),
        ("n.parquet", b"id,text\n", "not a whole Parquet file"),
    ],
)
def test_what_is_written_in_another_way_is_refused_with_the_option_that_reads_it(
    tmp_path: Path, name: str, content: bytes | str, said: str
) -> None:
    with pytest.raises(ValueError, match=r"n\.") as refused:
        list(read_notes(written(tmp_path / name, content)))
    assert said in str(refused.value)


def test_standard_input_and_pipes_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "n.csv")
    with pytest.raises(ValueError, match="pipe or device; copy it into a file"):
        list(read_notes(tmp_path / "n.csv"))
    with pytest.raises(ValueError, match="standard input is not read; write it to a file"):
        list(read_notes(Path("-")))


@pytest.mark.parametrize("word", ["NULL", "nan", r"\N", "#N/A", "-"])
def test_an_id_that_is_a_word_for_nothing_is_refused_and_a_text_is_empty(
    tmp_path: Path, word: str
) -> None:
    rows = f"id,text\n1,{word}\n"
    assert list(read_notes(written(tmp_path / "n.csv", rows))) == [Note("1", "")]
    with pytest.raises(ValueError, match="row 3, column id: no id that can be written"):
        list(read_notes(written(tmp_path / "n.csv", f"{rows}{word},fever\n")))


def test_files_that_systems_leave_in_a_folder_are_no_notes_and_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("._a.txt", ".DS_Store", "Thumbs.db", "~$b.docx", "b.docx", "a.txt~"):
        written(tmp_path / name, "SECRET")
    written(tmp_path / "a.txt", "fever")
    for folder in ("__MACOSX", "more", ".git"):
        (tmp_path / folder).mkdir()
        written(tmp_path / folder / "c.txt", "SECRET")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "loop.txt").symlink_to("loop.txt")
    assert list(read_notes(tmp_path)) == [Note("a", "fever")]
    told = caplog.text
    for kind in ("7 hidden", "1 pipes", "1 links", "1 folders", "1 .docx"):
        assert kind in told


def test_a_file_name_that_is_not_utf8_has_an_id_and_stops_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written(tmp_path / os.fsdecode(b"M\xfcller.txt"), "fever")
    written(tmp_path / "z.txt", "x")
    assert list(read_notes(tmp_path)) == [Note(r"M\xfcller", "fever"), Note("z", "x")]
    assert "1 file names are not UTF-8" in caplog.text


def test_a_text_in_the_encoding_that_is_named_and_one_that_may_not_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "a.txt", "caf\u00e9 \u2013".encode("cp1252"))
    of_windows = NotesForm(encoding="cp1252")
    assert list(read_notes(tmp_path, form=of_windows)) == [Note("a", "caf\u00e9 \u2013")]
    written(path, "fever and chills".encode("utf-16-le"))
    assert list(read_notes(tmp_path)) == [Note("a", "", NOT_UTF8)]

    def deny(_: Path) -> bytes:
        raise PermissionError

    monkeypatch.setattr(Path, "read_bytes", deny)
    told = "the file may not be read; correct its rights"
    assert list(read_notes(tmp_path)) == [Note("a", "", told)]
