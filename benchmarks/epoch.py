"""An epoch of ISD at MIMIC-III's lengths: ours beside the plain reading, all notes padded alike.

    python benchmarks/epoch.py                          # batches of 32, one thread
    python benchmarks/epoch.py --notes 8 --batch 4 --mean 60 --codes 200 --steps 1
    python benchmarks/epoch.py --device cuda --notes 47719    # bf16, ours alone
    python benchmarks/epoch.py --device cuda --notes 9600 --graphs    # with recorded steps

Ours takes batches of similar length, as in training, padded to their own longest note; the plain
reading pads every note to the longest there is (4,000 words), as the authors' code does. Both make
whole steps, all five losses, after one to warm up; ours a whole epoch, the other `--steps` of it.
Notes per CPU second and peak memory; on a GPU notes per second, the memory torch took there, and
how often a step made the host wait for it, beside the one wait for the cosines. With `--graphs` the
epoch in which steps are recorded comes first and is told apart.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import warnings
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from measuring import cpu_seconds, gpu_seconds, peak_gb, run_apart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=320)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--mean", type=float, default=1_485, help="mean length in tokens")
    parser.add_argument("--codes", type=int, default=8_921)
    parser.add_argument("--steps", type=int, default=2, help="of the plain reading")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--skip-reference", action="store_true")
    parser.add_argument("--graphs", action="store_true", help="the setting of a training, ours")
    parser.add_argument("--only", choices=("ours", "reference"))
    options = parser.parse_args()
    if options.only:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run_one(options, Path(folder))))
        return
    names = ("notes", "batch", "mean", "codes", "steps", "device")
    sizes = [word for name in names for word in (f"--{name}", getattr(options, name))]
    sizes += ["--graphs"] if options.graphs else []
    print(f"{options.notes} notes, batches of {options.batch}, {options.codes} codes")
    is_alone = options.skip_reference or options.device == "cuda"  # the other has host tensors
    parts = ("ours",) if is_alone else ("ours", "reference")
    found = {part: run_apart(__file__, *sizes, "--only", part) for part in parts}
    for part, numbers in found.items():
        print(f"{part:10} " + "   ".join(f"{name} {v:.2f}" for name, v in numbers.items()))
    if not is_alone:
        ratio = found["ours"]["notes_a_second"] / found["reference"]["notes_a_second"]
        print(f"ratio      {ratio:.1f} times the notes a second")


def run_one(options: argparse.Namespace, folder: Path) -> dict[str, float]:
    steps, batches = made_training(options, folder)
    if options.device == "cuda":
        return on_gpu(steps, list(islice(batches, 8)), batches, options)
    steps(list(islice(batches, 1)))
    seconds = cpu_seconds(lambda: steps(batches))
    notes = options.notes if options.only == "ours" else sum(len(b.rows) for b in batches)
    return {"notes_a_second": notes / seconds, "seconds": seconds, "peak_gb": peak_gb()}


def made_training(options: argparse.Namespace, folder: Path) -> tuple[Callable[[Any], None], Any]:
    """A function that makes the steps of some batches, and the batches of an epoch."""
    import torch
    from mimic_shaped import LONGEST, PlainISD, Sizes, made_documents, made_isd, mimic_lengths

    from isd_pipeline.training.batches import training_batches
    from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train_epoch
    from isd_pipeline.training.recorded import RecordedSteps
    from isd_pipeline.training.step import WHOLE

    sizes, device = Sizes(codes=options.codes), torch.device(options.device)
    model, objective = made_isd(sizes)
    lengths = mimic_lengths(options.notes, options.mean)
    documents = made_documents(lengths, sizes, folder / "documents")
    config, losses = TrainingConfig(batch_size=options.batch), objective
    batches: Any = training_batches(documents, options.batch, LONGEST, seed=0, epoch=1)
    if options.only == "reference":
        plain = PlainISD(model, objective)
        model, losses = plain.model, lambda _, batch: plain.losses(batch)
        longest = round(LONGEST * options.mean / 1_485)
        batches = [padded(batch, longest) for batch in islice(batches, options.steps)]
    model = model.to(device)
    given = (losses, make_optimizer(model, config), config, objective.weights)
    is_recorded = options.graphs and options.only == "ours"
    recorded = RecordedSteps.of(model, *given, WHOLE) if is_recorded else None
    return lambda some: train_epoch(model, some, *given, epoch=1, recorded=recorded), batches


def padded(batch: Any, longest: int) -> Any:
    """Every note as long as the longest of all."""
    from dataclasses import replace

    import torch.nn.functional as F

    return replace(batch, tokens=F.pad(batch.tokens, (0, longest - batch.tokens.shape[1])))


def on_gpu(
    steps: Callable[[Any], None], some: list[Any], batches: Any, options: argparse.Namespace
) -> dict[str, float]:
    """An epoch against the clock, after some batches to warm up, the second time with alarms."""
    import torch

    found = {"recording_seconds": gpu_seconds(lambda: steps(batches))} if options.graphs else {}
    steps(some)
    first, all_of_them = (waits(lambda n=n: steps(some[:n])) for n in (1, len(some)))
    torch.cuda.reset_peak_memory_stats()
    seconds = gpu_seconds(lambda: steps(batches))
    return found | {
        "notes_a_second": options.notes / seconds,
        "seconds": seconds,
        "gpu_gb": torch.cuda.max_memory_allocated() / 1e9,
        "waits_a_step": (all_of_them - first) / (len(some) - 1),
    }


def waits(call: Callable[[], None]) -> int:
    """How often the host waited for the GPU, but for events; an epoch's end is among it."""
    import torch

    torch.cuda.set_sync_debug_mode("warn")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    torch.cuda.set_sync_debug_mode("default")
    return len(caught)


if __name__ == "__main__":
    main()
