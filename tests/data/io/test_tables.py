"""Tables larger than memory: read again and again, written whole, sorted stably."""

import gc
import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.data.io.tables import (
    RecordStream,
    SortedSpill,
    open_parquet,
    stream_table,
    write_parquet,
)

SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.int64()), ("n", pa.int64()), ("text", pa.string())])


def table(rows=5_000, seed=0):
    draw = np.random.default_rng(seed)
    a, b = draw.integers(0, 40, rows), draw.integers(0, 3, rows)
    texts = [f"é{n} " * (n % 7) for n in range(rows)]
    return pa.table([a, b, np.arange(rows), texts], schema=SCHEMA)


def cut(whole, rows):
    return RecordStream(whole.schema, lambda: iter(whole.to_batches(max_chunksize=rows)))


def test_a_stream_can_be_read_twice_and_is_no_iterator():
    stream = stream_table(table(100), rows=7)
    assert stream.read().equals(stream.read())
    assert not hasattr(stream, "__next__")


def test_the_bytes_of_a_file_do_not_depend_on_how_the_stream_was_cut(tmp_path):
    for rows in (100, 1_733, 5_000):
        write_parquet(cut(table(), rows), tmp_path / f"{rows}.parquet")
    contents = {path.read_bytes() for path in tmp_path.iterdir()}
    assert len(contents) == 1


def test_a_file_holds_the_rows_it_was_given(tmp_path):
    path = tmp_path / "t.parquet"
    assert write_parquet(cut(table(), 99), path) == 5_000
    assert open_parquet(path).read().equals(table())
    assert open_parquet(path).select(["n"]).read().equals(table().select(["n"]))
    assert open_parquet(path, ["text", "a"]).schema.names == ["text", "a"]


def test_a_group_of_rows_has_its_own_numbers_for_words(tmp_path):
    numbered = pa.list_(pa.dictionary(pa.int32(), pa.string()))
    rows = [["a", "b"], ["b"], ["a"], ["c", "a"], ["b"]]
    stream = stream_table(pa.table({"words": pa.array(rows, numbered)}), rows=2)
    write_parquet(stream, tmp_path / "t.parquet")

    lists = [batch["words"] for batch in open_parquet(tmp_path / "t.parquet")]
    assert [row for some in lists for row in some.to_pylist()] == rows
    assert all(pa.types.is_dictionary(some.type.value_type) for some in lists)


def test_an_empty_stream_gives_an_empty_table(tmp_path):
    path = tmp_path / "t.parquet"
    assert write_parquet(stream_table(SCHEMA.empty_table()), path) == 0
    assert open_parquet(path).read().equals(SCHEMA.empty_table())


def test_a_stream_that_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "t.parquet"
    write_parquet(stream_table(table(10)), path)

    def broken():
        yield from table(9_000, seed=1).to_batches(max_chunksize=1_000)
        raise ValueError("row 9001 is cut off")

    with pytest.raises(ValueError, match="row 9001"):
        write_parquet(RecordStream(SCHEMA, broken), path)
    assert os.listdir(tmp_path) == ["t.parquet"]
    assert open_parquet(path).read().num_rows == 10


def test_a_missing_or_cut_file_is_one_line(tmp_path):
    path = tmp_path / "t.parquet"
    with pytest.raises(FileNotFoundError, match="has not run"):
        open_parquet(path)
    write_parquet(stream_table(table(10)), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="not a whole Parquet file"):
        open_parquet(path)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 900), st.integers(1, 200), st.integers(0, 99))
def test_a_spill_sorts_as_a_stable_sort_does(rows, batch, seed):
    whole = table(rows, seed)
    spill = SortedSpill(SCHEMA, ["a", "b"])
    for part in cut(whole, batch):
        spill.add(part)

    order = np.lexsort((np.arange(rows), whole["b"].to_numpy(), whole["a"].to_numpy()))
    expected = whole.take(pa.array(order))
    for _ in range(2):
        assert pa.Table.from_batches(list(spill.read()), SCHEMA).equals(expected)


def test_a_spill_leaves_nothing_in_its_folder(tmp_path):
    spill = SortedSpill(SCHEMA, ["a"], tmp_path)
    spill.add(table(100).to_batches()[0])
    assert sum(batch.num_rows for batch in spill.read()) == 100
    assert os.listdir(tmp_path) == []
    del spill
    gc.collect()
