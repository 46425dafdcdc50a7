"""Two worker processes give the bytes that a loop gives, also where one of them is killed.

One local cluster for the module: on loopback, with no pages, and ended with the test process.
"""

from __future__ import annotations

import csv
import gzip
import json
import logging
import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from isd_pipeline.__main__ import main
from isd_pipeline.coding import batch, many
from isd_pipeline.coding.bundle import write_bundle
from isd_pipeline.coding.coder import Coder
from isd_pipeline.coding.note_parts import note_parts
from isd_pipeline.data.codes import code_rows
from isd_pipeline.data.codes.labels import SPACES
from isd_pipeline.data.cohorts import make_cohort
from isd_pipeline.data.custom import source as own
from isd_pipeline.data.custom.example import write_example
from isd_pipeline.data.custom.layout import CustomLayout
from isd_pipeline.data.custom.note_files import find_notes
from isd_pipeline.data.io import cluster
from isd_pipeline.data.io.files import fingerprint_files
from isd_pipeline.data.io.parts import LOOP, Engine, map_parts, merge_parts
from isd_pipeline.data.io.row_parts import Rows, row_parts
from isd_pipeline.data.io.tables import (
    NOTES,
    Extraction,
    RecordStream,
    open_parquet,
    stream_table,
    table_of,
    write_parquet,
)
from isd_pipeline.data.quality.checks import check_notes, check_splits
from isd_pipeline.data.quality.findings import Findings
from isd_pipeline.data.quality.minhash import BANDS, ORDERS, near_pairs
from isd_pipeline.data.sources.mimic3 import extract
from isd_pipeline.data.splits import splits_by_patient
from isd_pipeline.predictors import evidence_parts, registry
from isd_pipeline.predictors.score_parts import score_in_parts
from isd_pipeline.synthetic import HospitalSettings, write_hospital
from isd_pipeline.text.documents import Documents, encode_documents
from isd_pipeline.text.tokens import tokenize_notes
from isd_pipeline.text.vocabulary import VocabularyConfig, count_words, make_vocabulary
from tests.coding.tiny import WORDS, bundle_of
from tests.file_server import served
from tests.pipelines.test_evidence import inputs_of, measure_evidence

pytest.importorskip("distributed", reason="needs the extra `cluster`")
DASK = Engine(name="dask", workers=2, rows=512)
KILLED_AT = 7  # parts of a cohort's preparation, while rows of codes are read
HOSPITAL = HospitalSettings(
    admissions=1_400, seed=5, words=150, codes_per_admission=4, code_pool=200, other_notes=0
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Notes and codes of a hospital, as `extract` leaves them."""
    folder = tmp_path_factory.mktemp("hospital")
    write_hospital(folder / "raw", HOSPITAL)
    found = extract(folder / "raw")
    write_parquet(found.notes, folder / "notes.parquet")
    write_parquet(found.titles, folder / "titles.parquet")
    write_parquet(stream_table(found.codes.read(), rows=512), folder / "codes.parquet")
    return folder


def prepare(tables: Path, out: Path, engine: Engine) -> dict[str, object]:
    """The stage `preprocess` into a folder; the fingerprint of each of its files."""
    out.mkdir()
    notes, codes, titles = (
        open_parquet(tables / f"{name}.parquet") for name in ("notes", "codes", "titles")
    )
    write_parquet(tokenize_notes(notes, "caml", engine), out / "tokenized.parquet")
    tokenized = open_parquet(out / "tokenized.parquet")
    documents = tokenized.select(["document_id", "patient_id"]).read()
    splits, _ = splits_by_patient(documents, seed=1)
    given = (documents, codes, titles.read(), splits)
    made_in = {space: make_cohort(*given, label_space=space, engine=engine) for space in SPACES}
    for space, found in made_in.items():
        pq.write_table(found.labels, out / f"labels_{space}.parquet")
        found.codes.save(out / f"codes_{space}.json")
    cohort = made_in["clean"]
    config = VocabularyConfig(min_docs=2)
    vocabulary, counts = make_vocabulary(tokenized, splits, config, engine=engine)
    vocabulary.save(out / "vocabulary.json")
    made = (tokenized, cohort.labels, cohort.splits, vocabulary, cohort.codes)
    counts |= encode_documents(*made, out / "documents", engine=engine)
    (out / "counts.json").write_text(json.dumps(counts))
    return dict(fingerprint_files(out))


@pytest.fixture(scope="module")
def by_loop(tables: Path) -> dict[str, object]:
    return prepare(tables, tables / "by_loop", LOOP)


def test_words_vocabulary_labels_and_encoded_notes_are_the_bytes_of_a_loop(
    tables: Path, by_loop: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_rows, "AT_ONCE", 1_024)  # the loop had all rows of codes in one part
    assert len(row_parts(open_parquet(tables / "codes.parquet"), replace(DASK, rows=1_024))) > 3
    assert len(row_parts(open_parquet(tables / "by_loop/tokenized.parquet"), DASK)) == 3
    assert prepare(tables, tmp_path / "by_dask", DASK) == by_loop


def test_a_worker_that_is_killed_while_a_cohort_is_prepared_changes_no_byte(
    tables: Path, by_loop: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, results = cluster._done, []

    def done_and_kill(*given: object) -> object:
        results.append(given)
        if len(results) == KILLED_AT:
            pids = cluster.client_of(DASK).run(os.getpid).values()
            os.kill(next(iter(pids)), signal.SIGKILL)
        return done(*given)

    monkeypatch.setattr(cluster, "_done", done_and_kill)
    monkeypatch.setattr(code_rows, "AT_ONCE", 2_048)
    assert prepare(tables, tmp_path / "by_dask", DASK) == by_loop
    assert len(results) > KILLED_AT


def test_merged_counts_come_in_the_order_of_a_loop(
    tables: Path, by_loop: dict[str, object]
) -> None:
    tokenized = open_parquet(tables / "by_loop/tokenized.parquet")
    loop, dask = count_words(tokenized), count_words(tokenized, engine=DASK)
    assert [list(some.items()) for some in loop] == [list(some.items()) for some in dask]


@pytest.fixture(scope="module")
def checked(tables: Path) -> RecordStream:
    """Notes of which some repeat another nearly, some have a sign that is told of, some no word."""
    notes = open_parquet(tables / "notes.parquet").select(list(NOTES.names)).read().to_pylist()
    for n in range(0, len(notes) - 2, 10):
        notes[n + 1]["text"] = notes[n]["text"] + " Seen again."
        notes[n + 2]["text"] = "\ufffd 1 2 3" if n % 3 else notes[n + 2]["text"] + "\ufffd"
    return stream_table(table_of([tuple(row.values()) for row in notes], NOTES))


def look(notes: RecordStream, engine: Engine) -> tuple[object, ...]:
    """All that `isd check` makes of texts and of near duplicates."""
    findings = Findings()
    seen = check_notes(notes, "notes", findings, engine)
    names = [("train", "test")[n % 2] for n in range(len(seen.names))]
    pairs = near_pairs(np.stack(seen.signatures), names, engine=engine)
    assert len(pairs) > 50
    splits = pa.table([seen.names, names], ["document_id", "split"])
    check_splits(seen, splits, "notes", findings, engine)
    sizes = (seen.documents, seen.characters, seen.names, np.stack(seen.signatures).tobytes())
    return (*sizes, pairs, [one.line() for one in findings])


def test_what_is_told_of_texts_and_near_duplicates_is_the_same(checked: RecordStream) -> None:
    by_loop = look(checked, LOOP)
    assert any("documents without a word" in line for line in by_loop[-1])
    signatures = np.frombuffer(by_loop[3], np.uint32).reshape(-1, BANDS, ORDERS // BANDS)
    near = [
        (n, int(m), float((one == signatures[m]).mean()))
        for n, one in enumerate(signatures)
        for m in range(n + 1, len(signatures), 2)
        if (one == signatures[m]).all(axis=1).any() and (one == signatures[m]).mean() >= 0.8
    ]
    assert by_loop[4] == near
    assert look(checked, replace(DASK, rows=200)) == by_loop


def folder_of_notes(folder: Path, parts: int = 4) -> Path:
    """A custom data set whose notes are the files of a folder, in every form that is read."""
    write_example(folder, "csv", documents=60)
    with (folder / "notes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    (folder / "notes.csv").rename(folder.parent / f"{folder.name}.csv")
    many = folder / "notes"
    many.mkdir()
    size = -(-len(rows) // parts)
    for n in range(parts):
        some = rows[n * size : (n + 1) * size]
        name = f"part-{n}"
        if n == 0:
            pq.write_table(pa.Table.from_pylist(some), many / f"{name}.parquet")
        elif n == 1:
            lines = "".join(json.dumps(row) + "\n" for row in some)
            (many / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        else:
            opened = gzip.open if n == 2 else open
            ending = ".csv.gz" if n == 2 else ".csv"
            with opened(many / f"{name}{ending}", "wt", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, rows[0])
                writer.writeheader()
                writer.writerows(some)
    return folder


def tables_of(found: Extraction) -> tuple[object, ...]:
    streams = [getattr(found, name).read() for name in ("notes", "codes", "titles")]
    return (*[table.to_pydict() for table in streams], found.mentions.to_pydict(), found.counts)


def test_notes_in_many_files_are_those_of_one_whoever_reads_them(tmp_path: Path) -> None:
    folder = folder_of_notes(tmp_path / "many")
    write_example(tmp_path / "one", "csv", documents=60)
    wanted = tables_of(own.extract(tmp_path / "one", CustomLayout()))
    address = CustomLayout(notes=f"file://{folder}/notes")
    for layout, engine in ((CustomLayout(), LOOP), (CustomLayout(), DASK), (address, DASK)):
        assert tables_of(own.extract(folder, layout, engine=engine)) == wanted


GROUPS = replace(DASK, rows=14)  # two groups of rows


def one_parquet(folder: Path, bad: int | None = None) -> Path:
    """A custom data set whose notes are one Parquet file in groups of seven rows.

    A row of which the text is no UTF-8 is `bad`.
    """
    write_example(folder, "csv", documents=60)
    with (folder / "notes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    (folder / "notes.csv").unlink()
    table = pa.Table.from_pylist(rows)
    if bad is not None:
        texts = [row["text"].encode() for row in rows]
        texts[bad - 1] = b"SECRET \xff"
        buffers = [None, *pa.array(texts).buffers()[1:]]
        at = table.schema.get_field_index("text")
        text = pa.Array.from_buffers(pa.string(), len(rows), buffers)
        table = table.set_column(at, "text", text)
    pq.write_table(table, folder / "notes.parquet", row_group_size=7)
    return folder


def test_notes_in_one_parquet_file_are_read_by_its_groups_of_rows(tmp_path: Path) -> None:
    folder = one_parquet(tmp_path / "one")
    write_example(tmp_path / "csv", "csv", documents=60)
    wanted = tables_of(own.extract(tmp_path / "csv", CustomLayout()))
    address = CustomLayout(notes=f"file://{folder}/notes.parquet")
    for layout in (CustomLayout(), address):
        (file,) = find_notes(folder, layout).files
        parts = file.parts(GROUPS.rows)
        assert [part.begin for part in parts[:3]] == [0, 14, 28]
        assert parts[-1].end == pq.read_metadata(folder / "notes.parquet").num_rows
        assert tables_of(own.extract(folder, layout, engine=GROUPS)) == wanted


@pytest.mark.parametrize("engine", [LOOP, GROUPS], ids=["loop", "dask"])
def test_a_poisoned_group_of_rows_is_told_by_its_file_and_row(
    tmp_path: Path, engine: Engine
) -> None:
    path = one_parquet(tmp_path / "bytes", bad=40) / "notes.parquet"
    told = r"notes\.parquet, row 40, column text: bytes that are not UTF-8"
    with pytest.raises(ValueError, match=told) as caught:
        own.extract(path.parent, CustomLayout(), engine=engine)
    assert "SECRET" not in str(caught.value)

    path = one_parquet(tmp_path / "damaged") / "notes.parquet"
    text = pq.read_schema(path).get_field_index("text")
    begin = pq.read_metadata(path).row_group(3).column(text).data_page_offset
    with path.open("r+b") as file:
        file.seek(begin)
        file.write(b"\xff" * 40)
    with pytest.raises(ValueError, match=r"notes\.parquet, row 22: damaged from here on"):
        own.extract(path.parent, CustomLayout(), engine=engine)


@pytest.mark.parametrize("engine", [LOOP, DASK], ids=["loop", "dask"])
def test_what_is_wrong_in_one_of_many_files_is_told_by_its_name_and_row(
    tmp_path: Path, engine: Engine
) -> None:
    path = folder_of_notes(tmp_path / "many") / "notes/part-3.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[4]["id"], rows[4]["text"] = "", "SECRET"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, rows[0]).writeheader()
        csv.DictWriter(file, rows[0]).writerows(rows)
    with pytest.raises(ValueError, match=r"notes/part-3\.csv, row 6, column id: no id") as caught:
        own.extract(tmp_path / "many", CustomLayout(), engine=engine)
    path.write_text("id,text\n1,a,SECRET\n", "utf-8")
    with pytest.raises(
        ValueError, match=r"part-3\.csv: other columns than part-0\.parquet"
    ) as other:
        own.extract(tmp_path / "many", CustomLayout(), engine=engine)
    assert "SECRET" not in f"{caught.value} {other.value}"


def hospital_in_parts(tables: Path, folder: Path) -> Path:
    """The same hospital, its NOTEEVENTS cut into three files of the three kinds that are read."""
    folder.mkdir()
    for path in (tables / "raw").iterdir():
        if path.name != "NOTEEVENTS.csv" and path.is_file():
            (folder / path.name).symlink_to(path)
    with (tables / "raw/NOTEEVENTS.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    parts = folder / "NOTEEVENTS"
    parts.mkdir()
    for name, some in (("a.csv", rows[:500]), ("b.csv.gz", rows[500:900])):
        opened = gzip.open if name.endswith(".gz") else open
        with opened(parts / name, "wt", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *some[:-1]])
            csv.writer(file, lineterminator="").writerow(some[-1])
    columns = [list(column) for column in zip(*rows[900:], strict=True)]
    last = pa.table(columns, [name.lower() for name in header])
    numbers = pa.array([int(row) for row in columns[0]], pa.int64())
    pq.write_table(last.set_column(0, header[0].lower(), numbers), parts / "c.parquet")
    return folder


@pytest.mark.parametrize("engine", [LOOP, DASK], ids=["loop", "dask"])
def test_noteevents_in_parts_are_the_one_table_whoever_reads_them(
    tables: Path, tmp_path: Path, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    folder = hospital_in_parts(tables, tmp_path / "raw")
    found, one = extract(folder, engine=engine), extract(tables / "raw")
    assert found.notes.read().equals(one.notes.read())
    assert found.counts == one.counts
    told = [line for line in caplog.messages if "no line end after the last row" in line]
    assert [line.partition(":")[0][-8:] for line in told] == ["TS/a.csv", "b.csv.gz"]
    (folder / "NOTEEVENTS.csv").write_text("x")
    with pytest.raises(ValueError, match=r"NOTEEVENTS\.csv and a folder NOTEEVENTS; move one away"):
        extract(folder, engine=engine)


def first_try(marker: Path) -> bool:
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def words_or_death(part: Rows, marker: Path) -> Counter[str]:
    """The words of some notes; the worker that reads the second part first is killed."""
    if part.begin and first_try(marker):
        os.kill(os.getpid(), signal.SIGKILL)
    texts = (text for found in part.read(["text"]) for text in found["text"].to_pylist())
    return Counter(word for text in texts for word in text.split())


def total(counts: Iterator[Counter[str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for some in counts:
        found.update(some)
    return found


def test_the_parts_of_a_killed_worker_are_done_again_and_that_is_told(
    tables: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    parts = [Rows(tables / "notes.parquet", n, n + 50) for n in range(0, 1000, 50)]
    (tmp_path / "done").touch()
    wanted = list(map_parts(words_or_death, parts, common=[tmp_path / "done"]))
    assert list(map_parts(words_or_death, parts, DASK, common=[tmp_path / "a"])) == wanted
    merged = merge_parts(words_or_death, total, parts, DASK, common=[tmp_path / "b"])
    assert list(merged.items()) == list(total(iter(wanted)).items())
    assert (tmp_path / "a").exists()
    assert (tmp_path / "b").exists()
    assert "a worker was lost; its parts are done again" in caplog.messages


@pytest.fixture(scope="module")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same notes as one CSV and as a folder of Parquet, CSV and gzipped CSV files."""
    folder = tmp_path_factory.mktemp("notes")
    write_bundle(bundle_of(), folder / "bundle")
    draws = random.Random(1)
    rows = [(f"n{n}", " ".join(draws.choices(WORDS, k=9))) for n in range(240)]
    write_csv(folder / "one.csv", rows)
    parts = folder / "parts"
    parts.mkdir()
    columns = ["id", "text"]
    first = pa.table([list(column) for column in zip(*rows[:120], strict=True)], columns)
    pq.write_table(first, parts / "a.parquet", row_group_size=40)
    write_csv(parts / "b.csv", rows[120:180])
    write_csv(parts / "c.csv.gz", rows[180:])
    return folder


def write_csv(path: Path, rows: list[tuple[str, str]]) -> None:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("id", "text"), *rows])


def code(*words: object) -> Result:
    return CliRunner().invoke(main, ["code", *map(str, words)])


BY_DASK = ("--engine", "dask", "--workers", 2)


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_folder_of_parts_is_coded_as_one_file_is(notes: Path, tmp_path: Path, form: str) -> None:
    coder, one, two = Coder.open(notes / "bundle"), tmp_path / f"1.{form}", tmp_path / f"2.{form}"
    batch.code_notes(coder, notes / "one.csv", one)
    done = code(notes / "bundle", notes / "parts", "--to", two, *BY_DASK)
    assert (done.exit_code, done.stdout.splitlines()[0][:9]) == (0, "notes 240"), done.output
    assert two.read_bytes() == one.read_bytes()
    done = code(notes / "bundle", f"file://{notes}/parts", "--to", two, "--force")
    assert (done.exit_code, two.read_bytes()) == (0, one.read_bytes()), done.output
    with served(notes) as address:
        done = code(notes / "bundle", f"{address}/parts", "--to", two, "--force", *BY_DASK)
    assert (done.exit_code, two.read_bytes()) == (0, one.read_bytes()), done.output
    done = code(notes / "bundle", notes / "parts", "--to", "s3://bucket/answers", *BY_DASK)
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1), done.output
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".parts"] == []


def task_of(notes: Path) -> many.Task:
    sha256 = Coder.open(notes / "bundle").bundle.sha256
    return many.Task(bundle=str(notes / "bundle"), sha256=sha256, form=".jsonl", asked={"top": 3})


def test_a_worker_that_is_killed_while_notes_are_coded_changes_no_answer(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from isd_pipeline.data.io.cluster import client_of

    parts, _ = note_parts(str(notes / "parts"), Engine(rows=40))
    assert len(parts) == 5
    many.code_parts(parts, task_of(notes), tmp_path / "loop")
    kept, keep = [], many._keep

    def keep_and_kill(*given: object) -> dict[str, object]:
        kept.append(given)
        if len(kept) == 1:
            os.kill(next(iter(client_of(DASK).run(os.getpid).values())), signal.SIGKILL)
        return keep(*given)

    monkeypatch.setattr(many, "_keep", keep_and_kill)
    many.code_parts(parts, task_of(notes), tmp_path / "dask", DASK)
    assert len(kept) == 5
    assert fingerprint_files(tmp_path / "dask") == fingerprint_files(tmp_path / "loop")


@pytest.mark.parametrize("engine", [LOOP, DASK], ids=["loop", "dask"])
def test_a_poisoned_part_is_one_line_and_the_others_are_kept(
    notes: Path, tmp_path: Path, engine: Engine
) -> None:
    folder, answers = tmp_path / "parts", tmp_path / "answers"
    folder.mkdir()
    for path in (notes / "parts").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    text = pa.Array.from_buffers(
        pa.string(), 3, [None, *pa.array([b"fever", b"pain \xff SECRET", b"pain"]).buffers()[1:]]
    )
    pq.write_table(pa.table([["x", "y", "z"], text], ["id", "text"]), folder / "z.parquet")
    parts, _ = note_parts(str(folder), Engine(rows=40))
    with pytest.raises(ValueError, match=r"z\.parquet, row 2: bytes that are not UTF-8") as caught:
        many.code_parts(parts, task_of(notes), answers, engine)
    assert "\n" not in str(caught.value)
    assert "SECRET" not in str(caught.value)
    (folder / "z.parquet").unlink()
    _, kept = many.code_parts(parts[:-1], task_of(notes), answers, engine)
    assert kept == 5


def test_a_part_is_coded_again_where_its_notes_or_what_is_asked_have_changed(
    notes: Path, tmp_path: Path
) -> None:
    path, answers = tmp_path / "a.csv", tmp_path / "answers"
    write_csv(path, [("1", "fever")])
    write_csv(tmp_path / "b.csv", [("2", "pain")])
    parts, _ = note_parts(str(tmp_path), LOOP)
    task = task_of(notes)
    assert [many.code_parts(parts, task, answers)[1] for _ in range(2)] == [0, 2]
    write_csv(path, [("1", "sepsis")])
    assert many.code_parts(parts, task, answers)[1] == 1
    (answers / "part-000002.jsonl").write_text("cut off")
    assert many.code_parts(parts, task, answers)[1] == 1
    other = many.Task(**{**vars(task), "asked": {"top": 1}})
    assert many.code_parts(parts, other, answers)[1] == 0


def test_an_id_in_two_parts_is_refused_with_its_row(notes: Path, tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [("1", "fever"), ("2", "pain")])
    write_csv(tmp_path / "b.csv", [("3", "fever"), ("2", "pain")])
    parts, _ = note_parts(str(tmp_path), LOOP)
    with pytest.raises(ValueError, match=r"b\.csv, row 3: an id that an earlier note has"):
        many.code_parts(parts, task_of(notes), tmp_path / "answers")


def test_scores_of_many_documents_are_those_of_one_pass(tmp_path: Path) -> None:
    bundle, draws = bundle_of(), np.random.default_rng(2)
    settings = {**bundle.settings}
    settings["training"] = {"max_tokens": 12, "batch_size": 4, "precision": "fp32"}
    starts = np.cumsum([0, *draws.integers(1, 20, 50)])
    tokens = draws.integers(1, len(WORDS), starts[-1], dtype=np.int32)
    none = (np.zeros(0, np.int32), np.zeros(51, np.int64))
    Documents(np.arange(50).astype(str), tokens, starts, *none).save(tmp_path / "documents")
    documents = Documents.open(tmp_path / "documents")
    whole = registry.load(settings, bundle.weights).score(documents)
    for engine in (LOOP, replace(DASK, rows=20)):  # 16 a part: two batches
        parts = score_in_parts(settings, bundle.weights, documents, "cpu", 1, engine)
        assert parts.tobytes() == whole.tobytes()


@pytest.mark.parametrize("system", ["isd", "caml"])
def test_evidence_is_measured_as_note_after_note(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = inputs_of(system)
    by_loop, pairs = measure_evidence(**inputs)
    monkeypatch.setattr(evidence_parts, "NOTES", 1)
    by_dask, same_pairs = measure_evidence(**inputs, engine=vars(DASK))
    assert by_dask == by_loop
    assert same_pairs.equals(pairs)


def listening(process: psutil.Process) -> set[str]:
    found = process.net_connections(kind="inet")
    return {one.laddr.ip for one in found if one.status == psutil.CONN_LISTEN}


def test_a_local_cluster_listens_on_loopback_alone_and_shows_no_page() -> None:
    from isd_pipeline.data.io.cluster import client_of

    client = client_of(DASK)
    me = psutil.Process()
    heard = {ip for one in (me, *me.children(recursive=True)) for ip in listening(one)}
    assert heard == {"127.0.0.1"}
    assert client.scheduler.address.startswith("tls://127.0.0.1:")
    pages = client.scheduler_info()["services"]["dashboard"]
    with socket.create_connection(("127.0.0.1", pages)) as asked:
        asked.sendall(b"GET /info/main/workers.html HTTP/1.0\r\n\r\n")
        assert b"404" in asked.recv(100).splitlines()[0]


def test_a_worker_asks_for_memory_as_this_process_does_and_has_one_thread() -> None:
    """Where Dask sets MALLOC_TRIM_THRESHOLD_, coding takes 1.6 times the processor time."""
    from isd_pipeline.data.io.cluster import client_of

    for environment in client_of(DASK).run(lambda: dict(os.environ)).values():
        assert environment.get("MALLOC_TRIM_THRESHOLD_") == os.environ.get("MALLOC_TRIM_THRESHOLD_")
        assert environment["OMP_NUM_THREADS"] == "1"


def level_of_dask() -> int:
    return logging.getLogger("distributed.worker").getEffectiveLevel()


def test_that_workers_start_and_end_is_not_printed() -> None:
    from isd_pipeline.data.io.cluster import client_of

    assert set(client_of(DASK).run(level_of_dask).values()) == {logging.ERROR}


def die(part: Rows) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
def test_a_part_of_which_every_worker_dies_is_named(tables: Path) -> None:
    part = Rows(tables / "notes.parquet", 0, 7)
    with pytest.raises(ValueError, match=r"notes\.parquet, rows 1 to 7: 4 workers died of it"):
        list(map_parts(die, [part], DASK))
