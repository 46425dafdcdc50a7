"""The figures of where a model helps and how far to trust it: strata, reliability.

A figure shows the few experiments that it is given; the tables have them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.reports import drawing
from isd_pipeline.reports.breakdowns import KINDS, SMALL, scored_strata, shown_chapters
from isd_pipeline.reports.cells import label, number
from isd_pipeline.reports.results import Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FEWEST_CELLS = 20  # of a bin of the reliability plot


def by_frequency(found: Sequence[Experiment], metric: str, ylabel: str) -> str | None:
    """A metric by training frequency, a line per experiment, bars ± sd; baselines dashed."""
    names = _names(found, "frequency")
    if not names:
        return None

    def draw(axes: Axes) -> None:
        _bars(axes, found, "frequency", names, metric)
        axes.set(xlabel=KINDS["frequency"][0], ylabel=ylabel)
        axes.set_ylim(bottom=0)
        drawing.legend_above(axes, columns=3)

    return drawing.on_axes("by-frequency", draw, size=(11.4, 4.4))


def by_small_strata(found: Sequence[Experiment], metric: str) -> str | None:
    """A metric by code system, by length and by number of codes, side by side."""
    kinds = {kind: names for kind in SMALL if len(names := _names(found, kind)) > 1}
    if not kinds:
        return None

    def draw(figure: Figure) -> None:
        ratios = [len(names) for names in kinds.values()]
        panels = figure.subplots(1, len(kinds), sharey=True, width_ratios=ratios, squeeze=False)[0]
        for axes, (kind, names) in zip(panels, kinds.items(), strict=True):
            _bars(axes, found, kind, names, metric)
            axes.set_xlabel(KINDS[kind][0])
        panels[0].set_ylabel(label(metric))
        panels[0].set_ylim(bottom=0)
        drawing.legend_outside(figure, panels[0])

    return drawing.on_figure("small-strata", draw, size=(11.4, 4.2))


def _names(found: Sequence[Experiment], kind: str) -> list[str]:
    return [row["stratum"] for row in scored_strata(found, kind)]


def _bars(
    axes: Axes,
    found: Sequence[Experiment],
    kind: str,
    names: Sequence[str],
    metric: str,
    *,
    across: bool = False,
) -> None:
    """Each experiment over the strata, in their order, mean ± sd, beside each other.

    A line an experiment, from left to right; or `across`, a mark a row.
    """
    offsets = np.linspace(-0.12, 0.12, len(found)) if len(found) > 1 else np.zeros(1)
    for place, (one, offset) in enumerate(zip(found, offsets, strict=True)):
        values = [one.in_stratum(kind, name, metric) for name in names]
        means = [np.nan if value is None else value.mean for value in values]
        # [below, above]: a bar ends where no share can lie.
        spread = np.array([value.spread() if value else (0.0, 0.0) for value in values]).T
        rows, look = np.arange(len(names)), _look(one, place)
        if across:
            axes.errorbar(means, rows - 2 * offset, xerr=spread, clip_on=False, ls="none", **look)
        else:
            style = (0, (4, 2)) if one.baseline else "-"
            axes.errorbar(
                rows + offset, means, yerr=spread, clip_on=False, lw=1.4, ls=style, **look
            )
    if not across:
        axes.set_xticks(range(len(names)), list(names))
        axes.set_xlim(-0.4, len(names) - 0.6)


def _look(one: Experiment, place: int) -> dict[str, Any]:
    return {
        "color": drawing.SERIES[place % len(drawing.SERIES)],
        "marker": drawing.MARKERS[place % len(drawing.MARKERS)],
        "ms": 6,
        "mfc": "none" if one.baseline else None,
        "label": one.shown,
    }


def by_chapter(found: Sequence[Experiment], metric: str) -> str | None:
    """A metric by chapter: a row a chapter, a mark an experiment, bars ± sd."""
    rows = shown_chapters(found)
    if not rows:
        return None

    def draw(axes: Axes) -> None:
        _bars(axes, found, "chapter", [row["stratum"] for row in rows], metric, across=True)
        axes.set_yticks(
            range(len(rows)), [f"{row['stratum']} ({number(row['gold'], 0)})" for row in rows]
        )
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel(label(metric))
        axes.grid(axis="x")
        drawing.legend_above(axes, columns=3)

    return drawing.on_axes("by-chapter", draw, size=(11.4, 1.4 + 0.34 * len(rows)))


def reliability(found: Sequence[Experiment]) -> str | None:
    """A panel an experiment: share of true cells by probability, before and after temperature."""
    found = [one for one in found if one.calibrated("temperature")]
    if not found:
        return None
    columns = min(3, len(found))
    rows = -(-len(found) // columns)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for axes, one in zip(panels, found, strict=False):
            _reliability(axes, one)
        for axes in panels[len(found) :]:
            axes.set_visible(False)
        for axes in panels[max(0, len(found) - columns) : len(found)]:
            axes.set_xlabel("probability")
            axes.tick_params(labelbottom=True)
        for axes in panels[::columns]:
            axes.set_ylabel("share of cells true")
        drawing.legend_outside(figure, panels[0])

    return drawing.on_figure("reliability", draw, size=(3.8 * columns, 0.5 + 3.1 * rows))


def _reliability(axes: Axes, one: Experiment) -> None:
    axes.plot([0, 1], [0, 1], color=drawing.FAINT, lw=0.8, label="as often as said")
    for place, (when, style) in enumerate((("before", "--"), ("after", "-"))):
        cells, probability, true = pooled_bins(one, when)
        enough = cells >= FEWEST_CELLS
        axes.plot(
            probability[enough] / cells[enough],
            true[enough] / cells[enough],
            color=drawing.SERIES[place],
            marker=drawing.MARKERS[place],
            ms=4,
            lw=1.4,
            ls=style,
            clip_on=False,
            label="as it is" if when == "before" else "at the temperature fitted on dev",
        )
    axes.set_title(one.shown, fontsize=9, color=drawing.INK)
    axes.text(0.97, 0.03, _in_words(one), ha="right", va="bottom", fontsize=9, color=drawing.INK)
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")


def pooled_bins(one: Experiment, when: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells, sum of their probabilities, true ones, each [B], of all seeds together."""
    found = [run.calibration[when]["bins"] for run in one.runs if run.calibration is not None]
    cells, probability, true = (
        np.sum([bins[name] for bins in found], axis=0) for name in ("cells", "probability", "true")
    )
    return cells, probability, true


def _in_words(one: Experiment) -> str:
    before, after, temperature = (
        one.calibrated(*path).mean  # type: ignore[union-attr]
        for path in (("ece", "before"), ("ece", "after"), ("temperature",))
    )
    return f"ECE {number(before)} → {number(after)}\ntemperature {number(temperature, 2)}"
