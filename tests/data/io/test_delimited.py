"""Every cell as it is in the file, or one line that says why not."""

import bz2
import csv
import gzip
import hashlib
import io
import lzma
import os
import re
import subprocess
import sys
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isd_pipeline.data.io.delimited import find_csv, read_csv, read_header
from isd_pipeline.data.io.records import is_open, row_ends

SECRET = "ZZCANARY"
cells = st.text(st.characters(codec="utf-8", exclude_characters="\x04"), max_size=12)


def write(path, rows, *, end="\n"):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(rows)
    return path


def read(path, columns):
    return [row for batch in read_csv(path, columns) for row in batch.to_pylist()]


def message(path, columns=("ID", "TEXT")):
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        read(path, list(columns))
    text = str(caught.value)
    assert "\n" not in text
    assert SECRET not in text
    assert path.name in text
    return text


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells, cells), max_size=8), end=st.sampled_from(["\n", "\r\n"])
)
def test_it_reads_what_the_csv_module_reads(tmp_path_factory, rows, end):
    path = write(tmp_path_factory.mktemp("csv") / "t.csv", [("A", "B", "C"), *rows], end=end)

    with path.open(encoding="utf-8", newline="") as file:
        expected = [[cell or None for cell in (row["C"], row["A"])] for row in csv.DictReader(file)]

    assert [[row["c"], row["a"]] for row in read(path, ["c", "a"])] == expected


def test_a_gzipped_file_reads_as_the_plain_one_and_rows_are_numbered_from_the_header(tmp_path):
    rows = [("ID", "TEXT"), *((str(n), f"line\nline {n}") for n in range(1_000))]
    plain = write(tmp_path / "a.csv", rows)
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))

    assert read(plain, ["ID", "TEXT"]) == read(packed, ["ID", "TEXT"])
    assert read(plain, ["ID"])[-1] == {"ID": "999", "row": 1_001}


def test_a_record_that_spans_two_blocks_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("isd_pipeline.data.io.delimited.BLOCK", 2_000)
    rows = [("ID", "TEXT"), *((str(n), f"{n} " * 200) for n in range(50))]

    assert [row["TEXT"] for row in read(write(tmp_path / "a.csv", rows), ["TEXT"])] == [
        text for _, text in rows[1:]
    ]


def test_names_match_without_case_and_a_byte_order_mark_is_no_part_of_one(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfRow_Id,text\r\n1,x\r\n")

    assert read_header(path) == ["Row_Id", "text"]
    assert read(path, ["ROW_ID", "TEXT"]) == [{"ROW_ID": "1", "TEXT": "x", "row": 2}]


@pytest.mark.parametrize("text", ["\0nul", "עברית", "🩺", "x" * 1_000_000, "\x85 \u2028", "\ufeff"])
def test_odd_text_comes_through_unchanged(tmp_path, text):
    assert read(write(tmp_path / "a.csv", [("TEXT",), (text,)]), ["TEXT"])[0]["TEXT"] == text


def test_a_file_is_found_plain_or_gzipped_in_either_case_or_both_names_are_said(tmp_path):
    (tmp_path / "noteevents.csv.gz").touch()
    assert find_csv(tmp_path, "NOTEEVENTS").name == "noteevents.csv.gz"

    with pytest.raises(FileNotFoundError, match=r"neither ADMISSIONS\.csv nor ADMISSIONS\.csv\.gz"):
        find_csv(tmp_path, "ADMISSIONS")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        find_csv(tmp_path / "absent", "ADMISSIONS")


def test_of_two_files_for_one_table_none_is_chosen(tmp_path):
    for pair in (("a.csv", "a.csv.gz"), ("b.csv", "B.CSV")):
        for name in pair:
            write(tmp_path / name, [("ID",), ("1",)])
        with pytest.raises(ValueError, match="and one may be a part of the other"):
            find_csv(tmp_path, pair[0][0].upper())


ROWS = "ID,TEXT\n" + "".join(f"{n},{'word ' * 9}\n" for n in range(500))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_packed_or_plain_is_judged_by_content_and_not_by_name(tmp_path, name):
    for content in (ROWS.encode(), gzip.compress(ROWS.encode())):
        path = tmp_path / name
        path.write_bytes(content)
        assert len(read(path, ["ID"])) == 500


def packed_as(kind):
    data = ROWS.encode()
    with io.BytesIO() as file:
        if kind == "zip":
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("a.csv", data)
        elif kind == "xlsx":
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("[Content_Types].xml", "<x/>")
        elif kind == "parquet":
            pq.write_table(pa.table({"ID": ["1"], "TEXT": [SECRET]}), file)
        return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(gzip.compress(ROWS.encode())), "packed with gzip twice; unpack it once"),
        (bz2.compress(ROWS.encode()), "packed with bzip2, by its content; unpack it first: bunzip"),
        (lzma.compress(ROWS.encode()), "packed with xz, by its content; unpack it first: unxz"),
        (b"\x28\xb5\x2f\xfd" + bytes(40), "packed with zstd"),
        (packed_as("zip"), "a zip archive, by its content; unpack it"),
        (packed_as("xlsx"), "an Excel workbook; save it as CSV"),
        (packed_as("parquet"), "a Parquet file, by its content"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "downloaded without signing in"),
        (b"\n <html>\n", "downloaded without signing in"),
        (gzip.compress(b"<html>Log in</html>"), "downloaded without signing in"),
        (b"", "not even a header"),
        (gzip.compress(b""), "not even a header"),
        (ROWS.encode("utf-16"), "row 1: looks like UTF-16; convert it"),
        (ROWS.encode("utf-16-le"), "row 1: looks like UTF-16"),
        (ROWS.encode("utf-16-be"), "row 1: looks like UTF-16"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer that git lfs left"),
        (b"sep=;\nID;TEXT\n", "says `sep=` instead of columns"),
        (f"1,{SECRET}\n".encode(), "holds no names of columns"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",  # packed bytes hold the time
)
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_what_is_no_table_is_refused_by_what_it_is(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    assert said in message(path)


def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("a.csv", "folder.csv"):
        assert "no file but a folder, pipe or device" in message(tmp_path / name)
    assert "cannot be read" in message(tmp_path / "loop.csv")


def test_a_missing_column_is_named_with_those_found_and_the_nearest(tmp_path):
    path = write(tmp_path / "a.csv", [("ID", "TEXTS"), ("1", SECRET)])
    assert "no column TEXT among ID, TEXTS; is it 'TEXTS'?" in message(path)


def test_two_columns_of_one_name_are_refused(tmp_path):
    assert "two columns" in message(write(tmp_path / "a.csv", [("ID", "TEXT", "text")]))


@pytest.mark.parametrize("row", ["1", f"1,{SECRET},2"])
def test_a_ragged_row_is_refused_with_its_number(tmp_path, row):
    path = tmp_path / "a.csv"
    path.write_text(f"ID,TEXT\n1,2\n{row}\n", "utf-8")
    assert re.search(r"row 3: \d cells where the header has 2", message(path))


def test_a_file_cut_inside_a_quoted_cell_is_refused(tmp_path):
    path = write(tmp_path / "a.csv", [("ID", "TEXT"), ("1", "a"), ("2", f"{SECRET}\nmore")])
    whole = path.read_bytes()
    for cut in range(whole.index(b'"ZZ') + 1, len(whole) - 2):
        path.write_bytes(whole[:cut])
        assert "row 3: the file ends inside a quoted cell" in message(path)


@pytest.mark.parametrize("keep", [0.3, 0.9, 0.999])
def test_a_cut_gzip_is_refused(tmp_path, keep):
    path = tmp_path / "a.csv.gz"
    data = gzip.compress(("ID,TEXT\n" + "".join(f"{n},{n**5}\n" for n in range(9_999))).encode())
    path.write_bytes(data[: int(len(data) * keep)])
    assert "cut off" in message(path)


@pytest.mark.parametrize("place", [-6, -3, 5_000])
def test_a_flipped_bit_in_a_gzip_is_refused(tmp_path, place):
    path = tmp_path / "a.csv.gz"
    rows = "".join(f"{n},{n**5}\n" for n in range(9_999))
    data = bytearray(gzip.compress(f"ID,TEXT\n{rows}".encode()))
    data[place] ^= 4
    path.write_bytes(data)
    assert "damaged" in message(path) or "cut off" in message(path)


def test_bytes_that_are_not_utf8_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"ID,TEXT\n1,caf\xe9\n")
    assert "row 2: bytes that are not UTF-8" in message(path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.touch()
    assert "not even a header" in message(path)


def test_a_file_cut_at_a_row_end_is_refused_by_the_sums_beside_it(tmp_path):
    path = write(tmp_path / "a.csv", [("ID", "TEXT"), ("1", "a"), ("2", "b")])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "SHA256SUMS.txt").write_text(f"{digest} a.csv\n{'0' * 64} b.csv\n")
    assert len(read(path, ["ID"])) == 2

    path.write_bytes(path.read_bytes()[:-9])
    assert "SHA-256" in message(path)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("listing", "named", "kind", "data"),
    [
        ("SHA256SUMS.txt", "a.csv.gz", "sha256", "packed"),
        ("SHA256SUMS", "./A.CSV.GZ", "sha256", "packed"),
        ("checksum_md5_zipped.txt", "a.csv.gz", "md5", "packed"),
        ("checksum_md5_unzipped.txt", "a.csv", "md5", "plain"),
        ("../SHA256SUMS.txt", "hosp/a.csv.gz", "sha256", "packed"),
    ],
)
def test_every_list_of_sums_that_names_a_file_is_held_against_it(
    tmp_path, listing, named, kind, data, cut
):
    folder = tmp_path / "hosp"
    folder.mkdir()
    whole = {"plain": ROWS.encode(), "packed": gzip.compress(ROWS.encode())}
    digest = hashlib.new(kind, whole[data]).hexdigest()
    (folder / listing).write_text(f"{digest} *{named}\n{'0' * 64}  b.csv\n")
    path, half = folder / "a.csv.gz", ROWS[: ROWS.index("\n30,") + 1]
    path.write_bytes(gzip.compress(half.encode()) if cut else whole["packed"])
    if cut:
        assert "the file is cut off or changed" in message(path)
    else:
        assert len(read(path, ["ID"])) == 500


def test_a_plain_file_of_which_only_the_packed_sum_is_known_is_not_called_checked(tmp_path, caplog):
    path = write(tmp_path / "a.csv", [("ID", "TEXT"), ("1", "a")])
    (tmp_path / "SHA256SUMS.txt").write_text(f"{'0' * 64} a.csv.gz\n")
    assert len(read(path, ["ID"])) == 1
    assert "not checked, for SHA256SUMS.txt has the sum of a.csv.gz alone" in caplog.text


def test_a_missing_line_end_is_worth_a_warning(tmp_path, caplog):
    path = tmp_path / "a.csv"
    path.write_text("ID,TEXT\n1,2", "utf-8")
    assert read(path, ["ID"]) == [{"ID": "1", "row": 2}]
    assert "no line end after the last row" in caplog.text


def test_no_cell_is_ever_a_number_a_date_or_a_word_for_nothing(tmp_path):
    values = ["0389", "4019.0", "NA", "nan", "null", "True", "2101-01-01", " 5 ", ""]
    path = write(tmp_path / "a.csv", [("ID",), *((value,) for value in values)])
    batch = next(read_csv(path, ["ID"]))
    assert batch.column(0).type == pa.string()
    assert batch.column(0).to_pylist() == [*values[:-1], None]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(cells, cells), min_size=1, max_size=8),
    st.sampled_from([";", "\t", "|"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le"]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_separator_and_encoding_give_the_cells_that_were_written(
    tmp_path_factory, rows, separator, encoding, end
):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator=end)
        writer.writerows([("ID", "TEXT"), *rows])
    found = [
        (row["ID"] or "", row["TEXT"] or "")
        for batch in read_csv(path, ["ID", "TEXT"], separator=separator, encoding=encoding)
        for row in batch.to_pylist()
    ]
    assert found == rows


def test_bytes_of_another_encoding_have_their_line_however_far_they_are(tmp_path):
    path = tmp_path / "a.csv"
    lines = [f"{n},{'word ' * 20}" for n in range(9_000)]
    lines[7_000] += "caf\u00e9"
    path.write_bytes("\n".join(["ID,TEXT", *lines, ""]).encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.csv, line 7002: bytes that are not UTF-8"):
        list(read_csv(path, ["ID"], encoding="utf-8"))


LETTERS = st.text('",\n\r;a\u00e9', max_size=40)


@settings(max_examples=200, deadline=None)
@given(rows=LETTERS)
def test_rows_end_where_the_format_says_whatever_is_quoted(rows):
    data = rows.encode()
    state, expected = "begin", []  # letter by letter, as the format is described
    for place, letter in enumerate(data):
        sign = chr(letter)
        if state == "quoted":
            state = "closed" if sign == '"' else state
        elif sign == '"' and state in ("closed", "begin"):
            state = "quoted"
        else:
            state = "begin" if sign in ",\n\r" else "inside"
            expected += [place] if sign == "\n" else []
    assert row_ends(data, ",").tolist() == expected
    assert is_open(data, ",") == (state == "quoted")


def test_small_blocks_give_the_rows_of_large_ones_whatever_is_quoted(tmp_path, monkeypatch):
    texts = ['5" tube', 'a "b", c', "line\nline", "\ufeffmark", '""', "plain", "\r\n"]
    path = tmp_path / "a.csv"
    write(path, [("ID", "TEXT"), *((str(n), text) for n in range(40) for text in texts)])
    with path.open("a", encoding="utf-8") as file:
        file.write('41,5" tube\n\ufeff42,6" tube "x"\n')
    whole = read(path, ["ID", "TEXT"])
    monkeypatch.setattr("isd_pipeline.data.io.delimited.BLOCK", 50)
    monkeypatch.setattr("isd_pipeline.data.io.content.PIECE", 7)
    assert read(path, ["ID", "TEXT"]) == whole
    assert [row["TEXT"] for row in whole[-2:]] == ['5" tube', '6" tube "x"']
    assert whole[-1]["ID"] == "\ufeff42"


def test_a_row_without_an_end_is_refused_with_its_number(tmp_path, monkeypatch):
    monkeypatch.setattr("isd_pipeline.data.io.delimited.BLOCK", 2_000)
    monkeypatch.setattr("isd_pipeline.data.io.content.PIECE", 500)
    rows = [("ID", "TEXT"), ("1", "a"), ("2", SECRET * 900)]
    assert "row 3: a row longer than" in message(write(tmp_path / "a.csv", rows))


READ = """
import sys
from pathlib import Path
from isd_pipeline.data.io.delimited import read_csv
try:
    for batch in read_csv(Path(sys.argv[1]), ["ID", "TEXT"]):
        pass
except ValueError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("runs", [2, pytest.param(30, marks=pytest.mark.slow)])
@pytest.mark.parametrize("bad", [b"2,x,y\n", b"2,caf\xe9\n"])
def test_a_refused_file_ends_the_process_in_order_and_never_by_abort(tmp_path, bad, runs):
    path = tmp_path / "a.csv"
    rest = b"".join(b"%d,%s\n" % (n, b"word " * 30) for n in range(60_000))  # more than is read
    path.write_bytes(b"ID,TEXT\n1,a\n" + bad + rest)
    for _ in range(runs):
        command = [sys.executable, "-c", READ, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "row 3" in done.stderr
