"""Notes into words, part by part: a loop beside Dask with one worker and with two.

    python benchmarks/cluster.py                      # 20,000 synthetic admissions, made first
    python benchmarks/cluster.py --admissions 2000 --words 300

The notes are 64 equal parts, of which all, and by two workers 8, 16 and 32, are cut into words.
The words go to this process, which writes them to one file; they are counted where they are and
merged as a tree. Each run is a process of its own. Printed: CPU seconds of all processes and of the
client, wall seconds without the start of the cluster, greatest resident memory of the client and of
the largest worker, and whether words and counts are those of the loop. On a busy machine wall
seconds say little; CPU seconds say what an engine costs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from measuring import peak_gb, run_apart

COLUMNS = ("document_id", "patient_id", "note_id", "text")
HEAD = ("", "CPU s", "of it client", "wall s", "client MiB", "worker MiB")
SHARE = (8, 4, 2)  # of the parts, by which memory is looked at
RUNS = (("loop", 0), ("dask", 1), ("dask", 2))


def main() -> None:
    arguments = read_arguments()
    if arguments.run:
        print(json.dumps(measure(arguments.folder, *arguments.run)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as name:
        folder = Path(name)
        make_notes(folder, arguments)
        print("{:16}{:>8}{:>14}{:>8}{:>12}{:>12}".format(*HEAD))
        asked = [(*run, arguments.parts) for run in RUNS]
        asked += [("dask", 2, arguments.parts // share) for share in SHARE]
        of = {}
        for engine, workers, parts in asked:
            words = (folder, "--run", engine, workers, parts, arguments.parts)
            of[engine, workers, parts] = found = run_apart(__file__, *words)
            show(f"{engine} {workers or ''}, {parts} parts", found)
    refuse_differences(of, arguments.parts)
    tell(of, arguments.parts)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--admissions", type=int, default=20_000)
    parser.add_argument("--words", type=int, default=1_500, help="mean words of a summary")
    parser.add_argument("--parts", type=int, default=64)
    parser.add_argument("--scratch", type=Path, help="where files may be written, some gigabytes")
    parser.add_argument("--run", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def make_notes(folder: Path, arguments: argparse.Namespace) -> None:
    from isd_pipeline.data.io.tables import write_parquet
    from isd_pipeline.data.sources.mimic3 import extract
    from isd_pipeline.synthetic import HospitalSettings, write_hospital

    settings = HospitalSettings(
        admissions=arguments.admissions, words=arguments.words, other_notes=0
    )
    write_hospital(folder / "raw", settings)
    rows = write_parquet(extract(folder / "raw").notes, folder / "notes.parquet")
    size = (folder / "notes.parquet").stat().st_size / 1e6
    print(f"{arguments.admissions:,} admissions, {rows:,} notes, {size:,.0f} MB of Parquet")


def measure(folder: Path, name: str, workers: str, parts: str, of: str) -> dict[str, Any]:
    """Cut and count some of the parts; runs in a process of its own."""
    from isd_pipeline.data.io.files import sha256
    from isd_pipeline.data.io.parts import Engine, map_parts, merge_parts, ranges
    from isd_pipeline.data.io.row_parts import Rows
    from isd_pipeline.data.io.tables import RecordStream, open_parquet, write_parquet
    from isd_pipeline.text.tokens import TOKENIZED_NOTES

    engine = Engine(name=name, workers=max(1, int(workers)))
    notes = open_parquet(folder / "notes.parquet")
    count = notes.select(["note_id"]).read().num_rows
    every = [Rows(folder / "notes.parquet", *rows) for rows in ranges(count, -(-count // int(of)))]
    some = every[: int(parts)]
    list(map_parts(nothing, some[:1], engine))  # the workers are there from here on
    begin = time.perf_counter(), cpu_of(engine)
    stream = RecordStream(
        TOKENIZED_NOTES, lambda: (b for batches in map_parts(words, some, engine) for b in batches)
    )
    write_parquet(stream, folder / "words.parquet")
    counted = merge_parts(count_words, total, some, engine)
    wall = time.perf_counter() - begin[0]
    client, of_workers = (b - a for a, b in zip(begin[1], cpu_of(engine), strict=True))
    of_client = peak_gb()
    counts = json.dumps(counted, sort_keys=True).encode()
    made = [sha256(folder / "words.parquet"), hashlib.sha256(counts).hexdigest()]
    return {
        "client": client,
        "workers": of_workers,
        "wall": wall,
        "client_mib": of_client * 1e9 / 2**20,
        "worker_mib": max([0.0, *on_workers(engine, peak_gb)]) * 1e9 / 2**20,
        "made": made,
    }


def nothing(part: Any) -> None:
    """So that a worker has started and has imported the library."""
    import isd_pipeline.text.tokens  # noqa: F401


def words(part: Any) -> list[Any]:
    from isd_pipeline.text.tokens import tokenize_notes

    return list(tokenize_notes(part.stream(COLUMNS)))


def count_words(part: Any) -> Counter[str]:
    from isd_pipeline.text.tokens import tokenize_notes
    from isd_pipeline.text.vocabulary import count_words

    return count_words(tokenize_notes(part.stream(COLUMNS)))[1]


def total(counts: Iterable[Counter[str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for some in counts:
        found.update(some)
    return found


def used() -> float:
    """CPU seconds of this process, its threads included."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def cpu_of(engine: Any) -> tuple[float, float]:
    return used(), sum(on_workers(engine, used))


def on_workers(engine: Any, ask: Any) -> list[float]:
    from isd_pipeline.data.io.cluster import client_of

    return [] if engine.name == "loop" else list(client_of(engine).run(ask).values())


def show(name: str, found: dict[str, Any]) -> None:
    cpu = found["client"] + found["workers"]
    row = (cpu, found["client"], found["wall"], found["client_mib"], found["worker_mib"])
    print("{:16}{:8.2f}{:14.2f}{:8.2f}{:12.0f}{:12.0f}".format(name, *row), flush=True)


def refuse_differences(of: dict[Any, dict[str, Any]], parts: int) -> None:
    for engine, workers in RUNS:
        if of[engine, workers, parts]["made"] != of["loop", 0, parts]["made"]:
            sys.exit(f"{engine} with {workers} workers makes other words than the loop")
    print("the words and their counts are the loop's, to the bit")


def tell(of: dict[Any, dict[str, Any]], parts: int) -> None:
    loop, one, two = (of[(*run, parts)] for run in RUNS)
    cost = (one["client"] + one["workers"]) / loop["client"]
    busiest = max(two["client"], two["workers"] / 2)
    print(
        f"ratio: Dask takes {cost:.2f} times the CPU of a loop; with two workers "
        f"{loop['wall'] / two['wall']:.2f} times its speed by the clock, "
        f"{loop['client'] / busiest:.2f} by the busiest process"
    )


if __name__ == "__main__":
    main()
