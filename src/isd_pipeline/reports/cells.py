"""How a report writes numbers, names and tables: the same for the page and for Markdown.

A cell is `mean ± sd` over seeds, or the value alone where there is one seed; what stands below it,
an interval or the paper's number, is on lines of its own.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from isd_pipeline.reports.results import Experiment, Measured

NONE = "–"

LABELS = {
    "f1_micro": "micro-F1",
    "f1_macro_caml": "macro-F1 (CAML)",
    "f1_macro_per_code": "macro-F1 (per code)",
    "auc_macro": "macro-AUC",
    "auc_micro": "micro-AUC",
    "p_at_5": "P@5",
    "p_at_8": "P@8",
    "r_at_8": "R@8",
    "map": "MAP",
    "official_map": "MAP, official",
    "official_f1": "F1, official (tuned)",
    "official_precision": "precision, official (tuned)",
    "official_recall": "recall, official (tuned)",
    "attention_sd": "attention sd at 4,000 words",
    "attention_entropy": "attention entropy (nats)",
    "attention_words": "words read by a query",
    "precision_micro": "micro-precision",
    "recall_micro": "micro-recall",
    "f1_macro_caml_present": "macro-F1 (CAML), present",
    "f1_macro_per_code_present": "macro-F1 (per code), present",
    "jaccard_example": "Jaccard a document",
    "exact_match": "exact match",
    "predicted_per_document": "codes predicted a document",
    "threshold": "threshold (score)",
}
_DIGITS = {"attention_sd": 6, "attention_entropy": 2, "attention_words": 1}


@dataclass(frozen=True)
class Table:
    """Rows of cells under a caption; `words` names the columns that are read, not compared.

    `marks` says of each row "", "baseline", "below" (below the best baseline), "published" (by
    others) or "size".
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: Collection[str] = ()
    marks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def mark(self, row: int) -> str:
        """What row number `row` is marked as."""
        return self.marks[row] if self.marks else ""

    def has_spread(self, column: int) -> bool:
        """Whether a cell of this column is `mean ± sd`: the others then leave room for it."""
        return any(" ± " in row[column] for row in self.rows)


def label(metric: str) -> str:
    """The name of a metric as a reader knows it; a tuned one says so."""
    if metric.endswith("_tuned"):
        return f"{label(metric.removesuffix('_tuned'))}, tuned"
    return LABELS.get(metric, metric.replace("_", " "))


def digits(metric: str) -> int:
    """How many digits after the point a metric is written with."""
    return _DIGITS.get(metric, 3)


def number(value: float | None, digits: int = 3) -> str:
    """A number with a true minus sign and thousands apart; a dash for what is not there."""
    if value is None:
        return NONE
    rounded = round(value, digits) + 0.0  # which is never −0
    return f"{rounded:,.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """A difference, with its sign even where it is positive."""
    return f"{value:+,.{digits}f}".replace("-", "−")


def cell(measured: Measured | None, digits: int = 3) -> str:
    """`mean ± sd`, or the value of one seed."""
    if measured is None:
        return NONE
    spread = "" if measured.sd is None else f" ± {number(measured.sd, digits)}"
    return number(measured.mean, digits) + spread


def interval(bounds: tuple[float, float] | None, digits: int = 3) -> str:
    """`[low, high]`."""
    return "" if bounds is None else f"[{number(bounds[0], digits)}, {number(bounds[1], digits)}]"


def lines(*parts: str) -> str:
    """One cell of several lines; what is empty has none."""
    return "\n".join(part for part in parts if part)


def seeds(count: int) -> str:
    """How many seeds, in words."""
    return "1 seed" if count == 1 else f"{count} seeds"


def by_experiment(
    caption: str,
    found: Sequence[Experiment],
    columns: Iterable[str],
    cells: Callable[[Experiment], Iterable[str]],
    notes: tuple[str, ...] = (),
) -> Table:
    """A row an experiment: its name and seeds, then its cells."""
    return Table(
        caption,
        ("experiment", "seeds", *columns),
        tuple((one.heading, seeds(len(one.runs)), *cells(one)) for one in found),
        {"experiment", "seeds"},
        tuple(one.mark for one in found),
        notes,
    )


def stamped(table: Table, stamp: str) -> Table:
    """The table, with what must be said of its numbers in the caption."""
    return replace(table, caption=f"{table.caption} ({stamp})") if stamp else table


def template(name: str) -> Any:
    """A page to be filled, by its file in this package; what is put in is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("isd_pipeline", "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment.get_template(name)


def _breakable(text: str) -> Any:
    """Escaped, and a line may end after an underscore: experiments have long names."""
    from markupsafe import Markup, escape

    return Markup(str(escape(text)).replace("_", "_<wbr>"))
