"""The figures of a report, each an SVG to stand inside a page: no file, no script, nothing remote.

Colours are CSS variables with a fallback, so that a page can be light or dark; letters stay
letters, in the page's own type. The same data give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from isd_pipeline.evaluation.strata import FREQUENCIES
from isd_pipeline.reports.cells import label
from isd_pipeline.reports.results import BESIDE_LOSSES, Experiment

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# What matplotlib draws with, and what stands for it in the page: (CSS variable, colour without it).
INK, FAINT, GRID = "#010101", "#020202", "#030303"
SERIES = tuple(f"#04040{number}" for number in range(8))
_FALLBACK = ("#2f6fce", "#d9662b", "#2a8c5f", "#a04bb0", "#b8902a", "#c23b5a", "#3a9aa8", "#7a6a58")
_CSS = {
    INK: "var(--ink, #1d2430)",
    FAINT: "var(--faint, #5d6878)",
    GRID: "var(--grid, #dfe3e8)",
    **{
        sign: f"var(--series-{number}, {colour})"
        for number, (sign, colour) in enumerate(zip(SERIES, _FALLBACK, strict=True), start=1)
    },
}
_MARKERS = "osD^vP*X"
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "isd_pipeline",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "axes.edgecolor": FAINT,
    "axes.labelsize": 10,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


def long_tail(documents_per_code: np.ndarray, share: float) -> str:
    """Documents per code by rank, both on log scales; the top tenth shaded, with its share."""

    def draw(axes: Axes) -> None:
        counts = documents_per_code[documents_per_code > 0]
        tenth = -(-len(documents_per_code) // 10)
        ranks = np.arange(1, len(counts) + 1)
        axes.axvspan(0.8, tenth + 0.5, color=SERIES[0], alpha=0.12, lw=0)
        axes.plot(ranks, counts, color=SERIES[0], lw=2)
        axes.set(xscale="log", yscale="log", xlabel="rank of the code", ylabel="documents")
        axes.set_xlim(0.8, max(len(documents_per_code), 2) * 1.1)
        axes.set_ylim(0.8, max(counts.max(initial=1), 2) * 1.6)
        _plain_numbers(axes.xaxis, axes.yaxis)
        axes.text(
            0.03,
            0.06,
            f"top tenth ({tenth:,} code{'s' if tenth > 1 else ''}):\n{share:.0%} of occurrences",
            transform=axes.transAxes,
            color=INK,
        )

    return _drawn("long-tail", draw)


def note_lengths(lengths: np.ndarray, max_tokens: int | None) -> str:
    """How long the documents are, in tokens, and where they are cut off."""

    def draw(axes: Axes) -> None:
        top = max(int(lengths.max(initial=1)), 1)
        axes.hist(lengths, bins=min(40, top), range=(0, top), color=SERIES[0], rwidth=0.9)
        axes.set(xlabel="tokens", ylabel="documents", xlim=(0, top * 1.02))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        _whole_numbers(axes.yaxis)
        if max_tokens is not None and max_tokens < top:
            cut = np.mean(lengths > max_tokens)
            axes.axvline(max_tokens, color=SERIES[1], lw=1.5, ls=(0, (4, 2)))
            side: dict[str, Any] = {"ha": "right", "x": max_tokens - 0.01 * top}
            if max_tokens < top / 2:
                side = {"ha": "left", "x": max_tokens + 0.01 * top}
            words = f"cut at {max_tokens:,}\n({cut:.1%} of documents)"
            axes.text(
                y=0.98, s=words, va="top", color=INK, transform=axes.get_xaxis_transform(), **side
            )

    return _drawn("note-lengths", draw)


def codes_per_note(codes_per_document: np.ndarray) -> str:
    """How many codes the documents have."""

    def draw(axes: Axes) -> None:
        top = max(int(codes_per_document.max(initial=1)), 1)
        step = -(-(top + 1) // 40)
        edges = np.arange(0, top + step + 1, step) - 0.5
        axes.hist(codes_per_document, bins=edges.tolist(), color=SERIES[2], rwidth=0.9)
        axes.set(xlabel="codes", ylabel="documents", xlim=(-0.7, edges[-1] + 0.2))
        _whole_numbers(axes.xaxis)
        _whole_numbers(axes.yaxis)

    return _drawn("codes-per-note", draw)


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
                    color=SERIES[number % len(SERIES)],
                    lw=1.6,
                    ls="-" if number < len(SERIES) else "--",
                    alpha=0.9,
                    marker=marker,
                    label=None if seed else name,
                )
        axes.set(xlabel="epoch", ylabel=ylabel, yscale="log" if log else "linear")
        _whole_numbers(axes.xaxis)
        if log:
            _plain_numbers(axes.yaxis)
        else:
            axes.set_ylim(bottom=0)
        _legend_above(axes, columns=3)

    return _drawn(f"{kind}-{_id(one.name)}", draw, size=(5.6, 3.4))


def by_frequency(found: Sequence[Experiment], metric: str, ylabel: str) -> str | None:
    """A metric by training frequency, a line per experiment, bars ± sd; floors dashed."""
    found = [one for one in found if any(run.by_frequency for run in one.runs)]
    if not found:
        return None
    present = {row["stratum"]: row for row in found[0].runs[0].by_frequency}
    strata = [name for name, *_ in FREQUENCIES if present.get(name, {}).get("codes_present")]

    def draw(axes: Axes) -> None:
        offsets = np.linspace(-0.12, 0.12, len(found)) if len(found) > 1 else [0.0]
        for number, (one, offset) in enumerate(zip(found, offsets, strict=True)):
            values = [one.in_stratum(name, metric) for name in strata]
            axes.errorbar(
                np.arange(len(strata)) + offset,
                [np.nan if value is None else value.mean for value in values],
                yerr=[(value.sd or 0.0) if value else 0.0 for value in values],
                color=SERIES[number % len(SERIES)],
                marker=_MARKERS[number % len(_MARKERS)],
                ms=6,
                clip_on=False,
                lw=1.4,
                ls=(0, (4, 2)) if one.floor else "-",
                mfc="none" if one.floor else None,
                label=one.name + (" (floor)" if one.floor else ""),
            )
        axes.set_xticks(range(len(strata)), [f"{s}" for s in strata])
        axes.set(xlabel="training documents that have the code", ylabel=ylabel)
        axes.set_xlim(-0.4, len(strata) - 0.6)
        axes.set_ylim(bottom=0)
        _legend_above(axes, columns=3)

    return _drawn("by-frequency", draw, size=(11.4, 4.4))


def _legend_above(axes: Axes, columns: int) -> None:
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns, handlelength=1.6)


def _plain_numbers(*axis: Any) -> None:
    """1, 10, 1,000 on a log axis, not powers."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    for each in axis:
        each.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}"))
        each.set_minor_formatter(NullFormatter())


def _whole_numbers(axis: Any) -> None:
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter("{x:,.0f}")


def _drawn(name: str, draw: Callable[[Axes], None], size: tuple[float, float] = (4.0, 2.9)) -> str:
    """Draw on one pair of axes and give the SVG, its ids under `name`."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    written = io.StringIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the reader's own matplotlibrc says
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return _for_page(written.getvalue(), name)


def _for_page(svg: str, name: str) -> str:
    """Only the element itself; ids of its own, CSS variables for colours, the page's type."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\1{name}-", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: [^;\"]*;?", "", svg)
    width = float(re.search(r'width="([\d.]+)pt"', svg)[1])  # type: ignore[index]
    svg = re.sub(
        r'(<svg[^>]*?) width="[^"]*"', rf'\1 style="max-width:{width * 4 / 3:.0f}px"', svg, count=1
    )
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    for sign, variable in _CSS.items():
        svg = svg.replace(sign, variable)
    return svg.strip()


def _id(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)
