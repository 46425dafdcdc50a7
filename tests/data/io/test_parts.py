"""A function over parts, in a loop: results in order, a failing part named, never its text."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from isd_pipeline.config.engine import read_engine
from isd_pipeline.config.loading import read_parameters
from isd_pipeline.data.io.parts import LOOP, Engine, map_parts, merge_parts
from isd_pipeline.data.io.row_parts import Rows, document_parts, map_batches, row_parts
from isd_pipeline.data.io.tables import NOTES, open_parquet, stream_table, table_of, write_parquet

ROOT = Path(__file__).parents[3]
BY_DASK = Engine(name="dask", rows=512)


def notes_file(folder: Path, documents: int = 700) -> Path:
    """Two notes a document, the texts their own secret."""
    path = folder / "notes.parquet"
    rows = [(f"{n // 2}", f"{n // 2}", f"n{n}", f"SECRET{n}") for n in range(2 * documents)]
    write_parquet(stream_table(table_of(rows, NOTES), rows=512), path)
    return path


def texts_of(part: Rows) -> list[str]:
    return [text for batch in part.read(["text"]) for text in batch["text"].to_pylist()]


def poisoned(part: Rows, at: str, error: type[Exception]) -> list[str]:
    texts = texts_of(part)
    if at in texts:
        raise error(at)
    return texts


def test_parts_are_all_rows_once_in_their_order(tmp_path: Path) -> None:
    notes = open_parquet(notes_file(tmp_path))
    for parts in (row_parts(notes, BY_DASK), document_parts(notes, BY_DASK)):
        assert len(parts) > 1
        told = [text for texts in map_parts(texts_of, parts) for text in texts]
        assert told == [f"SECRET{n}" for n in range(1400)]


def test_no_part_cuts_what_a_file_keeps_together(tmp_path: Path) -> None:
    held = open_parquet(notes_file(tmp_path)).read()
    write_parquet(stream_table(held, rows=1000), tmp_path / "codes.parquet")
    parts = row_parts(open_parquet(tmp_path / "codes.parquet"), BY_DASK)
    assert [(part.begin, part.end) for part in parts] == [(0, 1000), (1000, 1400)]


def test_a_part_of_documents_begins_where_files_cut_and_cuts_no_document(tmp_path: Path) -> None:
    first, second = document_parts(open_parquet(notes_file(tmp_path)), BY_DASK)
    assert (first.begin, first.end, second.end) == (0, 2 * 512, 1400)


@pytest.mark.parametrize("error", [KeyError, RuntimeError])
def test_a_failing_part_names_its_row_and_the_kind_of_error_alone(
    tmp_path: Path, error: type[Exception]
) -> None:
    parts = row_parts(open_parquet(notes_file(tmp_path)), BY_DASK)
    with pytest.raises(ValueError, match=r"notes\.parquet") as caught:
        list(map_parts(poisoned, parts, common=["SECRET1037", error]))
    name = re.escape(str(tmp_path / "notes.parquet"))
    assert re.match(rf"{name}, row 1038: {error.__name__} ", str(caught.value))
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_words_of_an_error_of_ours_are_told(tmp_path: Path) -> None:
    parts = row_parts(open_parquet(notes_file(tmp_path)), BY_DASK)
    with pytest.raises(ValueError, match=r"notes\.parquet, row 1: SECRET0$"):
        list(map_parts(poisoned, parts, common=["SECRET0", ValueError]))


def count(part: Rows) -> Counter[str]:
    return Counter(text[-1] for text in texts_of(part))


def total(counts: list[Counter[str]]) -> Counter[str]:
    return sum(counts, Counter())


def test_merged_parts_are_what_the_whole_is(tmp_path: Path) -> None:
    parts = row_parts(open_parquet(notes_file(tmp_path)), BY_DASK)
    assert merge_parts(count, total, parts) == Counter(f"{n}"[-1] for n in range(1400))


def test_progress_is_told_in_few_lines_whatever_the_number_of_parts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    part = Rows(notes_file(tmp_path), 0, 1)
    with caplog.at_level(logging.INFO):
        list(map_parts(texts_of, [part] * 99, what="read"))
    assert caplog.messages[-1] == "read: 99 of 99"
    assert 10 < len(caplog.messages) <= 21


def test_a_loop_and_a_stream_without_a_file_are_read_as_they_come(tmp_path: Path) -> None:
    notes = open_parquet(notes_file(tmp_path))
    assert row_parts(notes, LOOP) == document_parts(notes, LOOP) == []
    held = stream_table(notes.read())
    assert row_parts(held, BY_DASK) == document_parts(held, BY_DASK) == []
    assert sum(map_batches(pa.RecordBatch.__len__, held, ["text"], BY_DASK)) == 1400


def test_the_default_is_a_loop_that_imports_no_dask() -> None:
    parameters = read_parameters(ROOT / "conf")
    assert read_engine(parameters["engine"]).name == read_engine(None).name == "loop"
    ask = (
        "import sys, isd_pipeline.pipelines.preprocess.nodes, isd_pipeline.coding.many;"
        "print([n for n in ('dask', 'distributed', 'fsspec') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_no_stage_watches_the_engine() -> None:
    for path in (ROOT / "dvc.yaml", ROOT / "studies/stages.yaml"):
        assert "conf/base/parameters.yml" not in path.read_text()


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ({"nam": "dask"}, "did you mean 'name'"),
        ("ray", "'loop' or 'dask'"),
        ({"cluster": "tcp://me:secret@host:1"}, "holds a user or password"),
        ({"cluster": "host"}, "neither `local` nor an address"),
        ({"workers": 0}, "one at least of each"),
    ],
)
def test_a_wrong_engine_is_one_line_without_a_password(section: object, line: str) -> None:
    with pytest.raises(ValueError, match=line) as caught:
        read_engine(section)
    assert "secret" not in str(caught.value)
