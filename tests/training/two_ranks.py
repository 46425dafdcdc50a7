"""Trains a tiny ISD in several processes, some of them killed; prints what came out.

Run by `test_ranks.py`. Torch is imported once; every rank is a fork of this process, which itself
never computes. With `torchrun`, one rank of a training whose second rank dies.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import safetensors.torch  # noqa: F401  (what a training imports late, every fork would import)
import torch
import torch._dynamo
import torch.distributed
import tqdm.auto  # noqa: F401

from isd_pipeline.models.isd.base import ISDConfig
from isd_pipeline.models.isd.objective import ISDObjectiveConfig
from isd_pipeline.predictors import network
from isd_pipeline.predictors.progress import Progress
from isd_pipeline.training import checkpoints
from isd_pipeline.training.parts import Cut
from isd_pipeline.training.ranks import ProcessLostError, here, joined
from isd_pipeline.training.settings import TrainingConfig
from tests.models.test_in_parts import MARKED, farthest, learned
from tests.predictors.test_network import data_of, options

EPOCHS, BATCHES = 4, 5  # of 24 documents, the last batch of 4
SETTINGS = {
    "model": ISDConfig(width=8, n_queries=4, kernel_sizes=(3, 5), dropout=0.2),
    "objective": ISDObjectiveConfig(),
    "training": TrainingConfig(
        max_epochs=EPOCHS, warm_up_epochs=0, batch_size=5, learning_rate=0.01
    ),
}
LOST = 17  # how a rank ends that has lost another


def fitted(folder: Path, dies: tuple[int, int] | None = None) -> None:
    """Fit in this folder; the rank and the batch at which one is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    rank, written, write = here().rank, [], checkpoints.write_state

    def counted(*given: Any) -> None:
        written.append(given)
        write(*given)

    checkpoints.write_state = counted
    if dies is not None and dies[0] == rank:
        die_at(dies[1])
    try:
        found = network.fit("isd", SETTINGS, data_of(), options())
    except ProcessLostError as error:
        print(error, file=sys.stderr)
        os._exit(LOST)
    whole = hashlib.sha256(json.dumps(found.history, sort_keys=True).encode())
    for name in sorted(found.weights):
        whole.update(found.weights[name].numpy().tobytes())
    told = {"digest": whole.hexdigest(), "writes": len(written), "figures": found.figures}
    Path(f"rank-{rank}.json").write_text(json.dumps(told))


def die_at(number: int) -> None:
    """Be killed while that batch of this training is computed."""
    seen, real = [], Progress.objective

    def objective(self: Progress, model: Any, batch: Any) -> Any:
        seen.append(batch)
        if len(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, model, batch)

    Progress.objective = objective


def equal(folder: Path) -> None:
    """How far ranks are from one process that makes the whole steps, in double precision."""
    folder.mkdir(parents=True, exist_ok=True)
    cases = {"isd": MARKED[1]} | ({"ha_gru": ("ha_gru", {}, {})} if here().count == 2 else {})
    apart = {}
    with joined(torch.device("cpu")) as ranks:
        for name, case in cases.items():
            for accumulate in (1, 2):
                model, figures = learned(case, Cut(ranks, accumulate))
                whole, wanted = learned(case, Cut(draws="example"))
                terms = [abs(a[k] - b[k]) for a, b in zip(figures, wanted, strict=True) for k in b]
                apart[f"{name}, {accumulate}"] = [farthest(model, whole), max(terms)]
                sums = [value.double().sum().item() for value in model.state_dict().values()]
                ranks.agree(sums, "weights")
    (folder / f"rank-{ranks.rank}.json").write_text(json.dumps(apart))


def ranks_of(count: int, run: Callable[[], None], folder: Path) -> dict[str, Any]:
    """Run in so many forks: how each ended, after how many seconds the last, and what they say."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    started, children = time.monotonic(), []
    for rank in range(count):
        child = os.fork()
        if not child:
            torch.set_num_threads(1)
            at = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            os.environ |= {k: str(v) for k, v in (at | {"RANK": rank, "WORLD_SIZE": count}).items()}
            run()
            os._exit(0)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    said = [folder / f"rank-{rank}.json" for rank in range(count)]
    return {
        "codes": codes,
        "seconds": time.monotonic() - started,
        "said": [json.loads(path.read_text()) for path in said if path.exists()],
        "states": sorted(path.name for path in folder.glob("scratch/training/*/epoch-*.json")),
    }


def main(root: Path) -> None:
    found = {"equal": ranks_of(2, lambda: equal(root / "equal"), root / "equal")}
    found["three"] = ranks_of(3, lambda: equal(root / "three"), root / "three")
    for name, dies in {"unbroken": None, "second": (1, 13), "first": (0, 13)}.items():
        folder = root / name
        found[name] = ranks_of(2, lambda f=folder, d=dies: fitted(f, d), folder)
    for name, count in {"second": 2, "first": 1}.items():
        folder = root / name
        found[f"{name} again"] = ranks_of(count, lambda f=folder: fitted(f), folder)
    print(json.dumps(found))


if __name__ == "__main__":
    if "RANK" in os.environ:
        torch.set_num_threads(1)
        fitted(Path(sys.argv[1]), (1, 13))
    else:
        main(Path(sys.argv[1]))
