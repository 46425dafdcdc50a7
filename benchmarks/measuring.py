"""What the benchmarks share: the library of this checkout, processes of their own, the meters."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "models")]
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


def peak_gb() -> float:
    """The greatest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
