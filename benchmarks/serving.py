"""`isd serve` under load: notes a second and waiting times beside the model's own rate, and memory.

    python benchmarks/serving.py BUNDLE                 # 8 clients x 200 notes, then 2,000 requests
    python benchmarks/serving.py BUNDLE --notes notes.jsonl --requests 400 --steady 2000

The service is a process of its own on loopback; the clients are threads here, a request a note.
Every answer is compared with the model's own, byte for byte. Without --notes they are made up of
the words of the bundle, 400 a note, so that times are those of notes and what they say is nothing.

Printed are the rate of the model alone, note by note and with 32 notes handed over at once, and of
the service; waiting times; the wait of one note while 64 others are read, for several numbers of
notes a turn; the growth of memory over the steady requests.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import ROOT

WORDS = 400  # of a made-up note
AT_ONCE = 32
TURNS = (1, 4, 64)
MEMORY = "process_resident_memory_bytes"
SHARE = 0.05  # that memory may grow by


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--notes", type=Path, help="A file that `isd code` reads.")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--requests", type=int, default=1_600)
    parser.add_argument("--steady", type=int, default=2_000)
    options = parser.parse_args()
    from isd_pipeline.coding.coder import Coder

    coder = Coder.open(options.bundle)
    rows = list(islice(made_up(coder) if options.notes is None else read(options.notes), 200))
    lines, alone = own_rate(coder, rows)
    wait_of_one(coder, rows)
    with served(options.bundle) as url:
        found = load(url, rows, lines, options.clients, options.requests)
        print(f"ratio       {found / alone:8.2f} of the model's notes a CPU second")
        steady(url, rows, lines, options.clients, options.steady)


def read(path: Path) -> Iterator[dict[str, Any]]:
    from isd_pipeline.coding.notes import read_notes

    return ({"id": note.id, "text": note.text} for note in read_notes(path))


def made_up(coder: Any) -> Iterator[dict[str, Any]]:
    """Notes of words that the bundle knows, each of its own."""
    import numpy as np

    views = getattr(coder.bundle, "views", None)
    bundle = coder.bundle if views is None else next(iter(views.values()))
    draw, words = np.random.default_rng(0), bundle.vocabulary.words
    for number in range(200):
        yield {"id": str(number), "text": " ".join(draw.choice(words, WORDS))}


def own_rate(coder: Any, rows: list[dict[str, Any]]) -> tuple[list[bytes], float]:
    """The answers of the model alone, and notes a CPU second one by one; prints more rates."""
    from isd_pipeline.coding.answers import record
    from isd_pipeline.coding.coder import Note

    notes = [Note(row["id"], row["text"]) for row in rows]
    coder.code(notes[:2])
    wall, begin = time.perf_counter(), time.process_time()
    answers = [coder.code([note])[0] for note in notes]
    alone = len(notes) / (time.process_time() - begin)
    wall_rate = len(notes) / (time.perf_counter() - wall)
    begin = time.process_time()
    together = [
        answer
        for first in range(0, len(notes), AT_ONCE)
        for answer in coder.code(notes[first : first + AT_ONCE])
    ]
    at_once = len(notes) / (time.process_time() - begin)
    if together != answers:
        raise SystemExit("notes handed over at once have other answers than one by one")
    print(f"model alone {wall_rate:8.1f} notes/s")
    told = f"{alone:.1f} one by one, {at_once:.1f} with {AT_ONCE} handed over at once"
    print(f"            {told} a CPU second")
    lines = [json.dumps(record(answer), ensure_ascii=False).encode() for answer in answers]
    return lines, alone


def wait_of_one(coder: Any, rows: list[dict[str, Any]]) -> None:
    """How long one note waits that comes while 64 others are read."""
    from isd_pipeline.coding.coder import Note
    from isd_pipeline.service.model_queue import ModelQueue

    notes = [Note(row["id"], row["text"]) for row in (rows * 64)[:64]]

    async def wait(turn: int) -> tuple[float, float]:
        queue = ModelQueue({"": coder}, at_once=turn)
        begin = time.perf_counter()
        many = asyncio.create_task(queue.code(None, notes))
        await asyncio.sleep(0)
        await queue.code(None, [notes[0]])
        one = time.perf_counter() - begin
        await many
        return one, time.perf_counter() - begin

    for turn in TURNS:
        one, all_of_them = asyncio.run(wait(turn))
        told = f"{turn:3} notes a turn: one note behind 64 waits {1_000 * one:7.0f} ms"
        print(f"{told}, all take {all_of_them:.2f} s")


@contextmanager
def served(bundle: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "isd_pipeline", "serve", str(bundle), "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        if process.wait():
            raise SystemExit(f"the service ended with {process.returncode}")


def ask(url: str, row: dict[str, Any], line: bytes) -> float:
    """Send a note; how long its answer took, which must be the model's."""
    body = json.dumps({"notes": [row]}).encode()
    request = urllib.request.Request(f"{url}/v1/code", body, {"Content-Type": "application/json"})
    begin = time.perf_counter()
    with urllib.request.urlopen(request) as response:  # raises for what is no 2xx
        found = response.read()
    if found != b'{"answers": [' + line + b"]}":
        raise SystemExit("an answer is not the model's own")
    return time.perf_counter() - begin


def load(url: str, rows: list[Any], lines: list[bytes], clients: int, count: int) -> float:
    """So many requests by so many clients: waiting times, and notes a CPU second."""
    pairs = [(rows[n % len(rows)], lines[n % len(rows)]) for n in range(count)]
    begin, spent = time.perf_counter(), metric(url, "process_cpu_seconds_total")
    with ThreadPoolExecutor(clients) as pool:
        waits = sorted(pool.map(lambda pair: ask(url, *pair), pairs))
    rate = count / (time.perf_counter() - begin)
    cpu_rate = count / max(0.01, metric(url, "process_cpu_seconds_total") - spent)
    p50, p95 = (1_000 * waits[int(share * (count - 1))] for share in (0.5, 0.95))
    print(f"served      {rate:8.1f} notes/s to {clients} clients, {count} requests, all 200")
    print(f"            {cpu_rate:.1f} a CPU second of the service")
    print(f"waits       p50 {p50:.0f} ms, p95 {p95:.0f} ms, longest {1_000 * waits[-1]:.0f} ms")
    return cpu_rate


def steady(url: str, rows: list[Any], lines: list[bytes], clients: int, count: int) -> None:
    """Memory before and after so many requests more."""
    before = metric(url, MEMORY) / 2**20
    load(url, rows, lines, clients, count)
    after = metric(url, MEMORY) / 2**20
    growth = after / before - 1
    print(f"memory      {before:8.1f} MiB, {after:.1f} after {count} requests more: {growth:+.1%}")
    if growth > SHARE:
        raise SystemExit(f"memory grew by more than {SHARE:.0%}")


def metric(url: str, name: str) -> float:
    """What the service says of itself."""
    with urllib.request.urlopen(f"{url}/metrics") as response:
        lines = response.read().decode().splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.split()[1])


if __name__ == "__main__":
    main()
