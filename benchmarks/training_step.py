"""One training step of ISD with all five losses: ours beside a plain reading of the paper.

    python benchmarks/training_step.py                # 8 notes of up to 2,500 tokens, one thread
    python benchmarks/training_step.py --notes 2 --tokens 400 --codes 500

Each path runs in a process of its own, one thread, median over steps after a warm-up: CPU
seconds of the whole step (forward, backward, clip, Adam) and the peak of resident memory. A third
process compares losses and gradients of both, without dropout. Random data: 15 codes a note, 10
words a description, up to a quarter of a note's row is padding.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests" / "models")]
N_WORDS, WORD_WIDTH, WIDTH, N_QUERIES = 52_252, 100, 256, 64
CODES_A_NOTE, WORDS_A_TITLE = 15, 10
WEIGHTS = {
    "prediction": 0.5,
    "teacher": 0.5,
    "missing": 5e-4,
    "removal": 5e-4,
    "distillation": 1e-3,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=2500)
    parser.add_argument("--codes", type=int, default=8921)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--only", choices=("ours", "reference", "equality"))
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run_one(options)))
        return
    ours, reference, equality = (run_apart(name) for name in ("ours", "reference", "equality"))
    print(f"{options.notes} notes, up to {options.tokens} tokens, {options.codes} codes, 1 thread")
    for name, found in (("ours", ours), ("reference", reference)):
        print(f"{name:10} {found['seconds']:6.2f} CPU s   {found['peak_gb']:5.2f} GB at most")
    print(
        f"ratio      {reference['seconds'] / ours['seconds']:6.1f} times   "
        f"{reference['peak_gb'] / ours['peak_gb']:5.1f} times"
    )
    print(
        f"they differ by at most {equality['losses']:.1e} in a loss, "
        f"{equality['gradients']:.1e} in a gradient"
    )


def run_apart(name: str) -> dict[str, float]:
    """Run one part in a fresh process with one thread, so that its memory is its own."""
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
    done = subprocess.run(
        command, env=os.environ | alone, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def run_one(options: argparse.Namespace) -> dict[str, float]:
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = random_data(options)
    if options.only == "equality":
        return differences(data)
    build = our_step if options.only == "ours" else reference_step
    model, losses = build(data, dropout=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.0, fused=True)

    def step() -> None:
        total = sum(WEIGHTS[name] * loss for name, loss in losses().items())
        optimizer.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()

    seconds = [cpu_seconds(step) for _ in range(options.steps + 1)][1:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": statistics.median(seconds), "peak_gb": peak}


def cpu_seconds(step: Callable[[], None]) -> float:
    begin = time.process_time()
    step()
    return time.process_time() - begin


def random_data(options: argparse.Namespace) -> dict:
    """Numbers of the sizes of MIMIC-III, where a real note's words would be."""
    import torch

    tokens = torch.randint(1, N_WORDS, (options.notes, options.tokens))
    lengths = torch.randint(options.tokens * 3 // 4, options.tokens + 1, (options.notes,))
    lengths[0] = options.tokens
    tokens.masked_fill_(torch.arange(options.tokens) >= lengths[:, None], 0)
    gold = torch.rand(options.notes, options.codes).argsort()[:, :CODES_A_NOTE].sort().values
    return {
        "words": torch.randn(N_WORDS + 2, WORD_WIDTH),
        "codes": torch.randn(options.codes, WIDTH),
        "titles": torch.randint(1, N_WORDS, (options.codes, WORDS_A_TITLE)),
        "tokens": tokens,
        "gold": gold,
    }


def our_step(data: dict, dropout: float) -> tuple:
    import numpy as np

    from isd_pipeline.models.isd import ISD, ISDConfig
    from isd_pipeline.training.batches import Batch
    from isd_pipeline.training.isd_objective import ISDObjective, ISDObjectiveConfig

    model = ISD(ISDConfig(dropout=dropout), data["words"], data["codes"]).train()
    batch = Batch(data["tokens"], data["gold"], np.arange(len(data["tokens"])))
    objective = ISDObjective(ISDObjectiveConfig(), data["titles"])
    return model, lambda: objective(model, batch)


def reference_step(data: dict, dropout: float) -> tuple:
    from reference_isd import ReferenceISD

    from isd_pipeline.training.completion import missing_code, wrong_code

    model = ReferenceISD(
        data["words"],
        data["codes"],
        kernel_sizes=(5, 7, 9, 11),
        n_queries=N_QUERIES,
        dropout=dropout,
    ).train()
    model.attend.queries.data.normal_()
    gold, titles, n_codes = data["gold"].tolist(), data["titles"].tolist(), len(data["codes"])

    def losses() -> dict:
        tasks = [
            (task.codes.tolist(), task.asked.tolist(), task.answer.tolist())
            for task in (missing_code(data["gold"], n_codes), wrong_code(data["gold"], n_codes))
        ]
        return model.losses(data["tokens"], gold, titles, *tasks)

    return model, losses


def differences(data: dict) -> dict[str, float]:
    """Greatest difference of any loss (relative if above 1) and of any gradient of their sum."""
    import torch

    ours, our_losses = our_step(data, dropout=0.0)
    reference, their_losses = reference_step(data, dropout=0.0)
    reference.load_state_dict(ours.state_dict())
    found = []
    for model, losses in ((ours, our_losses), (reference, their_losses)):
        torch.manual_seed(1)
        values = losses()
        sum(values.values()).backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.requires_grad}
        found.append(({name: value.item() for name, value in values.items()}, gradients))
    (mine, my_gradients), (theirs, their_gradients) = found
    return {
        "losses": max(
            abs(mine[name] - theirs[name]) / max(1.0, abs(theirs[name])) for name in theirs
        ),
        "gradients": max(
            (my_gradients[name] - their_gradients[name]).abs().max().item()
            for name in their_gradients
        ),
    }


if __name__ == "__main__":
    main()
