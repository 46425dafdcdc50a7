"""Notes into answers: a loop beside Dask with one worker and with two.

    python benchmarks/coding_workers.py bundles/codiesp_full-isd-1 notes/

NOTES is a folder of text files. They become parts of 50 in Parquet, which are coded by a loop, by
one worker and by two, each in a process of its own; parts and the start of the workers, with one
note for each to read the bundle, are not counted. Printed: CPU seconds of all processes and of the
client, wall seconds, greatest resident memory, and whether the answers are those of the loop.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cluster import cpu_of, on_workers
from measuring import peak_gb, run_apart

RUNS = (("loop", 0), ("dask", 1), ("dask", 2))
HEAD = ("", "CPU s", "of it client", "wall s", "client MiB", "worker MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("notes", type=Path)
    parser.add_argument("--count", type=int, default=400, help="how many of the notes")
    parser.add_argument("--run", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(measure(arguments.bundle, arguments.notes, *arguments.run)))
        return
    with tempfile.TemporaryDirectory() as name:
        write_parts(arguments.notes, Path(name), arguments.count)
        print("{:10}{:>8}{:>14}{:>8}{:>12}{:>12}".format(*HEAD))
        found = [show(run, arguments.bundle, Path(name)) for run in RUNS]
    if any(one["answers"] != found[0]["answers"] for one in found):
        sys.exit("the answers are not those of the loop")
    by_clock = [found[0]["wall"] / one["wall"] for one in found]
    print(f"the answers are the loop's, to the bit; speed by the clock {by_clock}")


def write_parts(notes: Path, folder: Path, count: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(notes.glob("*.txt"))[:count]
    table = pa.table({"id": [f.stem for f in files], "text": [f.read_text("utf-8") for f in files]})
    (folder / "notes").mkdir()
    pq.write_table(table, folder / "notes/all.parquet", row_group_size=50)
    (folder / "first").mkdir()
    pq.write_table(table[:4], folder / "first/four.parquet", row_group_size=1)


def show(run: tuple[str, int], bundle: Path, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = run_apart(__file__, bundle, folder, "--run", *run)
    cpu = found["client"] + found["workers"]
    row = (cpu, found["client"], found["wall"], found["client_mib"], found["worker_mib"])
    print("{:10}{:8.2f}{:14.2f}{:8.2f}{:12.0f}{:12.0f}".format(f"{run[0]} {run[1]}", *row))
    return found


def measure(bundle: Path, folder: Path, name: str, workers: str) -> dict[str, Any]:
    from isd_pipeline.coding.bundle import name_of
    from isd_pipeline.coding.many import Task, code_parts
    from isd_pipeline.coding.note_parts import note_parts
    from isd_pipeline.data.io.files import fingerprint_files
    from isd_pipeline.data.io.parts import Engine

    engine = Engine(name=name, workers=max(1, int(workers)), rows=1)
    task = Task(bundle=str(bundle.absolute()), sha256=name_of(bundle), form=".jsonl", asked={})
    answers = folder / "answers"
    code_parts(note_parts(str(folder / "first"), engine)[0], task, folder / "read", engine)
    begin = time.perf_counter(), cpu_of(engine)
    code_parts(note_parts(str(folder / "notes"), engine)[0], task, answers, engine)
    wall = time.perf_counter() - begin[0]
    client, of_workers = (b - a for a, b in zip(begin[1], cpu_of(engine), strict=True))
    made = fingerprint_files(answers)
    for one in (answers, folder / "read"):
        shutil.rmtree(one)
    return {
        "client": client,
        "workers": of_workers,
        "wall": wall,
        "client_mib": peak_gb() * 1e9 / 2**20,
        "worker_mib": max([0.0, *on_workers(engine, peak_gb)]) * 1e9 / 2**20,
        "answers": json.dumps(made, sort_keys=True),
    }


if __name__ == "__main__":
    main()
