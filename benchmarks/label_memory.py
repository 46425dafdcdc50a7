"""Memory of a training step of the models whose codes attend one by one, some codes at a time.

    python benchmarks/label_memory.py                 # 8 notes of 2,500 tokens, 8,921 codes
    python benchmarks/label_memory.py --notes 2 --tokens 400 --codes 500

Each number is the peak of resident memory of a process of its own with one thread, libraries and
weights among it, after one forward and backward; then the same with all codes at once. Random
data; 15 codes a note in the co-occurrence.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
N_WORDS, WORD_WIDTH, BALL_WIDTH = 52_252, 100, 50
TRAINING_NOTES, CODES_A_NOTE, CODES_BELOW_A_NODE = 47_719, 15, 8
MODELS = ("ha_gru", "msatt_kg", "hypercore")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--notes", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=2500)
    parser.add_argument("--codes", type=int, default=8921)
    parser.add_argument("--only", choices=MODELS)
    parser.add_argument("--whole", action="store_true", help="all codes at once")
    options = parser.parse_args()
    if options.only:
        print(json.dumps(run_one(options)))
        return
    print(f"{options.notes} notes of {options.tokens} tokens, {options.codes} codes, 1 thread")
    for name in MODELS:
        some, whole = run_apart(name), run_apart(name, "--whole")
        print(
            f"{name:10} {some['parameters'] / 1e6:5.1f} M parameters; a step: "
            f"{some['peak_gb']:5.2f} GB at most, {some['seconds']:.1f} CPU s; all codes at once: "
            f"{whole['peak_gb']:5.2f} GB, {whole['seconds']:.1f} CPU s"
        )
        print(f"ratio      {whole['peak_gb'] / some['peak_gb']:5.1f} times")


def run_apart(name: str, *more: str) -> dict[str, float]:
    """Run one model in a fresh process with one thread, so that its memory is its own."""
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *sys.argv[1:], "--only", name, *more]
    done = subprocess.run(
        command, env=os.environ | alone, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout)


def run_one(options: argparse.Namespace) -> dict[str, float]:
    import torch

    from isd_pipeline.models.layers import graph as graph_parts
    from isd_pipeline.models.registry import load

    torch.manual_seed(0)
    if options.whole:
        graph_parts.LABELS_AT_ONCE = options.codes
    system = load(options.only)
    model = system.make_model(system.model_config(), random_start(options.codes)).train()
    tokens = torch.randint(1, N_WORDS, (options.notes, options.tokens))
    begin = time.process_time()
    torch.nn.functional.softplus(model(tokens, tokens != 0).logits).mean().backward()
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "seconds": time.process_time() - begin,
    }


def random_start(n_codes: int):
    """Numbers of the sizes of MIMIC-III; a code is as frequent as its rank says."""
    import numpy as np
    import torch
    from scipy import sparse

    from isd_pipeline.data.codes.hierarchy import CodeTree
    from isd_pipeline.embeddings.graphs import cooccurrence
    from isd_pipeline.models.system import Initialisation, log_odds

    draw = np.random.default_rng(0)
    chances = 1 / np.arange(1, n_codes + 1)
    rows = np.repeat(np.arange(TRAINING_NOTES), CODES_A_NOTE)
    columns = draw.choice(n_codes, len(rows), p=chances / chances.sum())
    gold = sparse.csr_matrix((np.ones(len(rows), dtype=bool), (rows, columns)))
    gold.resize(TRAINING_NOTES, n_codes)
    n_inner = n_codes // CODES_BELOW_A_NODE
    parents = np.concatenate([draw.integers(n_codes, n_codes + n_inner, n_codes), [-1] * n_inner])
    return Initialisation(
        words=torch.randn(N_WORDS + 2, WORD_WIDTH),
        code_words=torch.zeros(0, 0),
        codes=torch.zeros(n_codes, 1),
        descriptions=torch.randint(1, N_WORDS, (n_codes, 10)),
        label_log_odds=log_odds(gold),
        code_groups=torch.zeros(n_codes, dtype=torch.long),
        tree=CodeTree(("",) * len(parents), parents, n_codes),
        cooccurrence=cooccurrence(gold),
        hyperbolic=torch.rand(n_codes, BALL_WIDTH) / 10,
    )


if __name__ == "__main__":
    main()
