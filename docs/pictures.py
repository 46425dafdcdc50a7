"""Draw the pictures of docs/results.md from the record of all runs, results/.

    python docs/pictures.py                    into docs/images
    python docs/pictures.py --to FOLDER        elsewhere

Systems are called by the titles of conf/base/parameters_experiments.yml.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, pstdev
from typing import Any

import yaml

from isd_pipeline.catalog.results import Run, read_results

ROOT = Path(__file__).parents[1]
EXPERIMENTS = ROOT / "conf/base/parameters_experiments.yml"
COLOURS = ("#5d6878", "#c23b5a", "#d9662b", "#2f6fce", "#2a8c5f", "#a04bb0", "#b8902a")
MARKERS = "osvD^PX"
METRIC = "f1_micro_tuned"
DPI = 100  # 12 inches are 1,200 pixels
BY_FREQUENCY = (
    "logistic_regression",
    "isd",
    "isd_aligned",
    "bilstm_label_attention",
    "ensemble_pair",
    "ensemble_mentions_descriptions",
)
PARTS = {
    "distillation_loss": "distillation loss",
    "self_distillation": "self-distillation",
    "code_completion": "code completion",
    "cooccurrence_decoder": "co-occurrence decoder",
    "shared_representation": "shared representations",
}


def main() -> None:
    """Both pictures, into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=ROOT / "docs/images")
    folder = parser.parse_args().to
    draw_frequency("codiesp_full", folder / "codiesp_full_frequency.png")
    draw_table3("codiesp_50", folder / "table3.png")


def titles() -> dict[str, str]:
    """What each experiment is, in words."""
    rows = yaml.safe_load(EXPERIMENTS.read_text(encoding="utf-8"))["experiments"]
    return {name: (row or {}).get("title", name) for name, row in rows.items()}


def runs_of(runs: Sequence[Run], experiment: str) -> list[Run]:
    """Its seeds. Raises ValueError where none is recorded."""
    found = [run for run in runs if run.experiment == experiment]
    if not found:
        raise ValueError(f"results: no run of {experiment}")
    return found


def best_network(runs: Sequence[Run]) -> str:
    """The network with the highest mean micro-F1 over its seeds."""
    names = {run.experiment for run in runs if run.kind == "network"}
    return max(
        names, key=lambda name: fmean(run.metrics["test"][METRIC] for run in runs_of(runs, name))
    )


def strata_of(runs: Sequence[Run]) -> Iterator[tuple[str, int, list[float]]]:
    """Of each band of frequency its name, its codes in test, and the mean F1 a code by seed."""
    bands = [run.breakdowns["frequency"] for run in runs]
    for rows in zip(*bands, strict=True):
        values = [row["f1_macro_per_code_present"] for row in rows]
        if None not in values:
            yield rows[0]["stratum"], int(rows[0]["codes_present"]), values


def draw_frequency(cohort: str, path: Path) -> None:
    """Mean F1 a code by how many training documents have it, a line a system."""
    runs, named = read_results(ROOT / "results" / cohort), titles()
    shown = list(dict.fromkeys((*BY_FREQUENCY, best_network(runs))))
    figure, axes = new_figure(1, height=5.6)
    for number, name in enumerate(shown):
        bands = list(strata_of(runs_of(runs, name)))
        places = [place + 0.03 * (number - 2) for place in range(len(bands))]
        values = [found for _, _, found in bands]
        seeds = len(values[0])
        axes[0].errorbar(
            places,
            [fmean(found) for found in values],
            yerr=[pstdev(found) for found in values],
            marker=MARKERS[number],
            color=COLOURS[number],
            ls="--" if name == "logistic_regression" else "-",
            label=f"{named[name]} ({seeds} seed{'s' if seeds > 1 else ''})",
        )
    ticks = [f"{band}\n{codes:,} code{'s' if codes > 1 else ''}" for band, codes, _ in bands]
    axes[0].set_xticks(range(len(ticks)), ticks)
    axes[0].set(xlabel="training documents that have the code", ylabel="mean F1 of a code")
    axes[0].set_ylim(0, 1)
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
    figure.savefig(path, dpi=DPI)


def draw_table3(cohort: str, path: Path) -> None:
    """Tuned micro-F1 of every seed of Table 3, in both readings; a bar is their mean."""
    runs = read_results(ROOT / "results" / cohort)
    figure, panels = new_figure(2, height=7.2)
    for axes, whole, name in zip(panels, ("isd", "isd_aligned"), _READINGS, strict=True):
        rows = [whole, *(f"{whole}_without_{part}" for part in PARTS)]
        for place, row in enumerate(rows):
            values = [run.metrics["test"][METRIC] for run in runs_of(runs, row)]
            mean, colour = fmean(values), COLOURS[2] if place == 0 else COLOURS[3]
            axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.75)
            axes.plot([mean] * 2, [place - 0.3, place + 0.3], color="#1d2430", lw=2)
            if place == 0:
                axes.axvline(mean, color="#5d6878", ls="--", lw=1)
        names = ["whole model", *(f"without {part}" for part in PARTS.values())]
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_title(name, loc="left")
        axes.grid(axis="x", color="#dfe3e8")
    panels[-1].set_xlabel("micro-F1 on test at the tuned threshold")
    figure.savefig(path, dpi=DPI)


_READINGS = ("ISD as published", "ISD with words and codes in one space (isd_aligned)")


def new_figure(rows: int, height: float) -> tuple[Any, list[Any]]:
    """A figure 1,200 pixels wide, and its panels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, height), layout="constrained")
    panels = list(figure.subplots(rows, 1, squeeze=False).ravel())
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dfe3e8")
        axes.set_axisbelow(True)
        axes.tick_params(labelsize=12)
        axes.xaxis.label.set_size(12)
        axes.yaxis.label.set_size(12)
    return figure, panels


if __name__ == "__main__":
    main()
