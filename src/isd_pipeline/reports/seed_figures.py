"""The figure of a table of experiments: a row an experiment, a dot a seed."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from isd_pipeline.reports.cells import label
from isd_pipeline.reports.drawing import FAINT, INK, SERIES, on_axes, svg_id
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.results import Experiment, RunResult, experiments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRIC = "f1_micro_tuned"  # at 0.5 a model that is not calibrated says little


def by_seed(layout: Layout, runs: Sequence[RunResult]) -> str | None:
    """Tuned micro-F1 of every seed, and their mean; None of a table whose numbers are others.

    A line goes through the mean of the table's reference; baselines are hollow.
    """
    known = {one.name: one for one in experiments(runs) if one.measured(METRIC)}
    found = [known[name] for name in layout.experiments if name in known]
    if layout.metrics or len(found) < 2:
        return None

    def draw(axes: Axes) -> None:
        for row, one in enumerate(found):
            _seeds(axes, row, one, is_reference=one.name == layout.reference)
        axes.set_yticks(range(len(found)), [one.shown for one in found])
        axes.set_ylim(len(found) - 0.5, -0.5)
        axes.set_xlabel(label(METRIC))
        axes.grid(axis="x")

    return on_axes(f"seeds-{svg_id(layout.title)}", draw, size=(11.4, 1.0 + 0.34 * len(found)))


def _seeds(axes: Axes, row: int, one: Experiment, *, is_reference: bool) -> None:
    values = [run.metrics[METRIC] for run in one.runs if METRIC in run.metrics]
    mean, colour = fmean(values), SERIES[1 if is_reference else 0]
    filled = "none" if one.baseline else colour
    axes.plot(values, [row] * len(values), "o", color=colour, mfc=filled, ms=6, alpha=0.8)
    axes.plot([mean], [row], "|", color=INK, ms=15, mew=1.6)
    if is_reference:
        axes.axvline(mean, color=FAINT, lw=0.8, ls="--")
