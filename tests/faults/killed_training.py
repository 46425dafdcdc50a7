"""Trains a tiny model again and again in child processes that are killed; prints what came out.

Run by `test_killed_training.py`. Torch is imported once; every training is a fork of this
process, which itself never computes.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.torch  # noqa: F401  (what a training imports late, every fork would import)
import torch
import torch._dynamo
from torch import Tensor, nn

from isd_pipeline.data.io import files
from isd_pipeline.text.documents import Documents
from isd_pipeline.training.batches import Batch, training_batches
from isd_pipeline.training.checkpoints import (
    read_model,
    read_state,
    sweep,
    write_model,
    write_state,
)
from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train

CONFIG = TrainingConfig(
    max_epochs=5,
    warm_up_epochs=1,
    patience=3,
    batch_size=4,
    max_tokens=8,
    learning_rate=0.05,
    metric="score",
)
BELONGS = {"settings": {"seed": 1}, "fingerprints": {"vocabulary": "a", "codes": "b"}}
BATCHES, WRITES = 5, 2 * CONFIG.max_epochs + 2  # an epoch's batches; files a training writes


class Bag(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(30, 8, padding_idx=0)
        self.dropout = nn.Dropout(0.3)
        self.codes = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.codes(self.dropout(self.words(tokens)).mean(dim=1))


def twenty_documents() -> Documents:
    generator = np.random.default_rng(0)
    lengths = generator.integers(3, 15, 20)
    starts = np.cumsum([0, *lengths])
    tokens = generator.integers(1, 30, starts[-1]).astype(np.int32)
    labels = generator.integers(0, 3, 20).astype(np.int32)
    ids = np.array([f"d{n}" for n in range(20)])
    return Documents(ids, tokens, starts, labels, np.arange(21))


def objective(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    return {"prediction": nn.functional.cross_entropy(model(batch.tokens), batch.gold[:, 0])}


def train_or_go_on(folder: Path, losses: Callable[..., dict[str, Tensor]] = objective) -> None:
    """What a training stage does: sweep, go on from the last state, write the best model."""
    torch.manual_seed(0)
    documents = twenty_documents()
    model = Bag()
    sweep(folder)
    trained = train(
        model,
        lambda epoch: training_batches(documents, 4, 8, seed=1, epoch=epoch),
        losses,
        make_optimizer(model, CONFIG),
        CONFIG,
        weights={"prediction": 1.0},
        validate=lambda model: {"score": model.codes.weight.std().item()},
        record=lambda epoch, figures: None,
        seed=1,
        resume=read_state(folder),
        save_state=lambda state: write_state(folder, state),
    )
    (folder.parent / f"{folder.name}.history").write_text(
        json.dumps(trained.history, sort_keys=True)
    )
    write_model(folder, trained.best.weights, **BELONGS)


def digest(folder: Path) -> str:
    """Of the last weights, the optimizer, the best weights and all figures."""
    whole = hashlib.sha256()
    state = read_state(folder)
    for tensors in (state.weights, *state.optimizer["state"].values(), read_model(folder).weights):
        for name in sorted(tensors):
            whole.update(tensors[name].numpy().tobytes())
    whole.update((folder.parent / f"{folder.name}.history").read_bytes())
    return whole.hexdigest()


def die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_batch(number: int) -> Callable[[Path], None]:
    """Killed while it computes that batch."""
    seen = []

    def losses(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        seen.append(batch)
        return die() if len(seen) == number else objective(model, batch)

    return lambda folder: train_or_go_on(folder, losses)


def at_write(number: int, step: str) -> Callable[[Path], None]:
    """Killed at the n-th file: half written, written and not renamed (_sync), or just renamed."""

    def run(folder: Path) -> None:
        calls = []
        name = "_sync" if step == "half" else step
        real = getattr(files, name)

        def counted(path: Path, *rest: Path) -> None:
            calls.append(path)
            if len(calls) < number or step == "_move":
                real(path, *rest)
            if len(calls) == number:
                if step == "half":
                    path.write_bytes(path.read_bytes()[:-9])
                die()

        setattr(files, name, counted)
        train_or_go_on(folder)

    return run


def in_child(run: Callable[[Path], None], folder: Path, seconds: float | None = None) -> bool:
    """Run in a fork, killed after some seconds if they are given; whether it came to its end."""
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        run(folder)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1] == 0


def trial(folder: Path, run: Callable[[Path], None]) -> dict[str, object]:
    """One kill, a look at what is left, then a training to the end."""
    folder.mkdir()
    killed = not in_child(run, folder)
    state = read_state(folder)  # must not fail, whatever the moment
    stale = len(list(folder.glob(".*")))
    ended = in_child(train_or_go_on, folder)
    return {
        "killed": killed,
        "epoch": state.epoch if state else 0,
        "stale": stale,
        "ended": ended,
        "digest": digest(folder),
        "stale_after": len(list(folder.glob(".*"))),
    }


def chain(folder: Path, draw: random.Random) -> dict[str, object]:
    """Killed from outside at random moments, each later on average, until it gets through."""
    folder.mkdir()
    kills = 0
    while not in_child(train_or_go_on, folder, 0.004 * 1.25**kills * draw.uniform(0.5, 1.5)):
        kills += 1
    return {"kills": kills, "digest": digest(folder)}


def main(root: Path) -> None:
    unbroken = root / "unbroken"
    unbroken.mkdir()
    in_child(train_or_go_on, unbroken)
    trials = {f"batch {n}": at_batch(n) for n in range(1, BATCHES * CONFIG.max_epochs + 1, 4)}
    for step in ("half", "_sync", "_move"):
        trials |= {f"{step} {n}": at_write(n, step) for n in range(1, WRITES + 1)}
    print(
        json.dumps(
            {
                "unbroken": digest(unbroken),
                "trials": {name: trial(root / name, run) for name, run in trials.items()},
                "chains": [chain(root / f"chain {n}", random.Random(n)) for n in range(3)],
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
