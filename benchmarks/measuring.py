"""What the benchmarks share: the library of this checkout, processes of their own, the meters."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "models" / "isd")]
Measured = list[tuple[str, float, float, float]]  # step, CPU seconds, wall seconds, peak MiB
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_apart(script: str, *words: object) -> Any:
    """What a script prints, as JSON: run in a fresh process with one thread."""
    alone = dict.fromkeys(THREADS, "1")
    command = [sys.executable, script, *map(str, words)]
    done = subprocess.run(command, env=os.environ | alone, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def cpu_seconds(call: Callable[[], object]) -> float:
    """What the processor spends on a call, whoever else is using the machine."""
    begin = time.process_time()
    call()
    return time.process_time() - begin


def gpu_seconds(call: Callable[[], object]) -> float:
    """How long a GPU and its host take for a call, with nothing else on them."""
    import torch

    torch.cuda.synchronize()
    begin = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def peak_gb() -> float:
    """The greatest resident memory of this process so far.

    Linux is asked for the peak of its own: `ru_maxrss` begins with that of the parent.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = status.read_text().splitlines()
        return next(int(one.split()[1]) * 1024 / 1e9 for one in lines if one.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


@contextmanager
def step(name: str, measured: Measured) -> Iterator[None]:
    """Add what a step of a benchmark takes, and memory up to its end."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    measured.append((name, cpu, wall, peak_gb() * 1e9 / 2**20))


def total(measured: Measured) -> tuple[float, float, float]:
    """The sums of the seconds, and the greatest memory."""
    _, cpu, wall, peak = zip(*measured, strict=True)
    return sum(cpu), sum(wall), max(peak)
