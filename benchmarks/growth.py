"""How the cost of training ISD grows with notes, tokens, codes and queries, beside linear growth.

    python benchmarks/growth.py                          # measure into docs/growth.json
    python benchmarks/growth.py --to FILE --shrink 1000  # try it: every size a thousandth
    python benchmarks/growth.py --draw docs/growth.json docs/images/growth.png

A point is a process of its own with one thread. It trains on 8 notes at a time with all five
losses; what is not varied has the size of MIMIC-III: 1,500 tokens a note, 8,921 codes, 64 shared
queries, width 256, 52,252 words. `notes` is an epoch over so many notes of MIMIC-III's lengths,
read from disk (64 lengths of a log-normal of mean 1,485, none above 4,000, repeated); the others
are the median of 3 steps after one to warm up. Seconds are the processor's. Memory is the
process's peak beyond what it took once the libraries were loaded. A point that the file has is
not measured again, unless `--again`. Draws with matplotlib; measures without.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import NormalDist, median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
CURVES = {
    "notes": (64, 192, 640, 1_920),
    "tokens": (250, 500, 1_000, 2_000, 4_000, 8_000),
    "codes": (50, 500, 2_000, 8_921, 24_000, 72_000),  # 72,000: ICD-10-CM
    "queries": (1, 8, 64, 256, 1_159),  # 1,159: the categories of MIMIC-III's codes
}
USUAL = {"tokens": 1_500, "codes": 8_921, "queries": 64, "words": 52_252}
LEAST = {"notes": 64, "tokens": 16, "codes": 20, "queries": 1, "words": 100}
BATCH, CODES_A_NOTE, WORDS_A_TITLE = 8, 15, 10
WIDTH, WORD_WIDTH, LENGTHS, LONGEST = 256, 100, 64, 4_000
LABELS = {
    "notes": "notes",
    "tokens": "tokens of each of 8 notes",
    "codes": "codes",
    "queries": "shared queries",
}
TITLE = (
    "Training ISD, {batch} notes a step, all five losses, one thread; where not varied: "
    "{tokens} tokens, {codes} codes, {queries} queries\n{machine}, torch {torch}, {date}"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "growth.json")
    parser.add_argument("--again", action="store_true", help="measure all points anew")
    parser.add_argument("--shrink", type=int, default=1, help="divide every size by this")
    parser.add_argument("--draw", type=Path, nargs=2, metavar=("JSON", "PNG"))
    parser.add_argument("--only", nargs=2, metavar=("CURVE", "SIZE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.draw:
        draw(json.loads(options.draw[0].read_text(encoding="utf-8")), options.draw[1])
    elif options.only:
        curve, size = options.only
        print(json.dumps(cost(curve, int(size), shrunk(USUAL, options.shrink))))
    else:
        measure_all(options)


def measure_all(options: argparse.Namespace) -> None:
    """Measure what the file lacks, writing it after every point; print a ratio for each curve."""
    from isd_pipeline.data.files import write_json

    found = started(options)
    for curve in CURVES:
        points = found["curves"][curve]
        for size in sizes_of(curve, options.shrink):
            if size not in [point["size"] for point in points]:
                point = {"size": size, **cost_apart(curve, size, options.shrink)}
                points.append(point)
                points.sort(key=lambda point: point["size"])
                told = f"{size:7,} {point['seconds']:9.2f} CPU s {point['gb']:6.2f} GB"
                print(f"{curve:8}{told}", flush=True)
                write_json(options.to, found)
    for curve in CURVES:
        points = found["curves"][curve]
        more, cpu, memory = (points[-1][of] / points[0][of] for of in ("size", "seconds", "gb"))
        print(f"ratio: {more:.1f} x the {curve}, {cpu:.1f} x the time, {memory:.1f} x the memory")


def started(options: argparse.Namespace) -> dict[str, Any]:
    """What the file holds already, or nothing yet; points of two machines are not mixed."""
    made = {
        "machine": processor(),
        "torch": version("torch"),
        "usual": shrunk(USUAL, options.shrink),
        "batch": BATCH,
    }
    if options.again or not options.to.exists():
        today = datetime.date.today().isoformat()
        return {**made, "date": today, "curves": {curve: [] for curve in CURVES}}
    found = json.loads(options.to.read_text(encoding="utf-8"))
    for name, value in made.items():
        if found[name] != value:
            raise SystemExit(f"{options.to}: {name} is {found[name]}, here {value}; add --again")
    return found


def processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def shrunk(sizes: dict[str, int], by: int) -> dict[str, int]:
    return {name: max(LEAST[name], size // by) for name, size in sizes.items()}


def sizes_of(curve: str, by: int) -> list[int]:
    return sorted({max(LEAST[curve], size // by) for size in CURVES[curve]})


def cost_apart(curve: str, size: int, shrink: int) -> dict[str, float]:
    """Measure one point in a fresh process with one thread, so that its memory is its own."""
    alone = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--only", curve, str(size), "--shrink", str(shrink)]
    done = subprocess.run(command, env=os.environ | alone, check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def cost(curve: str, size: int, usual: dict[str, int]) -> dict[str, float]:
    """CPU seconds of a step (of an epoch for `notes`), and GB beyond the libraries."""
    import torch

    from isd_pipeline.training.batches import training_batches
    from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train_epoch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    sizes = {**usual, curve: size}
    model, objective, loaded = made_model(sizes)
    config = TrainingConfig(batch_size=BATCH)
    optimizer = make_optimizer(model, config)

    def spent(batches: Any) -> float:
        begin = time.process_time()
        train_epoch(model, batches, objective, optimizer, config, objective.weights, epoch=1)
        return time.process_time() - begin

    with tempfile.TemporaryDirectory() as folder:
        documents = made_documents(Path(folder), sizes)
        longest = int(documents.lengths.max())
        batches = training_batches(documents, BATCH, longest, seed=0, epoch=1)
        spent(list(islice(batches, 1)))
        seconds = [spent(batches) for _ in range(1 if curve == "notes" else 3)]
    return {"seconds": median(seconds), "gb": peak_gb() - loaded}


def made_model(sizes: dict[str, int]) -> tuple[Any, Any, float]:
    """ISD and its objective with random vectors and titles; GB at most before they were made."""
    import torch
    import torch._dynamo  # an optimizer imports it late

    from isd_pipeline.models.isd import ISD, ISDConfig
    from isd_pipeline.training.isd_objective import ISDObjective, ISDObjectiveConfig

    loaded = peak_gb()
    words = torch.randn(sizes["words"] + 2, WORD_WIDTH)
    codes = torch.randn(sizes["codes"], WIDTH)
    titles = torch.randint(1, sizes["words"], (sizes["codes"], WORDS_A_TITLE))
    model = ISD(ISDConfig(width=WIDTH, n_queries=sizes["queries"]), words, codes)
    return model, ISDObjective(ISDObjectiveConfig(), titles), loaded


def made_documents(folder: Path, sizes: dict[str, int]) -> Any:
    """Random notes with 15 codes each, written to a folder and mapped into memory from there."""
    import numpy as np

    from isd_pipeline.text.documents import Documents

    random = np.random.default_rng(0)
    lengths = lengths_of(sizes)
    n = len(lengths)
    labels = [np.sort(random.choice(sizes["codes"], CODES_A_NOTE, replace=False)) for _ in lengths]
    Documents(
        ids=np.arange(n).astype(str),
        tokens=random.integers(1, sizes["words"], lengths.sum(), dtype=np.int32),
        token_starts=np.concatenate([[0], np.cumsum(lengths)]),
        labels=np.concatenate(labels).astype(np.int32),
        label_starts=np.arange(n + 1) * CODES_A_NOTE,
    ).save(folder / "documents")
    return Documents.open(folder / "documents")


def lengths_of(sizes: dict[str, int]) -> Any:
    """Tokens of each note, ascending: one batch of equal ones, or the quantiles of MIMIC-III's."""
    import numpy as np

    if "notes" not in sizes:
        return np.full(BATCH, sizes["tokens"])
    logarithms = [NormalDist(7.17, 0.52).inv_cdf((n + 0.5) / LENGTHS) for n in range(LENGTHS)]
    mimic = np.minimum(np.exp(logarithms), LONGEST)
    scaled = (mimic * sizes["tokens"] / USUAL["tokens"]).astype(np.int64)
    return np.sort(np.resize(scaled, sizes["notes"]))


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def draw(found: dict[str, Any], path: Path) -> None:
    """Time above memory, a column for each curve, all axes logarithmic; 1,200 pixels wide."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(CURVES), figsize=(12, 6), dpi=100, layout="constrained")
    for column, curve in enumerate(CURVES):
        unit = "epoch" if curve == "notes" else "step"
        rows = {"seconds": f"CPU seconds of one {unit}", "gb": "memory, GB"}
        for row, (name, label) in enumerate(rows.items()):
            panel(axes[row, column], found["curves"][curve], name, label)
        axes[-1, column].set_xlabel(LABELS[curve])
    usual = {name: f"{size:,}" for name, size in found["usual"].items()}
    figure.suptitle(TITLE.format(**found, **usual), fontsize=11)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path)


def panel(axes: Any, points: list[dict[str, float]], name: str, label: str) -> None:
    """The measured points, and the straight line of linear growth through the first of them."""
    from matplotlib.ticker import LogLocator, NullLocator

    sizes, values = ([point[of] for point in points] for of in ("size", name))
    linear = [values[0] * size / sizes[0] for size in sizes]
    axes.loglog(sizes, linear, "--", color="#8a93a3", label="linear growth from the first point")
    axes.loglog(sizes, values, "o-", color="#2f6fce", label="measured")
    axes.set_ylim(min(values) / 2, max(values) * 4)
    axes.set_ylabel(label)
    axes.set_xticks([sizes[0], sizes[len(sizes) // 2], sizes[-1]])
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
        axis.set_minor_locator(NullLocator())
    axes.grid(color="#dfe3e8")
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
