"""The style of the figures of a report, each an SVG to stand inside a page: nothing remote.

Colours are CSS variables with a fallback, so that a page can be light or dark; letters stay
letters, in the page's own type. The same data give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
MARKERS = "osD^vP*X"
_STYLE: dict[Any, Any] = {
    **{"text.parse_math": False, "svg.fonttype": "none", "svg.hashsalt": "isd_pipeline"},
    **{"text.color": INK, "grid.color": GRID},
    **dict.fromkeys(("axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), FAINT),
    **dict.fromkeys(("figure.facecolor", "axes.facecolor"), "none"),
    **dict.fromkeys(("font.size", "axes.labelsize"), 10),
    **dict.fromkeys(("xtick.labelsize", "ytick.labelsize", "legend.fontsize"), 9),
    **dict.fromkeys(("axes.linewidth", "grid.linewidth"), 0.8),
    **dict.fromkeys(("axes.spines.top", "axes.spines.right", "legend.frameon"), False),
    **{"axes.grid": True, "axes.grid.axis": "y", "axes.axisbelow": True, "xtick.major.size": 3},
    **dict.fromkeys(("ytick.major.size", "xtick.minor.size", "ytick.minor.size"), 0),
}


def legend_above(axes: Axes, columns: int) -> None:
    """The names of the lines over the axes."""
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=columns, handlelength=1.6)


def legend_outside(figure: Figure, axes: Axes) -> None:
    """The names of one panel's lines over all panels."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper left", ncols=3, handlelength=1.6)


def plain_numbers(*axis: Any) -> None:
    """1, 10, 1,000 on a log axis, not powers."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    for each in axis:
        each.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 1 else f"{x:g}"))
        each.set_minor_formatter(NullFormatter())


def whole_numbers(axis: Any) -> None:
    """1,000, and no fraction."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=7, integer=True, steps=[1, 2, 5, 10]))
    axis.set_major_formatter("{x:,.0f}")


def on_axes(name: str, draw: Callable[[Axes], None], size: tuple[float, float] = (4.0, 2.9)) -> str:
    """Draw on one pair of axes and give the SVG, its ids under `name`; `size` is in inches."""
    return on_figure(name, lambda figure: draw(figure.add_subplot()), size)


def on_figure(name: str, draw: Callable[[Figure], None], size: tuple[float, float]) -> str:
    """Draw on as many axes as one likes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    written = io.StringIO()
    with mpl.rc_context():
        mpl.rcdefaults()  # whatever the reader's own matplotlibrc says
        mpl.rcParams.update(_STYLE)
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
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


def svg_id(text: str) -> str:
    """The text with nothing in it that an id cannot hold."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", text)
