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
import platform
import tempfile
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from measuring import ROOT, cpu_seconds, peak_gb, run_apart

CURVES = {
    "notes": (64, 192, 640, 1_920),
    "tokens": (250, 500, 1_000, 2_000, 4_000, 8_000),
    "codes": (50, 500, 2_000, 8_921, 24_000, 72_000),  # 72,000: ICD-10-CM
    "queries": (1, 8, 64, 256, 1_159),  # 1,159: the categories of MIMIC-III's codes
}
USUAL = {"tokens": 1_500, "codes": 8_921, "queries": 64, "words": 52_252}
LEAST = {"notes": 64, "tokens": 16, "codes": 20, "queries": 1, "words": 100}
BATCH = 8
LABELS = {
    "notes": "notes",
    "tokens": "tokens of each of 8 notes",
    "codes": "codes",
    "queries": "shared queries",
}
TITLE = (
    "Training ISD, {batch} notes a step, all five losses, one thread; where not varied: "
    "{tokens} tokens, {codes} codes, {queries} queries\n"
    "log-log axes: what grows linearly has the slope of the dashed line; "
    "{machine}, torch {torch}, {date}"
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
    from isd_pipeline.data.io.files import write_json

    found = started(options)
    for curve in CURVES:
        points = found["curves"][curve]
        for size in sizes_of(curve, options.shrink):
            if size not in [point["size"] for point in points]:
                asked = ("--only", curve, size, "--shrink", options.shrink)
                point = {"size": size, **run_apart(__file__, *asked)}
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


def cost(curve: str, size: int, usual: dict[str, int]) -> dict[str, float]:
    """CPU seconds of a step (of an epoch for `notes`), and GB beyond the libraries."""
    import numpy as np
    from mimic_shaped import MEAN, Sizes, made_documents, made_isd, mimic_lengths

    from isd_pipeline.training.batches import training_batches
    from isd_pipeline.training.loop import TrainingConfig, make_optimizer, train_epoch

    loaded = peak_gb()
    given = {**usual, curve: size}
    sizes = Sizes(codes=given["codes"], queries=given["queries"], words=given["words"])
    model, objective = made_isd(sizes)
    config = TrainingConfig(batch_size=BATCH)
    optimizer = make_optimizer(model, config)

    def spent(batches: Any) -> float:
        steps = (model, batches, objective, optimizer, config, objective.weights)
        return cpu_seconds(lambda: train_epoch(*steps, epoch=1))

    with tempfile.TemporaryDirectory() as folder:
        lengths = np.full(BATCH, given["tokens"])
        if curve == "notes":
            lengths = mimic_lengths(size, MEAN * given["tokens"] / USUAL["tokens"])
        documents = made_documents(lengths, sizes, Path(folder) / "documents")
        longest = int(documents.lengths.max())
        batches = training_batches(documents, BATCH, longest, seed=0, epoch=1)
        spent(list(islice(batches, 1)))
        seconds = [spent(batches) for _ in range(1 if curve == "notes" else 3)]
    return {"seconds": median(seconds), "gb": peak_gb() - loaded}


def draw(found: dict[str, Any], path: Path) -> None:
    """Time above memory, a column for each curve, all axes logarithmic; 1,200 pixels wide."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(2, len(CURVES), figsize=(12, 6.6), dpi=100, layout="constrained")
    for column, curve in enumerate(CURVES):
        unit = "epoch" if curve == "notes" else "step"
        rows = {"seconds": f"CPU seconds of one {unit}", "gb": "memory, GB"}
        for row, (name, label) in enumerate(rows.items()):
            panel(axes[row, column], found["curves"][curve], name, label)
        axes[-1, column].set_xlabel(LABELS[curve])
    usual = {name: f"{size:,}" for name, size in found["usual"].items()}
    figure.suptitle(TITLE.format(**found, **usual), fontsize=12)
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
    wide = sizes[-1] / sizes[0] > 100  # of many decades a label each is enough
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 3)))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.tick_params(labelsize=10)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:,g}")
        axis.set_minor_locator(NullLocator())
    axes.grid(color="#dfe3e8")
    axes.spines[["top", "right"]].set_visible(False)


if __name__ == "__main__":
    main()
