"""What one step of a benchmark takes: CPU seconds, wall seconds, and memory up to its end."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager

Measured = list[tuple[str, float, float, float]]  # step, CPU seconds, wall seconds, peak MiB


@contextmanager
def step(name: str, measured: Measured) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    measured.append((name, cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def total(measured: Measured) -> tuple[float, float, float]:
    """The sums of the seconds, and the greatest memory."""
    _, cpu, wall, peak = zip(*measured, strict=True)
    return sum(cpu), sum(wall), max(peak)
