"""One training step of every system: how many weights, how long, how much memory.

    python benchmarks/models.py                # 8 notes of up to 2,500 tokens, 8,921 codes
    python benchmarks/models.py --systems caml laat --notes 2 --tokens 400 --codes 500
    python benchmarks/models.py --device cuda --steps 10
    python benchmarks/models.py --systems isd isd_aligned    # experiments of the project too
    python benchmarks/models.py --systems isd isd_aligned --width 192

Each system runs in a process of its own, one thread, at its default sizes: CPU seconds of the
whole step (forward, backward, clip, Adam), the median over steps after a warm-up, and the peak of
resident memory beyond what the libraries take. On a GPU, one after the other in one process: wall
seconds, bf16, and the most memory that torch took there. A map is one attention weight for every
code and word of the batch in fp32: what would lie in memory several times, were attention not made
in tiles.
"""

from __future__ import annotations

import argparse
import json
import statistics
from pathlib import Path
from typing import Any

from measuring import cpu_seconds, gpu_seconds, peak_gb, run_apart

WORD_WIDTH, CODE_WIDTH, N_CATEGORIES, WORDS_A_TITLE = 100, 256, 1_159, 10
BALL_WIDTH, TRAINING_NOTES, CODES_A_NOTE = 50, 47_719, 15
SIZES = ("notes", "tokens", "codes", "words", "width", "steps")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--systems", nargs="+", help="or experiments; all systems, if none is named"
    )
    parser.add_argument("--notes", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=2500)
    parser.add_argument("--codes", type=int, default=8921)
    parser.add_argument("--words", type=int, default=52_252, help="of the vocabulary")
    parser.add_argument("--width", type=int, help="d_l, of systems that have the setting `width`")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options)))
        return
    is_gpu = options.device == "cuda"
    a_map = options.notes * options.tokens * options.codes * 4 / 1e9
    print(f"{options.notes} notes, up to {options.tokens} tokens, {options.codes} codes, 1 thread")
    unit = "s" if is_gpu else "CPU s"
    asked = options.systems or names()
    for name in asked:
        row_of(name)  # refuses an unknown one before any is measured
    wide = max(map(len, asked))
    print(f"{'':{wide}} {'weights':>11} {'trained':>11} {unit:>7} {'GB':>6} {'ratio to a map':>15}")
    given = {name: getattr(options, name) for name in SIZES}
    sizes = [f"--{name}={number}" for name, number in given.items() if number is not None]
    for name in asked:
        options.only = name
        found = measure(options) if is_gpu else run_apart(__file__, *sizes, "--only", name)
        print(
            f"{name:{wide}} {found['weights']:11,} {found['trained']:11,} {found['seconds']:7.3f} "
            f"{found['peak_gb']:6.2f} {found['peak_gb'] / a_map:15.1f}",
            flush=True,
        )


def names() -> list[str]:
    """All that begin with word vectors: an encoder's size is that of its folder."""
    from isd_pipeline.models import registry

    return [name for name in registry.names() if not registry.load(name).pretrained]


def measure(options: argparse.Namespace) -> dict[str, float]:
    import torch
    from training_step import random_batch

    from isd_pipeline.config.reading import read_config
    from isd_pipeline.models.registry import load
    from isd_pipeline.training.loop import TrainingConfig, make_optimizer
    from isd_pipeline.training.step import train_step

    batch, libraries, clock = random_batch(options), peak_gb(), cpu_seconds
    row = row_of(options.only)
    system, start = load(row.get("system", "isd")), random_start(options)
    config = TrainingConfig()
    losses = read_config(system.objective_config, row.get("objective"), options.only)
    asked = {"width": options.width} if options.width else {}
    settings = read_config(system.model_config, row.get("model", {}) | asked, options.only)
    model = system.make_model(settings, start)
    if options.device == "cuda":
        model, clock = model.cuda(), gpu_seconds
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    objective, optimizer = system.make_objective(losses, start), make_optimizer(model, config)
    model.train()
    seconds = [
        clock(lambda: train_step(model, batch, objective, optimizer, config, losses.weights))
        for _ in range(options.steps + 1)
    ]
    gpu_gb = torch.cuda.max_memory_allocated() / 1e9
    return {
        "weights": sum(weight.numel() for weight in model.parameters()),
        "trained": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
        "seconds": statistics.median(seconds[1:]),
        "peak_gb": gpu_gb or peak_gb() - libraries,
    }


def row_of(name: str) -> dict[str, Any]:
    """What an experiment sets of its system; how long and how fast it is trained plays no part."""
    from isd_pipeline.models import registry

    if name in registry.names():
        return {"system": name}
    import yaml

    file = Path(__file__).parents[1] / "conf/base/parameters_experiments.yml"
    rows = yaml.safe_load(file.read_text(encoding="utf-8"))["experiments"]
    if name not in rows:
        raise SystemExit(f"{name}: neither a system nor an experiment of {file.name}")
    return rows[name]


def random_start(options: argparse.Namespace) -> Any:
    """Numbers of the sizes of MIMIC-III, where a real cohort's vectors would be."""
    import numpy as np
    import torch
    from scipy import sparse

    from isd_pipeline.data.codes.hierarchy import NO_PARENT, CodeTree
    from isd_pipeline.embeddings.graphs import cooccurrence
    from isd_pipeline.models.system import Initialisation

    words, random = torch.randn(options.words + 2, WORD_WIDTH), np.random.default_rng(0)
    width = options.width or CODE_WIDTH
    groups = np.arange(options.codes) % min(N_CATEGORIES, options.codes)
    parents = np.append(options.codes + groups, np.full(groups.max() + 1, NO_PARENT))
    drawn = random.integers(options.codes, size=TRAINING_NOTES * CODES_A_NOTE)
    starts = np.arange(TRAINING_NOTES + 1) * CODES_A_NOTE
    shape = (TRAINING_NOTES, options.codes)
    gold = sparse.csr_matrix((np.ones(len(drawn), dtype=bool), drawn, starts), shape=shape)
    return Initialisation(
        words=words,
        code_words=torch.randn(len(words), width),
        codes=torch.randn(options.codes, width),
        descriptions=torch.randint(1, options.words, (options.codes, WORDS_A_TITLE)),
        label_log_odds=torch.zeros(options.codes),
        code_groups=torch.from_numpy(groups),
        tree=CodeTree(("",) * len(parents), parents, options.codes),
        cooccurrence=cooccurrence(gold),
        hyperbolic=torch.rand(options.codes, BALL_WIDTH) / BALL_WIDTH,
    )


if __name__ == "__main__":
    main()
