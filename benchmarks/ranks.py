"""A step of ISD by two processes beside the same step by one with as many threads.

    python benchmarks/ranks.py                      # batches of 16 notes, 2 ranks, 2 threads
    python benchmarks/ranks.py --ranks 4 --batch 64 --rounds 5

Both make whole steps at MIMIC-III's lengths, all five losses, by gloo over the loopback. They take
turns, `--rounds` times, so that whoever else uses the machine disturbs both alike: medians over
the steps of all rounds, the first of each left out. CPU seconds are those of all threads and all
ranks; what the ranks need more of them is the price of cutting a batch. The wall's say something
on an idle machine alone.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import THREADS, peak_gb

SIZES = ("batch", "steps", "mean", "codes", "ranks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=4, help="of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mean", type=float, default=1_485, help="mean length in tokens")
    parser.add_argument("--codes", type=int, default=8_921)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--only", choices=("threads", "ranks"))
    options = parser.parse_args()
    if options.only:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run_one(options, Path(folder))))
        return
    print(f"batches of {options.batch} notes, {options.codes} codes, {options.ranks} cores")
    sizes = [str(word) for name in SIZES for word in (f"--{name}", getattr(options, name))]
    found: dict[str, list[Any]] = {"threads": [], "ranks": []}
    for _ in range(options.rounds):
        found["threads"] += started(1, [*sizes, "--only", "threads"])
        found["ranks"] += started(options.ranks, [*sizes, "--only", "ranks"])
    cpu, wall = {}, {}
    for name, runs in found.items():
        n_ranks = options.ranks if name == "ranks" else 1
        each = statistics.median(one for run in runs for one, _ in run["steps"])
        cpu[name] = n_ranks * each
        wall[name] = statistics.median(one for run in runs for _, one in run["steps"])
        peak = max(run["peak_gb"] for run in runs)
        print(f"{name:8} {cpu[name]:6.2f} CPU s   {wall[name]:6.2f} s   {peak:5.2f} GB a process")
    print(
        f"ratio    {cpu['ranks'] / cpu['threads']:6.2f} times the CPU seconds, "
        f"{wall['ranks'] / wall['threads']:.2f} times the wall's"
    )


def started(count: int, words: list[str]) -> list[Any]:
    """What so many processes of this script print that know of each other."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        at = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(one.getsockname()[1])}
    running = []
    for rank in range(count):
        known = {**at, "RANK": str(rank), "WORLD_SIZE": str(count), **dict.fromkeys(THREADS, "1")}
        known["OMP_WAIT_POLICY"] = "passive"  # a thread that waits for another computes nothing
        command = [sys.executable, __file__, *words]
        running.append(
            subprocess.Popen(command, env=os.environ | known, stdout=subprocess.PIPE, text=True)
        )
    told = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise SystemExit("a process of the benchmark has failed")
    return [json.loads(text) for text in told]


def run_one(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    import torch
    from mimic_shaped import LONGEST, Sizes, made_documents, made_isd, mimic_lengths

    from isd_pipeline.training.batches import training_batches
    from isd_pipeline.training.loop import TrainingConfig, make_optimizer
    from isd_pipeline.training.parts import Cut
    from isd_pipeline.training.ranks import joined
    from isd_pipeline.training.step import train_step

    torch.set_num_threads(options.ranks if options.only == "threads" else 1)
    torch.manual_seed(0)
    sizes, config = Sizes(codes=options.codes), TrainingConfig(batch_size=options.batch)
    model, objective = made_isd(sizes)
    lengths = mimic_lengths(options.batch * (options.steps + 1), options.mean)
    documents = made_documents(lengths, sizes, folder / "documents")
    batches = training_batches(documents, options.batch, LONGEST, seed=0, epoch=1)
    optimizer, steps = make_optimizer(model, config), list[tuple[float, float]]()
    with joined(torch.device("cpu")) as ranks:
        cut = Cut(ranks, counts=objective.counts)
        for batch in islice(batches, options.steps + 1):
            cpu, wall = time.process_time(), time.perf_counter()
            train_step(model, batch, objective, optimizer, config, objective.weights, cut)
            steps.append((time.process_time() - cpu, time.perf_counter() - wall))
    return {"steps": steps[1:], "peak_gb": peak_gb()}


if __name__ == "__main__":
    main()
