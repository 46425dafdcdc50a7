"""One training step of ISD with all five losses: ours beside a plain reading of the paper.

    python benchmarks/training_step.py                # 8 notes of up to 2,500 tokens, one thread
    python benchmarks/training_step.py --notes 2 --tokens 400 --codes 500

Each path runs in a process of its own, one thread, median over steps after a warm-up: CPU seconds
of the whole step (forward, backward, clip, Adam) and the peak of resident memory, the libraries'
0.5 GB among it. Two more compare losses and the step's gradient of both, without dropout, in single
and in double precision. Up to a quarter of a note's row is padding.
"""

from __future__ import annotations

import argparse
import json
import statistics
from typing import Any

from measuring import cpu_seconds, peak_gb, run_apart

PARTS = ("ours", "reference", "single", "double")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=2500)
    parser.add_argument("--codes", type=int, default=8921)
    parser.add_argument("--words", type=int, default=52_252)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run_one(options)))
        return
    sizes = [w for name, v in vars(options).items() if v is not None for w in (f"--{name}", v)]
    ours, plain, *equal = (run_apart(__file__, *sizes, "--only", part) for part in PARTS)
    print(f"{options.notes} notes, up to {options.tokens} tokens, {options.codes} codes, 1 thread")
    for name, found in (("ours", ours), ("reference", plain)):
        print(f"{name:10} {found['seconds']:6.2f} CPU s   {found['peak_gb']:5.2f} GB at most")
    print(
        f"ratio      {plain['seconds'] / ours['seconds']:6.1f} times   "
        f"{plain['peak_gb'] / ours['peak_gb']:5.1f} times"
    )
    for precision, differ in zip(PARTS[2:], equal, strict=True):
        print(
            f"in {precision} precision they differ by at most {differ['losses']:.1e} in a loss, "
            f"{differ['gradients']:.1e} in a gradient"
        )


def run_one(options: argparse.Namespace) -> dict[str, float]:
    from mimic_shaped import PlainISD, Sizes, made_isd

    from isd_pipeline.training.loop import TrainingConfig, make_optimizer
    from isd_pipeline.training.step import train_step

    is_equality = options.only in PARTS[2:]
    model, objective = made_isd(
        Sizes(codes=options.codes, words=options.words), 0.0 if is_equality else 0.1
    )
    batch, config = random_batch(options), TrainingConfig()
    if is_equality:
        return differences(model.double() if options.only == "double" else model, objective, batch)
    if options.only == "reference":
        plain = PlainISD(model, objective)
        model, losses = plain.model, lambda _, batch: plain.losses(batch)
    else:
        losses = objective
    optimizer, weights = make_optimizer(model, config), objective.weights
    seconds = [
        cpu_seconds(lambda: train_step(model, batch, losses, optimizer, config, weights))
        for _ in range(options.steps + 1)
    ]
    return {"seconds": statistics.median(seconds[1:]), "peak_gb": peak_gb()}


def random_batch(options: argparse.Namespace) -> Any:
    """Notes of three quarters of the longest length and more, one of them of that length."""
    import numpy as np
    import torch
    from mimic_shaped import CODES_A_NOTE

    from isd_pipeline.training.batches import Batch

    torch.manual_seed(1)
    tokens = torch.randint(1, options.words, (options.notes, options.tokens))
    lengths = torch.randint(options.tokens * 3 // 4, options.tokens + 1, (options.notes,))
    lengths[0] = options.tokens
    tokens.masked_fill_(torch.arange(options.tokens) >= lengths[:, None], 0)
    gold = torch.rand(options.notes, options.codes).argsort()[:, :CODES_A_NOTE].sort().values
    return Batch(tokens, gold, np.arange(options.notes))


def differences(model: Any, objective: Any, batch: Any) -> dict[str, float]:
    """Greatest difference of any loss (relative if above 1) and of any gradient of Eq. 15."""
    import torch
    from mimic_shaped import PlainISD

    from isd_pipeline.training.step import weighted

    plain = PlainISD(model, objective, dropout=0.0)
    found = []
    for one, losses in ((model, lambda b: objective(model, b)), (plain.model, plain.losses)):
        torch.manual_seed(1)
        values = losses(batch)
        weighted(values, objective.weights).backward()
        gradients = {name: p.grad for name, p in one.named_parameters() if p.requires_grad}
        found.append(({name: value.item() for name, value in values.items()}, gradients))
    (mine, my_gradients), (theirs, their_gradients) = found
    return {
        "losses": max(abs(mine[n] - theirs[n]) / max(1.0, abs(theirs[n])) for n in theirs),
        "gradients": max(
            (my_gradients[n] - their_gradients[n]).abs().max().item() for n in their_gradients
        ),
    }


if __name__ == "__main__":
    main()
