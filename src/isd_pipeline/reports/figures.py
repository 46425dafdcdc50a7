"""The figures of a report that show the data, the trainings, and the seeds of a table's rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.reports import drawing
from isd_pipeline.reports.cells import label
from isd_pipeline.reports.layout import Layout
from isd_pipeline.reports.results import BESIDE_LOSSES, Experiment, RunResult, experiments

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRIC = "f1_micro_tuned"  # at 0.5 a model that is not calibrated says little


def long_tail(documents_per_code: np.ndarray, share: float) -> str:
    """Documents per code by rank, both on log scales; the top tenth shaded, with its share."""

    def draw(axes: Axes) -> None:
        counts = documents_per_code[documents_per_code > 0]
        tenth = -(-len(documents_per_code) // 10)
        ranks = np.arange(1, len(counts) + 1)
        axes.axvspan(0.8, tenth + 0.5, color=drawing.SERIES[0], alpha=0.12, lw=0)
        axes.plot(ranks, counts, color=drawing.SERIES[0], lw=2)
        axes.set(xscale="log", yscale="log", xlabel="rank of the code", ylabel="documents")
        axes.set_xlim(0.8, max(len(documents_per_code), 2) * 1.1)
        axes.set_ylim(0.8, max(counts.max(initial=1), 2) * 1.6)
        drawing.plain_numbers(axes.xaxis, axes.yaxis)
        codes = f"{tenth:,} code{'s' if tenth > 1 else ''}"
        told = f"top tenth ({codes}):\n{share:.0%} of occurrences"
        axes.text(0.03, 0.06, told, transform=axes.transAxes, color=drawing.INK)

    return drawing.on_axes("long-tail", draw)


def note_lengths(lengths: np.ndarray, max_tokens: int | None) -> str:
    """How long the documents are, in tokens, and where they are cut off."""

    def draw(axes: Axes) -> None:
        top = max(int(lengths.max(initial=1)), 1)
        axes.hist(lengths, bins=min(40, top), range=(0, top), color=drawing.SERIES[0], rwidth=0.9)
        axes.set(xlabel="tokens", ylabel="documents", xlim=(0, top * 1.02))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        drawing.whole_numbers(axes.yaxis)
        if max_tokens is not None and max_tokens < top:
            cut = np.mean(lengths > max_tokens)
            axes.axvline(max_tokens, color=drawing.SERIES[1], lw=1.5, ls=(0, (4, 2)))
            side: dict[str, Any] = {"ha": "right", "x": max_tokens - 0.01 * top}
            if max_tokens < top / 2:
                side = {"ha": "left", "x": max_tokens + 0.01 * top}
            words = f"cut at {max_tokens:,}\n({cut:.1%} of documents)"
            axes.text(
                y=0.98,
                s=words,
                va="top",
                color=drawing.INK,
                transform=axes.get_xaxis_transform(),
                **side,
            )

    return drawing.on_axes("note-lengths", draw)


def codes_per_note(codes_per_document: np.ndarray) -> str:
    """How many codes the documents have."""

    def draw(axes: Axes) -> None:
        top = max(int(codes_per_document.max(initial=1)), 1)
        step = -(-(top + 1) // 40)
        edges = np.arange(0, top + step + 1, step) - 0.5
        axes.hist(codes_per_document, bins=edges.tolist(), color=drawing.SERIES[2], rwidth=0.9)
        axes.set(xlabel="codes", ylabel="documents", xlim=(-0.7, edges[-1] + 0.2))
        drawing.whole_numbers(axes.xaxis)
        drawing.whole_numbers(axes.yaxis)

    return drawing.on_axes("codes-per-note", draw)


def training_losses(one: Experiment) -> str | None:
    """Each loss term by epoch on a log scale, each seed a line; None without a history."""

    def is_loss(column: str) -> bool:
        return column not in BESIDE_LOSSES and not column.startswith("dev_")

    return _curves(one, "losses", is_loss, "loss (training)", log=True)


def training_scores(one: Experiment) -> str | None:
    """Each dev metric by epoch, each seed a line; None without one."""
    return _curves(one, "scores", lambda column: column.startswith("dev_"), "dev split", log=False)


def _curves(
    one: Experiment, kind: str, wanted: Callable[[str], bool], ylabel: str, *, log: bool
) -> str | None:
    histories = [run.history for run in one.runs if run.history is not None]
    columns = list(dict.fromkeys(c for h in histories for c in h.columns if wanted(str(c))))
    columns = [c for c in columns if any(h[c].notna().any() for h in histories if c in h)]
    if not columns:
        return None

    def draw(axes: Axes) -> None:
        for number, column in enumerate(columns):
            name = label(column.removeprefix("dev_"))
            for seed, history in enumerate(h for h in histories if column in h):
                marker = "o" if len(history) == 1 else None
                axes.plot(
                    history["epoch"],
                    history[column].where(history[column] > 0) if log else history[column],
                    color=drawing.SERIES[number % len(drawing.SERIES)],
                    lw=1.6,
                    ls="-" if number < len(drawing.SERIES) else "--",
                    alpha=0.9,
                    marker=marker,
                    label=None if seed else name,
                )
        axes.set(xlabel="epoch", ylabel=ylabel, yscale="log" if log else "linear")
        drawing.whole_numbers(axes.xaxis)
        if log:
            drawing.plain_numbers(axes.yaxis)
        else:
            axes.set_ylim(bottom=0)
        drawing.legend_above(axes, columns=3)

    return drawing.on_axes(f"{kind}-{drawing.svg_id(one.name)}", draw, size=(5.6, 3.4))


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

    return drawing.on_axes(
        f"seeds-{drawing.svg_id(layout.title)}", draw, size=(11.4, 1.0 + 0.34 * len(found))
    )


def _seeds(axes: Axes, row: int, one: Experiment, *, is_reference: bool) -> None:
    values = [run.metrics[METRIC] for run in one.runs if METRIC in run.metrics]
    mean, colour = fmean(values), drawing.SERIES[1 if is_reference else 0]
    filled = "none" if one.baseline else colour
    axes.plot(values, [row] * len(values), "o", color=colour, mfc=filled, ms=6, alpha=0.8)
    axes.plot([mean], [row], "|", color=drawing.INK, ms=15, mew=1.6)
    if is_reference:
        axes.axvline(mean, color=drawing.FAINT, lw=0.8, ls="--")
