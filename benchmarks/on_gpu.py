"""All that is to be measured on a GPU, one after the other in ten minutes, into one file.

    python benchmarks/on_gpu.py                  # writes gpu.json
    python benchmarks/on_gpu.py --rehearse       # tiny and on the CPU: does the script itself run?

Whether a GPU computes what a CPU does, and replays it; an epoch of 9,600 notes without recorded
steps and with them; a step of every system; where the time of eight steps goes, both ways. What
runs past its share of the time is ended, and the next begins. The file is written after each.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import ROOT

TESTS = ("-m", "pytest", "-q", "tests/models/test_on_gpu.py", "tests/training/test_recorded.py")
EPOCH = ("benchmarks/epoch.py", "--device", "cuda", "--notes", "9600")
MODELS = ("benchmarks/models.py", "--device", "cuda", "--steps", "6")
PROFILE = ("benchmarks/on_gpu.py", "--only", "profile")
STEPS = {  # what, seconds at most, and what a rehearsal adds
    "equality": (TESTS, 150, ("-k", "scores and isd or replayed")),
    "epoch": (EPOCH, 80, ()),
    "epoch, recorded": ((*EPOCH, "--graphs"), 80, ()),
    "models": (MODELS, 150, ("--systems", "isd", "--tokens", "40", "--words", "500")),
    "profile": (PROFILE, 60, ("--rehearse",)),
    "profile, recorded": ((*PROFILE, "--graphs"), 60, ("--rehearse",)),
}
TINY = {"--device": "cpu", "--notes": "8", "--steps": "1"}
TINY_EPOCH = ("--batch", "4", "--mean", "40", "--codes", "60", "--skip-reference")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=Path("gpu.json"))
    parser.add_argument("--rehearse", action="store_true")
    parser.add_argument("--only", choices=("profile",), help=argparse.SUPPRESS)
    parser.add_argument("--graphs", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        profile(options)
        return
    from isd_pipeline.data.io.files import write_json

    found = {"machine": machine(options.rehearse)}
    for name, (words, limit, tiny) in STEPS.items():
        command = rehearsed(words, tiny) if options.rehearse else words
        found[name] = measured(command, limit)
        write_json(options.to, found)
        print(f"{name:18} {found[name]['seconds']:5.0f} s   {found[name]['told']}", flush=True)
    failed = [name for name in STEPS if found[name]["told"] != "done"]
    if failed:
        raise SystemExit(f"not whole: {', '.join(failed)}; {options.to} has what they printed")
    print(f"all figures: {options.to}")


def machine(rehearse: bool) -> str:
    import torch

    if rehearse:
        return f"a CPU, torch {torch.__version__}: a rehearsal, no figure means anything"
    if not torch.cuda.is_available():
        raise SystemExit("torch sees no GPU here, so nothing was measured and no file written")
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"


def rehearsed(words: tuple[str, ...], tiny: tuple[str, ...]) -> tuple[str, ...]:
    """The same command at sizes that take a CPU seconds."""
    small = [TINY.get(before, word) for before, word in zip(("", *words), words, strict=False)]
    return (*small, *tiny, *(TINY_EPOCH if words[0] == EPOCH[0] else ()))


def measured(words: tuple[str, ...], limit: int) -> dict[str, Any]:
    """What a command printed, and how it ended; past its time it is ended with all it started."""
    begin, command, out = time.perf_counter(), [sys.executable, *words], subprocess.PIPE
    keep = {"cwd": ROOT, "stdout": out, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, **keep, start_new_session=True) as running:
        try:
            printed, _ = running.communicate(timeout=limit)
            told = f"failed with {running.returncode}" if running.returncode else "done"
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            printed, told = running.communicate()[0], f"ended after {limit} s"
    seconds = time.perf_counter() - begin
    return {"command": words, "told": told, "seconds": seconds, "printed": printed.splitlines()}


def profile(options: argparse.Namespace) -> None:
    """Print where eight steps spend a GPU's time and the host's."""
    from epoch import made_training
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as watched

    sizes = {"notes": 256, "batch": 32, "mean": 1485, "codes": 8921, "device": "cuda"}
    if options.rehearse:
        sizes = {"notes": 8, "batch": 2, "mean": 40, "codes": 60, "device": "cpu"}
    asked = argparse.Namespace(**sizes, graphs=options.graphs, only="ours")
    activities = [ProfilerActivity.CPU]
    activities += [] if options.rehearse else [ProfilerActivity.CUDA]
    with tempfile.TemporaryDirectory() as folder:
        steps, batches = made_training(asked, Path(folder))
        some = list(islice(batches, 8))
        for _ in range(3):  # made plainly, recorded, replayed
            steps(some)
        with watched(activities=activities) as seen:
            steps(some)
    for order in ("cpu_time_total",) if options.rehearse else ("cuda_time_total", "cpu_time_total"):
        print(seen.key_averages().table(sort_by=order, row_limit=25, max_name_column_width=60))


if __name__ == "__main__":
    main()
