"""Files at addresses that are no path: on a server of the loopback, in an archive, in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from isd_pipeline.coding.note_parts import note_parts
from isd_pipeline.data.custom import source as own
from isd_pipeline.data.custom.example import write_example
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.io.addresses import list_files, name_of, refuse_address
from isd_pipeline.data.io.parts import LOOP
from tests.file_server import served

fsspec = pytest.importorskip("fsspec", reason="needs the extra `cluster`")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of notes in two kinds of file, beside what is no notes and a folder."""
    folder = tmp_path_factory.mktemp("served") / "notes"
    (folder / "older").mkdir(parents=True)
    (folder / "a.csv").write_text("id,text\n1,fever\n2,pain\n")
    table = pa.table({"id": ["3", "4", "5"], "text": ["cough", "rash", "fall"]})
    pq.write_table(table, folder / "b.parquet", row_group_size=2)
    (folder / "README").write_text("none of them")
    with zipfile.ZipFile(folder.parent / "year.zip", "w") as archive:
        for path in folder.rglob("*"):
            archive.write(path, path.relative_to(folder.parent))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    with served(folder.parent) as address:
        yield address


@pytest.fixture
def in_memory(folder: Path) -> Iterator[str]:
    files = fsspec.filesystem("memory")
    files.put(str(folder), "/notes", recursive=True)
    yield "memory://notes"
    files.rm("/notes", recursive=True)


@pytest.fixture
def address(request: pytest.FixtureRequest, folder: Path) -> str:
    chained = {
        "zip": f"zip://notes::file://{folder.parent}/year.zip",
        "copied": f"simplecache::file://{folder}",
        "copied zip": f"simplecache::zip://notes::file://{folder.parent}/year.zip",
    }
    if request.param in chained:
        return chained[request.param]
    if request.param == "http":
        return f"{request.getfixturevalue('server')}/notes/"
    return request.getfixturevalue("in_memory")


EVERY = ["http", "memory", "zip", "copied", "copied zip"]


@pytest.mark.parametrize("address", EVERY, indirect=True)
def test_notes_at_an_address_are_listed_and_read_as_those_of_a_folder(
    address: str, folder: Path
) -> None:
    parts, others = note_parts(address, LOOP)
    here, others_here = note_parts(str(folder), LOOP)
    assert [note for part in parts for note in part.read()] == [
        note for part in here for note in part.read()
    ]
    assert [name_of(part.address) for part in parts] == ["a.csv", "b.parquet"]
    assert others == others_here == 2
    one = list(parts[0].read())
    assert [list(part.read()) for part in note_parts(parts[0].address, LOOP)[0]] == [one]


def test_a_custom_data_set_has_its_notes_on_a_server(server: str, folder: Path) -> None:
    here = folder.parent / "custom"
    write_example(here, "parquet", documents=60)
    wanted = own.extract(here, CustomLayout())
    (here / "notes.parquet").rename(folder.parent / "far.parquet")
    layout = CustomLayout(notes=f"{server}/far.parquet")
    found = own.extract(here, layout)
    assert found.notes.read().equals(wanted.notes.read())
    assert found.counts == wanted.counts


def test_what_is_not_there_is_a_line(server: str) -> None:
    with pytest.raises(FileNotFoundError, match="/none: no such file or folder"):
        list_files(f"{server}/none")


@pytest.mark.parametrize(
    "address",
    [
        "s3://me:secret@bucket/x",
        "https://host/x?key=secret",
        "zip://notes::s3://me:secret@bucket/x.zip",
        "simplecache::https://host/x?key=secret",
    ],
)
def test_an_address_with_credentials_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(ValueError, match="leave it out") as caught:
        list_files(address)
    assert "secret" not in str(caught.value)


def test_nothing_is_written_to_an_address() -> None:
    with pytest.raises(ValueError, match=r"s3://…: an address, and what is written is written on"):
        refuse_address(Path("s3://bucket/answers.jsonl"))
    for path in ("answers.jsonl", "/a/b:/c", "a:", "."):
        refuse_address(Path(path))
