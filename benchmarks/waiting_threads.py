"""Claim: on a busy machine `isd code --jobs 2` is not many times slower than `--jobs 1`.

    python benchmarks/waiting_threads.py bundles/codiesp_es_full-bilstm-1 notes.csv

Threads that wait busily for each other hold the very core that the one they wait for needs. Each
way codes the notes in a process of its own, beside as many processes as there are cores that do
nothing but compute: one thread, two threads that wait busily (`OMP_WAIT_POLICY=active`), two that
wait passively, as `isd` has them wait. Printed: seconds by the clock and of the processor, and
whether the answers of both twos are the same.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "src"
WAYS = {"1 thread": (1, "passive"), "2, busy": (2, "active"), "2, passive": (2, "passive")}
BUSY = "while True: sum(range(100_000))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("notes", type=Path)
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="other processes")
    arguments = parser.parse_args()
    command = [sys.executable, "-c", BUSY]
    others = [subprocess.Popen(command) for _ in range(arguments.busy)]
    answers: dict[str, bytes] = {}
    seconds: dict[str, float] = {}
    try:
        print(f"beside {arguments.busy} busy processes, {os.cpu_count()} cores")
        for way, (jobs, policy) in WAYS.items():
            clock, cpu, answers[way] = coded(arguments.bundle, arguments.notes, jobs, policy)
            seconds[way] = clock
            print(f"{way:12} {clock:8.1f} s by the clock {cpu:8.1f} s of the processor", flush=True)
    finally:
        for other in others:
            other.kill()
    print(f"ratio: {seconds['2, busy'] / seconds['2, passive']:.1f} by the clock, busy to passive")
    if answers["2, busy"] != answers["2, passive"]:
        sys.exit("the answers differ by how threads wait")


def coded(bundle: Path, notes: Path, jobs: int, policy: str) -> tuple[float, float, bytes]:
    """Seconds by the clock and of the processor, start and end of Python among them; answers."""
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment |= {"OMP_WAIT_POLICY": policy, "PYTHONPATH": str(SOURCES)}
    with tempfile.TemporaryDirectory() as folder:
        to = Path(folder, "answers.jsonl")
        words = ["code", str(bundle), str(notes), "--to", str(to), "--jobs", str(jobs)]
        before, began = _processor(), time.perf_counter()
        command = [sys.executable, "-m", "isd_pipeline", *words]
        done = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
        if done.returncode > 1:  # 1: a note has no codes
            sys.exit("a note could not be coded at all")
        return time.perf_counter() - began, _processor() - before, to.read_bytes()


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
